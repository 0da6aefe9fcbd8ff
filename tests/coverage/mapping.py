"""Maps an entry of the catalogue to a profile, and says what it can't map."""

import re
from urllib.parse import urlsplit

import facts

VARIABLE = re.compile(r"\$\{([^{}]+)\}")
SETTING = "connectionConfig."
GRANTS = {"OAUTH2": ["authorization-code", "refresh-token"], "OAUTH2_CC": ["client-credentials"]}
OWN_AUTH = {"basic": "basic", "private_key_jwt": "private_key_jwt", "custom": "post", None: "post"}
LIBRARY_DEFAULTS = {"response_type": "code"}


class Mapping:
    """An entry as a profile, with the settings of one connection.

    `unsaid` has the reasons why the profile doesn't say all of the entry.
    """

    def __init__(self, name, entry):
        self.name, self.entry, self.unsaid = name, entry, []
        # Whether a setting has what the entry takes from the callback.
        self.by_setting = self.has_certificate = False
        self.left = {key for key in entry if key not in facts.IRRELEVANT}
        self.variables = entry.get("connection_config") or {}
        self.kept, self.extra, self.secret, self.settings = {}, {}, {}, {}
        self.is_cc = entry["auth_mode"] == "OAUTH2_CC"
        code = facts.IN_CODE.get(name, facts.SAME)
        if isinstance(code, str):
            self.say_not(code)
        self.code = code if isinstance(code, dict) else {}
        self.grants = list(GRANTS[entry["auth_mode"]])
        if self.code.get("no_refresh"):
            self.grants.remove("refresh-token")
        self.profile = self._profile()
        for field in sorted(self.left):
            self.say_not(f"the field {field}")

    def say_not(self, reason):
        if reason not in self.unsaid:
            self.unsaid.append(reason)

    def take(self, field, default=None):
        self.left.discard(field)
        return self.entry.get(field, default)

    def samples(self, text):
        """Returns a text with the values that the connection's settings have."""
        def sample(found):
            name = found[1].removeprefix(SETTING)
            if name in ("client_id", "clientId"):
                return "app"
            if name == "clientSecret":
                return "<client_secret>"
            # Requests are shown with the names of secrets.
            is_secret = self.variables.get(name, {}).get("secret")
            return f"<secret.{as_name(name)}>" if is_secret else self.sample(name)
        return VARIABLE.sub(sample, text)

    # --- the profile ---

    def _profile(self):
        take = self.take
        take("auth_mode")
        profile = {
            "id": f"nango-{self.name}", "name": take("display_name", self.name),
            "documentation": take("docs", "https://nango.dev"),
            "environments": {"production": {"about": "The only one."}},
            "endpoints": {}, "grants": {}, "authorize": {}, "response": {}, "use": {},
        }
        self._keep(profile)
        self._endpoints(profile)
        self._grants(profile)
        if not self.is_cc:
            self._authorize(profile)
        self._response(profile)
        self._end(profile)
        self._use(profile)
        self._lookup(profile)
        self.extra |= self.code.get("extra", {})
        profile["extra"] = {
            name: about or name for name, about in sorted(self.extra.items())}
        profile["secret"] = dict(sorted(self.secret.items()))
        credentials = take("credentials") or {}
        if take("require_client_certificate") or "client_certificate" in credentials:
            profile["grants"][self.grants[0]]["required"] = ["client_certificate_file"]
            self.has_certificate = True
        for name in credentials:
            if name not in ("client_id", "client_secret", "client_certificate",
                            "client_private_key"):
                self.say_not(f"the credential {name}")
        take("connection_config")
        return {key: value for key, value in profile.items() if value != {}} | {
            "endpoints": profile["endpoints"]}

    def _keep(self, profile):
        """Finds the names of what is kept, which texts may contain."""
        response = {}
        for field in ("token_response_metadata", "refresh_token_response_metadata"):
            for path in self.take(field) or []:
                response[path] = "/" + path.replace(".", "/")
        script = self.take("post_connection_script")
        self.script = facts.SCRIPTS.get(script, f"the script {script}") if script else {}
        if isinstance(self.script, str):
            self.say_not(self.script)
            self.script = {}
        response |= self.script.get("kept", {}) | self.code.get("kept", {})
        if response:
            profile["response"]["kept"] = {as_name(path): at for path, at in response.items()}
        callback = self.take("redirect_uri_metadata") or []
        if callback:
            profile["authorize"]["keep"] = callback
        rules = self.script.get("lookup", {})
        self.of_login = {*response, *callback, *rules.get("kept", {}), *rules.get("also", {})}
        self.of_callback = set(callback)

    # --- endpoints ---

    def _endpoints(self, profile):
        endpoints = profile["endpoints"]
        others = {}
        for field, name in (("token_url", "token"), ("authorization_url", "authorize"),
                            ("refresh_url", "refresh")):
            url = self.take(field)
            if not url or (field == "authorization_url" and self.is_cc):
                continue
            endpoints[name], other = self._url(url)
            if other:
                others[name] = other
        if others:
            profile["environments"] = {
                "production": {"about": "The first of the entry's URLs."},
                "other": {"about": "The others.", "endpoints": others},
            }
            self.settings["environment"] = "production"
        if "token" not in endpoints:
            self.say_not("no token endpoint")
        if fragment := self.take("authorization_url_fragment"):
            self.say_not("a URL with a fragment")
        if self.take("installation") or self.take("authorization_code_param_in_webhook"):
            self.take("webhook_response_metadata")
            self.say_not("the code comes by a webhook")
        if code := self.take("authorization_code_param_in_callback"):
            profile["authorize"]["callback_names"] = {"code": code}
        skipped = self.take("authorization_url_skip_encode") or []
        if any(what != "scopes" for what in skipped):
            self.say_not("a URL that isn't encoded")
        self.scopes_are_raw = "scopes" in skipped

    def _url(self, text):
        """Returns a URL, and the one of the other environment if it has one of its own."""
        first, _, second = text.partition(" || ")
        if second and (fallback := with_fallback(first, second)):
            return self._fill(fallback, self._in_request), None
        variables = {name.removeprefix(SETTING) for name in VARIABLE.findall(second)}
        if not second or all(self._is_required(name) for name in VARIABLE.findall(first)):
            return self._fill(first, self._in_request), None
        if variables & self.of_callback:
            # A setting has the same value, and is the first alternative.
            self.by_setting = True
            return self._fill(first, self._in_request), None
        return self._fill(first, self._in_request), self._fill(second, self._in_request)

    def _is_required(self, variable):
        about = self.variables.get(variable.removeprefix(SETTING))
        return about is not None and not about.get("optional") and not about.get("automated")

    # --- placeholders ---

    def _fill(self, text, placeholder):
        """Replaces the variables of a text by placeholders."""
        parts = re.split(r"\$\{([^{}]+)\}", text)
        for at in range(1, len(parts), 2):
            variable, colon, fallback = parts[at].partition("\0")
            parts[at] = placeholder(variable, colon.replace("\0", ":") + fallback)
        return "".join(parts)

    def _in_request(self, variable, fallback=""):
        """Returns the placeholder for a variable before there is a token."""
        name = variable.removeprefix(SETTING)
        if name in ("client_id", "clientId"):
            return "{client_id}"
        if not variable.startswith(SETTING) and name not in self.variables:
            self.say_not(self._other(variable))
            return "x"
        if name in self.of_callback and name in self.variables and self._is_required(variable):
            self.of_login.discard(name)
        elif name in self.of_callback:
            self.by_setting = True
            self.of_login.discard(name)
        return "{" + self._add_setting(name) + fallback + "}"

    def _late(self, variable, fallback=""):
        """Returns the placeholder for a variable once there is a token."""
        name = variable.removeprefix(SETTING)
        if name == "clientSecret":
            return "{client_secret}"
        if name in ("client_id", "clientId"):
            return "{client_id}"
        if not variable.startswith(SETTING) and name not in self.variables:
            self.say_not(self._other(variable))
            return "x"
        if name in self.of_login:
            return "{kept." + as_name(name) + fallback + "}"
        return "{" + self._add_setting(name) + fallback + "}"

    def _other(self, variable):
        return f"the variable {variable.split(':')[0]}"

    def _add_setting(self, name):
        """Adds a setting, and returns its name."""
        about = self.variables.get(name, {})
        text = about.get("description") or about.get("title") or name
        text = " ".join(text.split()).replace("{", "(").replace("}", ")")
        table = "secret" if about.get("secret") else "extra"
        getattr(self, table)[as_name(name)] = text
        setting = f"{table}.{as_name(name)}"
        self.settings[setting] = self.sample(name)
        return setting

    def sample(self, name):
        about = self.variables.get(name, {})
        if about.get("enum"):
            return about["enum"][-1]
        whole_host = re.compile(r"https://\$\{" + re.escape(SETTING + name) + r"\}(/|$| )")
        if about.get("format") == "hostname" or whole_host.search(str(self.entry)):
            return "host.example.com"
        return "v" + re.sub("[^a-z0-9]", "", name.lower())

    # --- token requests ---

    def rules_of(self, grant):
        """Returns what the program's code does differently for one grant."""
        return self.code | self.code.get("of", {}).get(grant, {})

    def params_of(self, grant):
        """Returns the parameters that the entry adds to a token request."""
        entry = self.entry
        if grant == "refresh-token":
            params = entry.get("refresh_params") or entry.get("refresh_token_params")
            params = entry.get("token_params") if params is None else params
            standard = ("authorization_code", "refresh_token")
        else:
            params = entry.get("token_params")
            standard = (grant.replace("-", "_"),)
        params = dict(params or {})
        if params.get("grant_type", standard[0]) in standard:
            params.pop("grant_type", None)
        return params

    def _grants(self, profile):
        for field in ("token_params", "refresh_params", "refresh_token_params"):
            self.take(field)
        method = self.take("token_request_auth_method")
        auth = OWN_AUTH[method]
        if self.take("authorization_method") == "header":
            auth = "basic"
        body = self.take("body_format") or "form"
        separator = self.separator = self.take("scope_separator") or " "
        if self.scopes_are_raw and separator == "+":
            separator = self.separator = " "
        self.default_scopes = self.take("default_scopes") or []
        self.pkce = "off" if self.take("disable_pkce") else "supported"
        self.pkce = self.code.get("pkce", self.pkce)
        headers = {name: value for name, value in (self.take("token_headers") or {}).items()
                   if name != "content-type"}
        for grant in self.grants:
            rules = self.rules_of(grant)
            of_grant = {"client_auth": [rules.get("auth", auth)]}
            names = dict(rules.get("names", {}))
            for omitted in rules.get("omitted", []):
                if omitted != "redirect_uri":
                    names[omitted] = ""
            if "grant_type" in rules:
                names.pop("grant_type", None)
            if method == "custom":
                names |= {"client_id": "username", "client_secret": "password"}
            if grant == "client-credentials" and "grant_type" not in (
                    self.entry.get("token_params") or {}):
                names["grant_type"] = ""
            if names:
                of_grant["names"] = names
            if "basic_user" in rules:
                of_grant["basic_user"] = rules["basic_user"]
            if rules.get("body", body) != "form":
                of_grant["body"] = rules.get("body", body)
            if separator != " ":
                of_grant["scope_separator"] = separator
            if headers:
                of_grant["headers"] = {
                    name: self._template(value) for name, value in headers.items()}
            params = {name: self._template(value) for name, value in self.params_of(grant).items()}
            if "grant_type" in rules:
                params["grant_type"] = rules["grant_type"]
            if "scope" in params and grant == "client-credentials":
                of_grant["send_scope"] = False
            if params:
                of_grant["params"] = params
            if grant == "authorization-code":
                if "redirect_uri" not in rules.get("omitted", []):
                    of_grant["send_redirect_uri"] = True
                if self.pkce == "off":
                    of_grant["pkce"] = "off"
            if grant != "refresh-token" and self.default_scopes:
                of_grant["default_scopes"] = self.default_scopes
            if grant == "client-credentials" and self.default_scopes:
                of_grant["send_scope"] = True
            profile["grants"][grant] = of_grant
        if len({self.rules_of(grant).get("auth", auth) for grant in self.grants}) > 1:
            self.say_not("another client authentication for refreshes")
        if "private_key_jwt" in {self.rules_of(grant).get("auth", auth) for grant in self.grants}:
            profile["assertion"] = {"algorithms": ["RS256"]}
            if "claims" in self.code:
                profile["assertion"]["claims"] = self.code["claims"]
                self.settings |= {f"extra.{name}": "app.example" for name in self.code["extra"]}

    def _template(self, value):
        if not isinstance(value, str):
            return value
        first, _, second = value.partition(" || ")
        if second and (fallback := with_fallback(first, second)):
            return self._fill(fallback, self._in_request)
        if VARIABLE.fullmatch(first):
            name = first[2:-1].removeprefix(SETTING)
            about = self.variables.get(name, {})
            if about.get("optional") or about.get("default_value") == "":
                return "{" + self._add_setting(name) + "?}"
        return self._fill(first, self._in_request)

    # --- the login ---

    def _authorize(self, profile):
        authorize = profile["authorize"]
        params = {**(self.take("authorization_params") or {}), **(self.take("auth") or {})}
        if (response_type := params.pop("response_type", "code")) != "code":
            authorize["response_type"] = response_type
        # Those with the scope `openid` have one anyway.
        if params.pop("nonce", None) and "openid" not in self.default_scopes:
            authorize["nonce_without_openid"] = True
        if scope := params.pop("scope", None):
            profile["grants"]["authorization-code"]["default_scopes"] = scope.split()
            self.default_scopes = scope.split()
        if any(about.get("secret") and "${" + SETTING + name + "}" in str(params)
               for name, about in self.variables.items()):
            self.say_not("a secret in the URL of a login")
        params = {name: self._template(value) for name, value in params.items()}
        if params:
            authorize["params"] = {
                name: str(value).lower() if isinstance(value, bool) else value
                for name, value in params.items()}
        names = {}
        for old, new in (self.take("authorization_url_replacements") or {}).items():
            old, new = old.removesuffix("="), new.removesuffix("=")
            if old == "state":
                self.say_not("another name for state")
            else:
                names[old] = new
        if names:
            authorize["names"] = names

    # --- the response ---

    def _response(self, profile):
        response = profile["response"]
        lifetime = self.take("token_expires_in_ms")
        if lifetime == 0:
            response["expires_as"] = "never"
        elif lifetime:
            response["assume_lifetime_s"] = lifetime // 1000
        if unit := self.take("expires_in_unit"):
            response |= {"expires_in": "expires_in", "expires_as": unit}
        if path := self.take("alternate_access_token_response_path"):
            response["access_token"] = ["access_token", f"/{path}/access_token"]
        response |= self.code.get("response", {})

    # --- the end of a connection ---

    def _end(self, profile):
        script = self.take("pre_connection_deletion_script")
        if not script:
            return
        end = facts.ENDS.get(script, f"the script {script}")
        if isinstance(end, str):
            self.say_not(end)
            return
        origin = re.match(r"https://[^/]+", profile["endpoints"]["token"])[0]
        profile["endpoints"] |= end | {"revoke": end["revoke"].replace("{origin}", origin)}

    # --- API requests ---

    def _use(self, profile):
        use = profile["use"]
        proxy = dict(self.take("proxy") or {})
        for name in facts.IRRELEVANT_IN_PROXY:
            proxy.pop(name, None)
        self.environments = profile["environments"]
        if (base := proxy.pop("base_url", None)) and (api := self._api(base)):
            use["api_base"] = api
        for name, value in (proxy.pop("headers", None) or {}).items():
            self._header(use, name, value)
        for name in proxy:
            self.say_not(f"the field proxy.{name}")

    def _api(self, base):
        alternatives = base.rstrip("/").split(" || ")
        if len(alternatives) == 2:
            first, second = alternatives
            if fallback := with_fallback(first, second):
                return self._fill(fallback, self._late)
            # What each response has is always there.
            of_response = set(self.entry.get("token_response_metadata") or [])
            for one in alternatives:
                names = {name.removeprefix(SETTING) for name in VARIABLE.findall(one)}
                if names and names <= of_response:
                    return self._fill(one, self._late)
            if not all(self._is_required(name) for name in VARIABLE.findall(first)):
                if "other" not in self.environments:
                    self.say_not("alternative URLs of the API")
                    return first
                for environment, text in zip(("production", "other"), alternatives):
                    self.environments[environment]["extra"] = {
                        "api_base": self._fill(text, self._in_request)}
                return None
        return self._fill(alternatives[0], self._late)

    def _header(self, use, name, value):
        if "${accessToken}" in value:
            scheme = value.removesuffix("${accessToken}").strip()
            if name != "authorization" and value == "${accessToken}":
                use["header"] = name
            elif name == "authorization" and " " not in scheme:
                if scheme != "Bearer":
                    use["scheme"] = scheme
            else:
                self.say_not("the token within a header")
        elif name == "authorization":
            self.say_not("another authorization of API requests")
        elif name not in facts.CONTENT_HEADERS:
            first, _, second = value.partition(" || ")
            text = (with_fallback(first, second) if second else None) or first
            optional = self.variables.get(first[2:-1].removeprefix(SETTING), {}).get("optional")
            late = self._fill(text, self._late)
            if optional and late.startswith("{") and late.endswith("}") and ":" not in late:
                late = late[:-1] + "?}"
            use.setdefault("headers", {})[name] = late

    # --- lookups ---

    def _lookup(self, profile):
        rules = self.script.get("lookup")
        if not rules:
            return
        rules = dict(rules)
        origins = {"{authorize_origin}": profile["endpoints"].get("authorize", ""),
                   "{api}": profile["use"].get("api_base", "")}
        for hole, url in origins.items():
            if hole in rules["url"]:
                if hole == "{authorize_origin}":
                    url = "https://" + urlsplit(url).netloc
                rules["url"] = rules["url"].replace(hole, url)
        if choose := rules.get("choose"):
            self.extra.setdefault(choose, f"which one, by {rules['id'].strip('/')}")
        profile["lookup"] = rules


def as_name(name):
    """Returns a variable's name as the name of a setting."""
    return re.sub("[^A-Za-z0-9_-]", "_", name)


def with_fallback(first, second):
    """Returns the first text with a fallback in a variable that makes it the second, or None."""
    parts = re.split(r"(\$\{[^{}]+\})", first)
    for at in range(1, len(parts), 2):
        before, after = "".join(parts[:at]), "".join(parts[at + 1:])
        if not (second.startswith(before) and second.endswith(after)):
            continue
        value = second[len(before):len(second) - len(after)]
        if value and not VARIABLE.search(value) and not re.search(r"[{}|]", value):
            return f"{before}{parts[at][:-1]}\0{value}}}{after}"
    return None
