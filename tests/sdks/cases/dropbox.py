"""A person's tokens, of an app with and without a secret."""

import json
import os

import dropbox
import requests
from dropbox.oauth import DropboxOAuth2Flow

case = json.loads(os.environ["CASE"])
settings = case["settings"]
# The SDK's own session trusts only the authorities that come with it.
session = requests.Session()
if case["does"] == "refresh":
    client = dropbox.Dropbox(
        oauth2_refresh_token=case["refresh_token"],
        app_key=settings["client_id"],
        app_secret=settings.get("client_secret"),
        session=session,
    )
    client.refresh_access_token()
    token = client._oauth2_access_token
else:
    browser = {}
    flow = DropboxOAuth2Flow(
        settings["client_id"],
        case["redirect_uri"],
        browser,
        "csrf",
        token_access_type="offline",
        use_pkce=True,
        ca_certs=os.environ["SSL_CERT_FILE"],
    )
    flow.start()
    token = flow.finish({"state": browser["csrf"], "code": case["code"]}).access_token
print(json.dumps({"access_token": token}))
