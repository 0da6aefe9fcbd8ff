"""Use docusign-esign with a client's token, which is replaced if DocuSign responds with 401.

    COUNTERSIGN_CONFIG=countersign.toml python docusign_esign_userinfo.py CONNECTION

Needs: pip install countersign docusign-esign
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from docusign_esign import ApiClient
from docusign_esign.client.api_exception import ApiException

import countersign


class TokenApiClient(ApiClient):  # type: ignore[misc]
    """An ApiClient that gets each call's token from `client`. All calls of the SDK use `request`."""

    def __init__(self, client: countersign.Client, **more: Any) -> None:
        super().__init__(**more)
        self.client = client

    def request(self, method: str, url: str, headers: Any = None, **more: Any) -> Any:
        token = self.client.token()
        try:
            return super().request(method, url, headers=authorized(headers, token), **more)
        except ApiException as error:
            if error.status != 401:
                raise
        self.client.invalidate(token)
        return super().request(method, url, headers=authorized(headers, self.client.token()), **more)


def authorized(headers: Any, token: countersign.Token) -> dict[str, Any]:
    return {**(headers or {}), "Authorization": token.authorization}


def api_client(client: countersign.Client) -> TokenApiClient:
    """Return the URL of the API of the user's account, which DocuSign returns."""
    made = TokenApiClient(client, host=client.identity()["base_uri"] + "/restapi")
    authorize = urlsplit(client.consent_url())
    made.set_oauth_host_name(authorize.netloc)
    return made


def main(connection: str) -> None:
    with countersign.Client.load(connection) as client:
        api = api_client(client)
        # All of the SDK's APIs work:
        # docusign_esign.EnvelopesApi(api).list_status_changes(account_id, ...)
        info = api.get_user_info(client.access_token())
        print(info.email, [account.account_name for account in info.accounts])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docusign-jwt")
