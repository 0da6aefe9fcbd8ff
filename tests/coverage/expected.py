"""The requests that an entry describes, as the catalogue's program makes them."""

import json
from urllib.parse import parse_qsl, urlsplit

from facts import CONTENT_HEADERS
from mapping import VARIABLE, as_name


class Expected:
    """Compares requests with those of an entry."""

    def __init__(self, mapping):
        self.mapping, self.entry = mapping, mapping.entry

    def compare(self, kind, found):
        """Compares URL, names and values of parameters, and where the client authenticates."""
        url, params = self.authorize() if kind == "authorize" else self.token(kind)
        got_url, got = urlsplit(found["url"]), {}
        body = found["body"]
        if isinstance(body, str):
            body = json.loads(body) if body.startswith("{") else dict(parse_qsl(body, True))
        got |= body or {}
        wanted_url = urlsplit(url)
        in_url = dict(parse_qsl(wanted_url.query, True))
        for name, value in parse_qsl(got_url.query, True):
            if name in in_url:
                same("URL's " + name, in_url.pop(name), value)
            else:
                got[name] = value
        if in_url:
            raise ValueError(f"the URL lacks {', '.join(in_url)}")
        same("URL", wanted_url[:3], got_url[:3])
        if kind != "authorize":
            self.client(kind, found, got)
        same("set of parameters", sorted(params), sorted(got))
        for name, value in params.items():
            if value is not None:
                same(name, value, str(got[name]))

    def client(self, kind, found, got):
        """Removes the client's authentication from the parameters, after it was compared."""
        rules = self.mapping.profile["grants"][kind]
        auth = rules["client_auth"][0]
        names = rules.get("names", {})
        wanted = {"post": ["client_id", "client_secret"], "none": ["client_id"], "basic": [],
                  "private_key_jwt": ["client_assertion", "client_assertion_type"]}[auth]
        for name in wanted:
            if names.get(name) == "":
                continue
            if got.pop(names.get(name, name), None) is None:
                raise ValueError(f"{name} is missing")
        # An assertion may have it beside itself.
        if auth == "private_key_jwt":
            got.pop("client_id", None)
        header = found["headers"]
        if header is not None:
            same("Authorization", auth == "basic", "Authorization" in header)

    def sample(self, value):
        """Returns a parameter's value with the settings in it."""
        if isinstance(value, bool):
            return str(value).lower()
        return self.mapping.samples(str(value).split(" || ")[0])

    def url(self, field):
        return self.mapping.samples(self.entry[field].split(" || ")[0])

    def authorize(self):
        mapping, entry = self.mapping, self.entry
        params = {"response_type": "code", "client_id": "app", "state": None,
                  "redirect_uri": "https://app.example/callback"}
        added = {**(entry.get("authorization_params") or {}), **(entry.get("auth") or {})}
        params |= {name: self.sample(value) for name, value in added.items()}
        if mapping.default_scopes:
            params["scope"] = mapping.separator.join(mapping.default_scopes)
        if "nonce" in added:
            params["nonce"] = None
        elif "openid" in mapping.default_scopes:
            params["nonce"] = None
        if mapping.pkce != "off":
            params |= {"code_challenge": None, "code_challenge_method": "S256"}
        for old, new in (entry.get("authorization_url_replacements") or {}).items():
            value = params.pop(old.removesuffix("="))
            if new:
                params[new.removesuffix("=")] = value
        return self.url("authorization_url"), params

    def token(self, kind):
        """Returns a token request's URL and parameters, without the client's authentication."""
        mapping, entry, rules = self.mapping, self.entry, self.mapping.rules_of(kind)
        field = "refresh_url" if kind == "refresh-token" and "refresh_url" in entry else "token_url"
        params = {"grant_type": kind.replace("-", "_")}
        if kind == "authorization-code":
            params |= {"code": None, "redirect_uri": "https://app.example/callback"}
            if mapping.pkce != "off":
                params["code_verifier"] = None
        if kind == "refresh-token":
            params["refresh_token"] = None
        params |= {name: self.sample(value) for name, value in mapping.params_of(kind).items()}
        if kind == "client-credentials":
            if "grant_type" not in (entry.get("token_params") or {}):
                del params["grant_type"]
            if mapping.default_scopes:
                params["scope"] = mapping.separator.join(mapping.default_scopes)
        if "grant_type" in rules:
            params["grant_type"] = rules["grant_type"]
        for old, new in rules.get("names", {}).items():
            if old in params:
                params[new] = params.pop(old)
        for name in rules.get("omitted", []):
            params.pop(name, None)
        return self.url(field), params

    def response(self, settings):
        """Returns a case: a success, and what API requests with its token have."""
        mapping, entry = self.mapping, self.entry
        in_code = mapping.code.get("response", {})
        places = {"access_token": "access_token", "expires_in": "expires_in"}
        places |= {name: in_code[name] for name in places if name in in_code}
        body, kept = {}, {}
        put(body, places["access_token"], "t")
        is_time = in_code.get("expires_as") == "unix"
        put(body, places["expires_in"], 1_700_003_600 if is_time else 3600)
        for at, value in in_code.get("success", {}).items():
            put(body, at, value)
        proxy = entry.get("proxy") or {}
        base = proxy.get("base_url", "")
        paths = {path: "/" + path.replace(".", "/")
                 for path in entry.get("token_response_metadata") or []}
        paths |= mapping.script.get("kept", {}) | mapping.code.get("kept", {})
        for path, at in paths.items():
            is_url = any(one.startswith("${connectionConfig." + path) for one in base.split(" || "))
            kept[path] = "https://kept.example.com" if is_url else "kept"
            put(body, at, kept[path])
        extra = {as_name(path): value for path, value in kept.items()}
        token = {"access_token": "t"}
        if (api := self.api_base(base, kept)) is not None:
            extra["api_base"] = api
        if extra:
            token["extra"] = extra
        if (headers := self.headers(proxy.get("headers") or {}, kept)) is not None:
            token["headers"] = headers
        return {"name": "x", "settings": settings, "status": 200, "body": body, "token": token}

    def is_later(self, text, kept):
        """Returns whether a text needs a value of a callback or of a lookup."""
        names = {name.removeprefix("connectionConfig.") for name in VARIABLE.findall(text)}
        return bool(names & (self.mapping.of_login - set(kept)))

    def api_base(self, base, kept):
        """Returns the URL of the API as soon as there is a token."""
        alternatives = [one for one in base.split(" || ") if not self.is_later(one, kept)]
        of_response = [one for one in alternatives if any("." + name + "}" in one for name in kept)]
        for one in of_response + alternatives[:1]:
            return self.filled(one, kept).rstrip("/")
        return None

    def headers(self, wanted, kept):
        """Returns the headers of API requests, or None if they need a later value."""
        headers = {"Authorization": "Bearer <access_token>"}
        for name, value in wanted.items():
            if name in CONTENT_HEADERS:
                continue
            if self.is_later(value, kept):
                return None
            if "${accessToken}" in value:
                del headers["Authorization"]
                name = "Authorization" if name == "authorization" else name
            value = value.replace("${accessToken}", "<access_token>").split(" || ")[0]
            headers[name] = self.filled(value, kept)
        return headers

    def filled(self, text, kept):
        for name, value in kept.items():
            text = text.replace("${connectionConfig." + name + "}", value)
        return self.mapping.samples(text)


def put(body, at, value):
    """Sets a member by its name or its JSON pointer."""
    *above, last = at.lstrip("/").split("/")
    for name in above:
        body = body.setdefault(name, {})
    body[last] = value


def same(what, wanted, found):
    if wanted != found:
        raise ValueError(f"{what} is {found!r}, the entry says {wanted!r}")
