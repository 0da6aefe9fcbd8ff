"""The normal form of a request: all that matters, without what depends on time or a key."""

import base64
import json
import re
from urllib.parse import unquote_plus

# What the HTTP library decides. It has nothing to do with OAuth.
TRANSPORT = {
    "accept-encoding", "accept-language", "connection", "content-length", "host", "keep-alive",
    "sec-fetch-mode", "te", "transfer-encoding", "user-agent",
}  # fmt: skip

TIMES = {"iat", "exp", "nbf"}


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def jwt(text):
    """Returns the header and the claims of a JWT, or `None`."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
    except ValueError:
        return None
    return (header, claims) if isinstance(header, dict) and "alg" in header else None


def _offset(origin, seconds):
    seconds = int(seconds)
    return f"{origin}{seconds:+}" if seconds else origin


class Normal:
    """Brings requests into the normal form."""

    def __init__(self, names, volatile):
        # Values that depend on a key, and the names that replace them.
        self.names = names
        # Headers, parameters and claims whose values differ each time.
        self.volatile = set(volatile)

    def token(self, text, at):
        """The normal form of a token that the app signs itself, without a request."""
        assertions = []
        self._value(text, "access_token", at, assertions)
        return {
            "method": None, "url": None, "headers": {}, "body": None, "assertions": assertions,
        }  # fmt: skip

    def request(self, request):
        at, assertions = request["at"], []
        headers = {
            name: self._header(name, value, at, assertions)
            for name, value in request["headers"]
            if name not in TRANSPORT
        }
        body = request["body"]
        if "json" in headers.get("content-type", "") and body:
            body = json.loads(body)
            body = {name: self._value(v, name, at, assertions) for name, v in body.items()}
        else:
            body = self._form(body, at, assertions)
        url, _, query = request["url"].partition("?")
        if query:
            url = f"{url}?{self._form(query, at, assertions)}"
        return {
            "method": request["method"],
            "url": url,
            "headers": dict(sorted(headers.items())),
            "body": body or None,
            "assertions": assertions,
        }

    def _header(self, name, value, at, assertions):
        if name in self.volatile:
            return f"<{name}>"
        scheme, _, rest = value.partition(" ")
        if name == "authorization" and rest and jwt(rest):
            return f"{scheme} {self._value(rest, name, at, assertions)}"
        return value

    def _form(self, form, at, assertions):
        pairs = []
        for pair in form.split("&") if form else []:
            name, equals, value = pair.partition("=")
            decoded = unquote_plus(value)
            shown = self._value(decoded, unquote_plus(name), at, assertions)
            pairs.append(name + equals + (value if shown == decoded else shown))
        return "&".join(pairs)

    def _value(self, value, name, at, assertions):
        if name in self.volatile or name == "code_verifier":
            return f"<{name}>"
        if not isinstance(value, str) or not (parts := jwt(value)):
            return value
        header, claims = parts
        assertions.append(
            {
                "in": name,
                "header": {k: self._named(v) for k, v in sorted(header.items())},
                "claims": {k: self._claim(k, v, at, claims) for k, v in sorted(claims.items())},
            }
        )
        return "<assertion>"

    def _claim(self, name, value, at, claims):
        if name == "jti" or name in self.volatile:
            return f"<{name}>"
        if name not in TIMES:
            return self._named(value)
        if name != "iat" and "iat" in claims:
            return _offset("iat", value - claims["iat"])
        # An SDK takes a moment from its clock to its request.
        return _offset("now", round((value - at) / 10) * 10)

    def _named(self, value):
        if isinstance(value, list):
            return [self._named(one) for one in value]
        if isinstance(value, str):
            for known, name in self.names.items():
                value = re.sub(re.escape(known) + "=*", name, value.replace("\n", ""))
        return value
