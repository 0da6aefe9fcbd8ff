"""An app with a key, at the org's own authorization server."""

import asyncio
import json
import os

from okta.client import Client

case = json.loads(os.environ["CASE"])
settings = case["settings"]
with open(case["rsa_file"]) as file:
    key = file.read()


async def main():
    client = Client(
        {
            "orgUrl": f"https://{settings['extra.domain']}",
            "authorizationMode": "PrivateKey",
            "clientId": settings["client_id"],
            "scopes": settings["scopes"].split(),
            "privateKey": key,
            "kid": settings["key_id"],
        }
    )
    oauth = client._request_executor._oauth
    got = await oauth.get_oauth_token() if hasattr(oauth, "get_oauth_token") else (
        await oauth.get_access_token()
    )
    print(json.dumps({"access_token": got[0]}))


asyncio.run(main())
