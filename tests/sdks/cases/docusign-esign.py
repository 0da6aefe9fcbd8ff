"""A key that acts for a user, and the exchange of a code."""

import json
import os

from docusign_esign import ApiClient

case = json.loads(os.environ["CASE"])
settings = case["settings"]
client = ApiClient(oauth_host_name="account-d.docusign.com")
if case["does"] == "token":
    with open(case["rsa_pkcs1"], "rb") as file:
        got = client.request_jwt_user_token(
            settings["client_id"],
            settings["subject"],
            "account-d.docusign.com",
            file.read(),
            3600,
            settings["scopes"].split(),
        )
else:
    got = client.generate_access_token(
        settings["client_id"], settings["client_secret"], case["code"]
    )
print(json.dumps({"access_token": got.access_token}))
