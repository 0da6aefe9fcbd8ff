"""A seller's tokens, of an app with and without a secret."""

import json
import os

from square import Square

case = json.loads(os.environ["CASE"])
settings = case["settings"]
parameters = {"client_id": settings["client_id"]}
if "client_secret" in settings:
    parameters["client_secret"] = settings["client_secret"]
if case["does"] == "code":
    parameters |= {
        "grant_type": "authorization_code",
        "code": case["code"],
        "redirect_uri": case["redirect_uri"],
    }
    if "client_secret" not in settings:
        parameters["code_verifier"] = "the-verifier"
else:
    parameters |= {"grant_type": "refresh_token", "refresh_token": case["refresh_token"]}
got = Square(token="an-access-token").o_auth.obtain_token(**parameters)
print(json.dumps({"access_token": got.access_token}))
