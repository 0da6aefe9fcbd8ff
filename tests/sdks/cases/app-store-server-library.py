"""The token that an app signs for the App Store Server API."""

import json
import os

from appstoreserverlibrary.api_client import AppStoreServerAPIClient
from appstoreserverlibrary.models.Environment import Environment

case = json.loads(os.environ["CASE"])
settings = case["settings"]
with open(case["ec_file"], "rb") as file:
    key = file.read()
client = AppStoreServerAPIClient(
    key,
    settings["key_id"],
    settings["client_id"],
    settings["extra.bundle_id"],
    Environment.PRODUCTION,
)
print(json.dumps({"access_token": client._generate_token()}))
