"""KEY COUNT: Chilkat, used as documented. The key is parsed once."""

import sys

import chilkat

chilkat.CkGlobal().UnlockBundle("trial")
key = chilkat.CkPrivateKey()
if not key.LoadPemFile(sys.argv[1]):
    sys.exit(key.lastErrorText())
jwt = chilkat.CkJwt()
header = chilkat.CkJsonObject()
header.AppendString("alg", "RS256")
header.AppendString("typ", "JWT")
for number in range(int(sys.argv[2])):
    claims = chilkat.CkJsonObject()
    claims.AppendString("iss", "app")
    claims.AppendString("sub", "joe")
    claims.AppendString("aud", "https://login.example")
    claims.AddIntAt(-1, "iat", 1700000000)
    claims.AddIntAt(-1, "exp", 1700003600)
    claims.AppendString("jti", str(number))
    token = jwt.createJwtPk(header.emit(), claims.emit(), key)
    if token is None:
        sys.exit(jwt.lastErrorText())
print(token)
