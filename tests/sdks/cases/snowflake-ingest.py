"""The token that a user with a key pair signs."""

import json
import os

from snowflake.ingest.utils import SecurityManager

case = json.loads(os.environ["CASE"])
settings = case["settings"]
with open(case["rsa_file"]) as file:
    key = file.read()
manager = SecurityManager(settings["extra.account"], settings["extra.user"], key)
token = manager.get_token()
print(json.dumps({"access_token": token if isinstance(token, str) else token.decode()}))
