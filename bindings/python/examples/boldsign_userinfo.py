"""Use the boldsign SDK with a client's token, which is replaced if BoldSign responds with 401.

    COUNTERSIGN_CONFIG=countersign.toml python boldsign_userinfo.py CONNECTION

Needs: pip install countersign boldsign
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boldsign

import countersign


class TokenApiClient(boldsign.ApiClient):  # type: ignore[misc]
    """An ApiClient that gets each call's token from `client`. All calls of the SDK use `call_api`."""

    def __init__(self, client: countersign.Client, configuration: boldsign.Configuration) -> None:
        super().__init__(configuration)
        self.client = client

    def call_api(self, method: str, url: str, header_params: Any = None, *more: Any, **named: Any) -> Any:
        token = self.client.token()
        response = super().call_api(method, url, authorized(header_params, token), *more, **named)
        if response.status != 401:
            return response
        self.client.invalidate(token)
        return super().call_api(method, url, authorized(header_params, self.client.token()), *more, **named)


def authorized(headers: Any, token: countersign.Token) -> dict[str, Any]:
    return {**(headers or {}), "Authorization": token.authorization}


def main(connection: str) -> None:
    with countersign.Client.load(connection) as client:
        configuration = boldsign.Configuration(host=client.token().extra["api_base"])
        api = TokenApiClient(client, configuration)
        # All of the SDK's APIs work: boldsign.DocumentApi(api).list_documents(page=1)
        response = api.call_api("GET", userinfo_url(client), {"Accept": "application/json"})
        print(json.loads(response.read())["email"])


def userinfo_url(client: countersign.Client) -> str:
    """Return the URL of userinfo, which is on the host of the login page."""
    login = urlsplit(client.start_login("http://127.0.0.1/callback").url)
    return urlunsplit((login.scheme, login.netloc, "/connect/userinfo", "", ""))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "boldsign-refresh")
