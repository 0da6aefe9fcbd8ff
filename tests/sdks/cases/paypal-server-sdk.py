"""Client credentials."""

import json
import os

from paypalserversdk.configuration import Environment
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

settings = json.loads(os.environ["CASE"])["settings"]
client = PaypalServersdkClient(
    client_credentials_auth_credentials=ClientCredentialsAuthCredentials(
        o_auth_client_id=settings["client_id"], o_auth_client_secret=settings["client_secret"]
    ),
    environment=Environment.PRODUCTION,
)
print(json.dumps({"access_token": client.oauth_2.fetch_token().access_token}))
