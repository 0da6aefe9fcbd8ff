"""An app with a secret and with a certificate, and a person's tokens."""

import json
import os

import msal

case = json.loads(os.environ["CASE"])
settings = case["settings"]
authority = f"https://login.microsoftonline.com/{settings['extra.tenant']}"
credential = settings.get("client_secret")
if not credential:
    with open(case["rsa_file"]) as key, open(case["rsa_certificate"]) as certificate:
        credential = {"private_key": key.read(), "public_certificate": certificate.read()}
app = msal.ConfidentialClientApplication(
    settings["client_id"], client_credential=credential, authority=authority
)
if case["does"] == "token":
    got = app.acquire_token_for_client([settings["scopes"]])
elif case["does"] == "refresh":
    got = app.acquire_token_by_refresh_token(case["refresh_token"], ["User.Read"])
else:
    got = app.acquire_token_by_authorization_code(
        case["code"], ["User.Read"], redirect_uri=case["redirect_uri"]
    )
print(json.dumps({"access_token": got.get("access_token") or str(got)}))
