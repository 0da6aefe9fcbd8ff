"""Custom connections, and a person's tokens."""

import json
import os

from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import TokenApi

case = json.loads(os.environ["CASE"])
settings = case["settings"]
configuration = Configuration()
configuration.ssl_ca_cert = os.environ["SSL_CERT_FILE"]
api = TokenApi(ApiClient(configuration), settings["client_id"], settings["client_secret"])
if case["does"] == "token":
    got = api.get_client_credentials_token(False)
elif case["does"] == "refresh":
    got = api.refresh_token(case["refresh_token"], ["accounting.transactions", "offline_access"])
else:
    api.revoke_token(case["refresh_token"])
    got = {"access_token": None}
print(json.dumps({"access_token": got["access_token"]}))
