"""KEY COUNT: PyJWT, used as documented. The key is parsed once."""

import sys

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

with open(sys.argv[1], "rb") as file:
    key = load_pem_private_key(file.read(), None)
for number in range(int(sys.argv[2])):
    claims = {"iss": "app", "sub": "joe", "aud": "https://login.example", "iat": 1700000000, "exp": 1700003600, "jti": str(number)}
    token = jwt.encode(claims, key, algorithm="RS256")
print(token)
