"""Use simple-salesforce with a client's token, which is replaced if Salesforce responds with 401.

    COUNTERSIGN_CONFIG=countersign.toml python simple_salesforce_userinfo.py CONNECTION

Needs: pip install countersign[requests] simple-salesforce
"""

from __future__ import annotations

import sys

import requests
from simple_salesforce import Salesforce

import countersign
import countersign.requests


def salesforce(client: countersign.Client) -> Salesforce:
    """Return a Salesforce whose session gets each call's token from `client`."""
    token = client.token()
    session = requests.Session()
    # Replaces the header that Salesforce builds from session_id, which would keep the first token.
    session.auth = countersign.requests.Auth(client)
    return Salesforce(session_id=token.access_token, instance_url=token.extra["instance_url"], session=session)


def main(connection: str) -> None:
    with countersign.Client.load(connection) as client:
        sf = salesforce(client)
        # All calls work: sf.query("SELECT Id, Name FROM Account LIMIT 3")
        user = sf.oauth2("userinfo")
        assert user is not None
        print(user["preferred_username"], user["organization_id"])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "salesforce-jwt")
