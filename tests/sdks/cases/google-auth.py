"""Service accounts, and the refresh of a user's token."""

import json
import os

from google.auth import jwt
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

case = json.loads(os.environ["CASE"])
settings = case["settings"]


def info():
    with open(case["rsa_file"]) as file:
        key = file.read()
    return {
        "type": "service_account",
        "client_email": settings["client_id"],
        "private_key": key,
        "private_key_id": settings["key_id"],
        "token_uri": "https://oauth2.googleapis.com/token",
    }


if case["provider"] == "google":
    made = service_account.Credentials.from_service_account_info(
        info(), scopes=settings["scopes"].split(), subject=settings.get("subject")
    )
elif case["provider"] == "google-id-token":
    made = service_account.IDTokenCredentials.from_service_account_info(
        info(), target_audience=settings["extra.target_audience"]
    )
elif case["provider"] == "google-self-signed" and "audience" in settings:
    made = jwt.Credentials.from_service_account_info(
        info(), audience=settings["audience"]
    )
elif case["provider"] == "google-self-signed":
    made = service_account.Credentials.from_service_account_info(
        info(), scopes=settings["scopes"].split(), always_use_jwt_access=True
    )
else:
    made = credentials.Credentials(
        None,
        refresh_token=case["refresh_token"],
        token_uri="https://oauth2.googleapis.com/token",
        client_id=settings["client_id"],
        client_secret=settings["client_secret"],
    )
made.refresh(Request())
token = made.token
print(json.dumps({"access_token": token if isinstance(token, str) else token.decode()}))
