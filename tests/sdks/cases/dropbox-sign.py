"""The refresh of a person's token."""

import json
import os

from dropbox_sign import ApiClient, Configuration, apis, models

case = json.loads(os.environ["CASE"])
settings = case["settings"]
with ApiClient(Configuration()) as client:
    got = apis.OAuthApi(client).oauth_token_refresh(
        models.OAuthTokenRefreshRequest(
            client_id=settings["client_id"],
            client_secret=settings["client_secret"],
            grant_type="refresh_token",
            refresh_token=case["refresh_token"],
        )
    )
print(json.dumps({"access_token": got.access_token}))
