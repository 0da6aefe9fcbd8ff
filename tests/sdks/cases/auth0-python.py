"""Client credentials, a code and a refresh."""

import json
import os

from auth0.authentication import GetToken

case = json.loads(os.environ["CASE"])
settings = case["settings"]
key = None
if "private_key" in settings:
    with open(case["rsa_file"]) as file:
        key = file.read()
get = GetToken(
    settings["extra.domain"],
    settings["client_id"],
    client_secret=settings.get("client_secret"),
    client_assertion_signing_key=key,
)
if case["does"] == "token":
    got = get.client_credentials(settings["audience"])
elif case["does"] == "refresh":
    got = get.refresh_token(case["refresh_token"])
else:
    got = get.authorization_code(case["code"], case["redirect_uri"])
print(json.dumps({"access_token": got["access_token"]}))
