#!/usr/bin/env python3
"""Validates every profile against the JSON Schema that editors use, and broken ones, too.

    python3 tests/coverage/schema.py

Needs Python 3.11 and the package jsonschema.
"""

import copy
import json
import re
import tomllib
import unittest
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/profile.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

# Changes that break a profile: where, the new value, and where the mistake is found.
BROKEN = [
    ("id", 1, "id"),
    ("nmae", "x", ""),
    ("basic_encoding", "base64", "basic_encoding"),
    ("discovery", "yes", "discovery"),
    ("environments", [], "environments"),
    ("environments.production.base_ur", "https://x.example", "environments.production"),
    ("endpoints.token", ["a"], "endpoints.token"),
    ("endpoints.tokens", "https://x.example", "endpoints"),
    ("endpoints.revoke_format", "xml", "endpoints.revoke_format"),
    ("grants.password", {"client_auth": ["post"]}, "grants"),
    ("grants.authorization-code.client_auth", "post", "grants.authorization-code.client_auth"),
    ("grants.authorization-code.client_auth", ["mtls"],
     "grants.authorization-code.client_auth.0"),
    ("grants.authorization-code.pkce", True, "grants.authorization-code.pkce"),
    ("grants.authorization-code.send_scope", "true", "grants.authorization-code.send_scope"),
    ("grants.authorization-code.parms", {}, "grants.authorization-code"),
    ("assertion.ttl_s", -1, "assertion.ttl_s"),
    ("assertion.ttl_s", 1.5, "assertion.ttl_s"),
    ("assertion.algorithms", ["RS255"], "assertion.algorithms.0"),
    ("authorize.keep", "realmId", "authorize.keep"),
    ("refresh.rotation", "often", "refresh.rotation"),
    ("refresh.idle_days", "60", "refresh.idle_days"),
    ("response.expires_as", "days", "response.expires_as"),
    ("response.kept", {"x": {"cookie": "y"}}, "response.kept.x"),
    ("use.headers", {"X": 1}, "use.headers.X"),
    ("lookup.urls", "https://x.example", "lookup"),
    ("extra.shop", True, "extra.shop"),
    ("errors", {"kind": "rejected", "hint": "x"}, "errors"),
    ("errors", [{"kind": "broken", "hint": "x"}], "errors.0.kind"),
    ("errors", [{"kind": "rejected"}], "errors.0"),
]

# Required fields, and where their absence is found.
REQUIRED = [
    ("id", ""), ("name", ""), ("documentation", ""), ("environments", ""),
    ("grants", ""), ("grants.authorization-code.client_auth", "grants.authorization-code"),
]


def profiles():
    """Returns every profile of the repository by name, and the tutorial's."""
    files = sorted((ROOT / "crates/providers/catalog/profiles").glob("*.toml"))
    files += [ROOT / f"crates/providers/{name}/profile.toml"
              for name in ("docusign", "salesforce", "boldsign")]
    files += sorted((ROOT / "tests/profiles").glob("*.toml"))
    texts = {str(file.relative_to(ROOT)): file.read_text() for file in files}
    page = (ROOT / "docs/profiles.md").read_text()
    for number, text in enumerate(re.findall(r"```toml\n(id = .*?)```", page, re.DOTALL)):
        texts[f"docs/profiles.md, example {number + 1}"] = text
    return {name: tomllib.loads(text) for name, text in texts.items()}


def mistakes(profile):
    """Returns where the profile doesn't conform, and why."""
    found = VALIDATOR.iter_errors(profile)
    return [(".".join(str(part) for part in error.absolute_path), error.message)
            for error in found]


def change(profile, path, value=None):
    """Returns a copy with another value at a path, or without it."""
    changed = copy.deepcopy(profile)
    *tables, last = path.split(".")
    table = changed
    for name in tables:
        table = table.setdefault(name, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return changed


class Profiles(unittest.TestCase):
    def test_the_schema_is_one(self):
        Draft202012Validator.check_schema(SCHEMA)

    def test_every_profile_conforms(self):
        everything = profiles()
        self.assertGreater(len(everything), 100)
        self.assertEqual(3, sum(name.startswith("docs/") for name in everything))
        for name, profile in everything.items():
            with self.subTest(name):
                self.assertEqual([], mistakes(profile))

    def test_broken_profiles_do_not(self):
        good = profiles()["crates/providers/catalog/profiles/xero.toml"]
        self.assertEqual([], mistakes(good))
        for path, value, where in BROKEN:
            with self.subTest(f"{path} = {value!r}"):
                found = [at for at, _ in mistakes(change(good, path, value))]
                self.assertIn(where, found)
        for path, where in REQUIRED:
            with self.subTest(f"without {path}"):
                found = [at for at, _ in mistakes(change(good, path))]
                self.assertIn(where, found)


if __name__ == "__main__":
    unittest.main()
