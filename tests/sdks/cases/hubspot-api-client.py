"""A person's tokens."""

import json
import os

import hubspot

case = json.loads(os.environ["CASE"])
parameters = {name: case["settings"][name] for name in ("client_id", "client_secret")}
if case["does"] == "code":
    parameters |= {
        "grant_type": "authorization_code",
        "code": case["code"],
        "redirect_uri": case["redirect_uri"],
    }
else:
    parameters |= {"grant_type": "refresh_token", "refresh_token": case["refresh_token"]}
got = hubspot.Client.create().oauth.tokens_api.create(**parameters)
print(json.dumps({"access_token": got.access_token}))
