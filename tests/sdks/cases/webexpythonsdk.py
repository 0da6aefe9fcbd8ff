"""A person's tokens."""

import json
import os

from webexpythonsdk import WebexAPI

case = json.loads(os.environ["CASE"])
app = {name: case["settings"][name] for name in ("client_id", "client_secret")}
api = WebexAPI(access_token="an-access-token")
if case["does"] == "code":
    got = api.access_tokens.get(**app, code=case["code"], redirect_uri=case["redirect_uri"])
else:
    got = api.access_tokens.refresh(**app, refresh_token=case["refresh_token"])
print(json.dumps({"access_token": got.access_token}))
