"""Connected accounts."""

import json
import os

import stripe

case = json.loads(os.environ["CASE"])
stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
stripe.enable_telemetry = False
stripe.default_http_client = stripe.RequestsClient()
client = stripe.StripeClient(
    case["settings"]["client_secret"],
    client_id=case["settings"]["client_id"],
    http_client=stripe.RequestsClient(),
)
if case["does"] == "code":
    got = client.oauth.token({"grant_type": "authorization_code", "code": case["code"]})
else:
    got = client.oauth.token(
        {"grant_type": "refresh_token", "refresh_token": case["refresh_token"]}
    )
print(json.dumps({"access_token": got["access_token"]}))
