"""A service principal of a workspace."""

import json
import os

from databricks.sdk.core import Config

settings = json.loads(os.environ["CASE"])["settings"]
config = Config(
    host=f"https://{settings['extra.host']}",
    client_id=settings["client_id"],
    client_secret=settings["client_secret"],
    auth_type="oauth-m2m",
)
print(json.dumps({"access_token": config.authenticate()["Authorization"].split(" ")[1]}))
