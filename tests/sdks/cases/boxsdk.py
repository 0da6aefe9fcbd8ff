"""Server authentication with a key and with a secret, and a person's tokens."""

import json
import os

from box_sdk_gen import (
    BoxCCGAuth,
    BoxJWTAuth,
    BoxOAuth,
    CCGConfig,
    InMemoryTokenStorage,
    JWTConfig,
    OAuthConfig,
)
from box_sdk_gen.schemas import AccessToken

case = json.loads(os.environ["CASE"])
settings = case["settings"]
app = {name: settings[name] for name in ("client_id", "client_secret")}
if settings["grant"] == "jwt-bearer":
    with open(case["rsa_encrypted"]) as file:
        key = file.read()
    kind = settings.get("extra.subject_type", "enterprise")
    auth = BoxJWTAuth(
        config=JWTConfig(
            **app,
            jwt_key_id=settings["key_id"],
            private_key=key,
            private_key_passphrase=case["passphrase"],
            **{f"{kind}_id": settings["subject"]},
        )
    )
    token = auth.refresh_token()
elif settings["grant"] == "client-credentials":
    kind = settings.get("extra.subject_type", "enterprise")
    token = BoxCCGAuth(config=CCGConfig(**app, **{f"{kind}_id": settings["subject"]}))
    token = token.refresh_token()
else:
    storage = InMemoryTokenStorage()
    auth = BoxOAuth(config=OAuthConfig(**app, token_storage=storage))
    if case["does"] == "code":
        token = auth.get_tokens_authorization_code_grant(case["code"])
    else:
        storage.store(AccessToken(access_token="old", refresh_token=case["refresh_token"]))
        if case["does"] == "revoke":
            # It revokes what it takes for the access token. Box accepts either token.
            storage.store(AccessToken(access_token=case["refresh_token"]))
            auth.revoke_token()
            token = AccessToken(access_token=case["access_token"])
        else:
            token = auth.refresh_token()
print(json.dumps({"access_token": token.access_token}))
