"""A person's tokens."""

import json
import os

from freshbooks import Client

case = json.loads(os.environ["CASE"])
settings = case["settings"]
client = Client(
    client_id=settings["client_id"],
    client_secret=settings["client_secret"],
    redirect_uri=case["redirect_uri"],
)
if case["does"] == "code":
    got = client.get_access_token(case["code"])
else:
    got = client.refresh_access_token(case["refresh_token"])
print(json.dumps({"access_token": got.access_token}))
