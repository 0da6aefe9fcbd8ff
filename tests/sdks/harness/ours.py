"""Makes countersign send its request for a case."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = Path(__file__).resolve().parents[3]


class Countersign:
    """The command, with a configuration of its own for each case."""

    def __init__(self, binary, folder, authority, keys):
        self.binary, self.folder, self.authority, self.keys = binary, folder, authority, keys

    def run(self, case, values):
        """Sends the request. Returns the token that the command prints."""
        folder = self.folder / "countersign"
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        folder.mkdir(mode=0o700)
        settings = {
            "provider": case["provider"],
            "ca_file": str(self.authority.ca_file),
            "store": f"file:{folder}/tokens",
            **case["settings"],
        }
        word = settings.pop("private_key", None)
        if word:
            kind, _, certificate = word.partition("+")
            key = self.keys[kind]
            settings["private_key_file"] = str(key.with_certificate if certificate else key.file)
        if case["does"] in ("refresh", "revoke"):
            settings["refresh_token"] = values["refresh_token"]
        if case["does"] == "code":
            settings["redirect_uri"] = values["redirect_uri"]
        lines = [f"{json.dumps(name) if '.' not in name else name} = {json.dumps(value)}"
                 for name, value in settings.items()]  # fmt: skip
        config = folder / "countersign.toml"
        config.write_text("[connections.case]\n" + "\n".join(lines) + "\n")
        config.chmod(0o600)
        if case["does"] == "code":
            self._login(config, case, values)
        token = self._command(config, case, "token", "case", "--json")
        if case["does"] == "revoke":
            self._command(config, case, "logout", "case")
        return json.loads(token)["access_token"]

    def _environment(self):
        # The command notes there which refresh tokens it has used.
        home = str(self.folder / "countersign")
        return {"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home}

    def _arguments(self, config, case):
        # The catalogue's profile as it is in the folder. Providers with a crate can't be replaced.
        catalog = ROOT / "crates/providers/catalog/profiles" / f"{case['provider']}.toml"
        profile = ["--profile", str(catalog)] if catalog.exists() else []
        return ["--config", str(config), *profile]

    def _command(self, config, case, *words):
        done = subprocess.run(
            [self.binary, *words, *self._arguments(config, case)],
            capture_output=True, text=True, timeout=60, env=self._environment(),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"countersign {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def _login(self, config, case, values):
        running = subprocess.Popen(
            [self.binary, "login", "case", "--paste", "--json", *self._arguments(config, case)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self._environment(),
        )  # fmt: skip
        line = running.stdout.readline()
        if not line:
            raise RuntimeError(f"countersign login: {running.stderr.read().strip()}")
        query = parse_qs(urlsplit(json.loads(line)["url"]).query)
        back = {"code": values["code"], "state": query["state"][0], **case.get("callback", {})}
        _, errors = running.communicate(f"{values['redirect_uri']}?{urlencode(back)}\n", timeout=60)
        if running.returncode:
            raise RuntimeError(f"countersign login: {errors.strip()}")
