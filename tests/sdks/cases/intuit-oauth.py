"""A person's tokens for QuickBooks Online."""

import json
import os

from intuitlib.client import AuthClient

case = json.loads(os.environ["CASE"])
settings = case["settings"]
client = AuthClient(
    settings["client_id"], settings["client_secret"], case["redirect_uri"], "production"
)
if case["does"] == "code":
    client.get_bearer_token(case["code"], realm_id="9130")
elif case["does"] == "refresh":
    client.refresh(case["refresh_token"])
else:
    client.revoke(case["refresh_token"])
print(json.dumps({"access_token": client.access_token}))
