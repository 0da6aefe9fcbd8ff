"""The exchange of a code, and the refresh of a bot token."""

import json
import os

from slack_sdk import WebClient

case = json.loads(os.environ["CASE"])
app = {name: case["settings"][name] for name in ("client_id", "client_secret")}
if case["does"] == "code":
    got = WebClient().oauth_v2_access(**app, code=case["code"], redirect_uri=case["redirect_uri"])
else:
    got = WebClient().oauth_v2_access(
        **app, grant_type="refresh_token", refresh_token=case["refresh_token"]
    )
print(json.dumps({"access_token": got["access_token"]}))
