#!/usr/bin/env python3
"""Counts how much of NangoHQ/nango's catalogue the profile language can say.

    python3 tests/coverage/nango.py providers.yaml [--command PATH] [--keep DIR] [ENTRY...]

Each entry becomes a profile, which `countersign` checks and makes requests with. The requests must
be those of the entry. See README.md.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from expected import Expected
from mapping import GRANTS, Mapping
from toml_text import dump

ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("catalogue", type=Path, help="providers.yaml")
    parser.add_argument("entries", nargs="*", help="only these entries")
    parser.add_argument("--command", type=Path, default=ROOT / "target/debug/countersign")
    parser.add_argument("--keep", type=Path, help="a folder to write the profiles to")
    parser.add_argument("--min", type=float, default=95, help="the percentage that must be said")
    args = parser.parse_args()
    entries = resolved(yaml.safe_load(args.catalogue.read_text()))
    counted = {name: entry for name, entry in entries.items()
               if entry.get("auth_mode") in GRANTS and name in (args.entries or entries)}
    reasons, unsaid, by_setting = collections.defaultdict(list), {}, []
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        for name, entry in counted.items():
            mapping = Mapping(name, entry)
            found = check(mapping, Command(args.command.resolve(), folder / name))
            if mapping.by_setting and not found:
                by_setting.append(name)
            if found:
                unsaid[name] = found
            for reason in found:
                reasons[reason.split(": ")[0]].append(name)
    report(counted, unsaid, by_setting, reasons, others(entries))
    said = 100 * (len(counted) - len(unsaid)) / len(counted)
    sys.exit(said < args.min)


def resolved(catalogue):
    """Returns the entries, each with the fields that it inherits."""
    def resolve(entry):
        base = resolve(catalogue[entry["alias"]]) if "alias" in entry else {}
        return {**base, **entry}
    return {name: resolve(entry) for name, entry in catalogue.items()}


def check(mapping, command):
    """Returns why a profile can't say the entry."""
    command.write(mapping)
    if mapping.unsaid:
        return mapping.unsaid
    if why := command.check():
        return [f"the profile is rejected: {why}"]
    expected = Expected(mapping)
    for kind in ["authorize"] * (not mapping.is_cc) + mapping.grants:
        try:
            found = command.request(kind, mapping)
            expected.compare(kind, found)
        except ValueError as error:
            return [f"another request: {kind}: {error}"]
    try:
        command.respond(expected.response(command.of_case()))
    except ValueError as error:
        return [f"another token: {error}"]
    return []


class Command:
    """`countersign` with one entry's profile and configuration."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.profile = folder / "profile.toml"

    def write(self, mapping):
        self.folder.mkdir(exist_ok=True)
        self.profile.write_text(dump(mapping.profile))
        grant = mapping.grants[0]
        settings = {"provider": mapping.profile["id"], "grant": grant, "client_id": "app"}
        auth = mapping.profile["grants"][grant]["client_auth"][0]
        if auth == "private_key_jwt":
            key = self.folder / "key"
            if not key.with_suffix(".pem").exists():
                subprocess.run([self.program, "key", "new", key], capture_output=True, check=True)
            settings["private_key_file"] = "key.pem"
        elif auth != "none":
            settings["client_secret"] = "s3cret"
        if mapping.has_certificate:
            settings |= {"client_certificate_file": "client.pem",
                         "client_certificate_key_file": "client.key"}
        if not mapping.is_cc:
            settings["redirect_uri"] = "https://app.example/callback"
        settings |= mapping.settings
        self.settings = settings
        settings = {}
        for key, value in self.settings.items():
            table, _, name = key.rpartition(".")
            (settings.setdefault(table, {}) if table else settings)[name] = value
        config = self.folder / "countersign.toml"
        config.touch(mode=0o600)
        config.write_text(
            f"profiles = [{json.dumps(str(self.profile))}]\n"
            + dump({"connections": {"app": settings}}))

    def run(self, *args):
        done = subprocess.run(
            [self.program, "--config", self.folder / "countersign.toml", *args, "--json"],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError((done.stderr.strip() or done.stdout.strip()).split("\n")[-1])
        return json.loads(done.stdout)

    def check(self):
        """Returns the first mistake of the profile, or None."""
        done = subprocess.run(
            [self.program, "profile", "check", self.profile, "--json"],
            capture_output=True, text=True, check=False)
        mistakes = json.loads(done.stdout)["mistakes"]
        return mistakes[0] if mistakes else None

    def request(self, kind, mapping):
        """Returns the request that a grant, or a login, leads to."""
        if kind == "authorize":
            return self.run("login", "app", "--dry-run")
        if kind == "authorization-code":
            return self.exchange(mapping)
        return self.run("token", "app", "--dry-run")

    def of_case(self):
        """Returns the settings for a case."""
        settings = {key: value for key, value in self.settings.items()
                    if key not in ("provider", "private_key_file")}
        if "private_key_file" in self.settings:
            settings["private_key"] = "rsa"
        return settings

    def exchange(self, mapping):
        """Returns the code exchange, which a dry run doesn't print: a case that fails shows it."""
        wanted = {"method": "POST", "url": "?"}
        wanted["url"] = self.found_by_case(wanted)
        json_body = mapping.profile["grants"]["authorization-code"].get("body") == "json"
        wanted["body"] = {} if json_body else "?"
        return wanted | {"body": self.found_by_case(wanted), "headers": None}

    def found_by_case(self, wanted):
        """Returns what a case found in place of the first member that isn't as wanted."""
        lines = self.test({"requests": [
            {"name": "x", "settings": self.of_case(), "request": wanted}]})
        found = [line for line in lines if line.startswith("found    ")]
        if not found:
            raise ValueError(lines[0])
        return found[0].removeprefix("found    ")

    def test(self, cases):
        """Runs cases, and returns the lines that the command prints."""
        path = self.folder / "cases.json"
        path.write_text(json.dumps(cases))
        done = subprocess.run(
            [self.program, "profile", "test", self.profile, "--cases", path],
            capture_output=True, text=True, check=False)
        return [line.strip() for line in (done.stdout + done.stderr).split("\n")]

    def respond(self, case):
        """Runs a case of a response."""
        lines = self.test({"responses": [case]})
        if "1 of 1 cases pass" not in " ".join(lines):
            raise ValueError(" ".join(lines[1:4]))


def others(entries):
    """Returns the numbers of the entries that aren't counted, by mode."""
    return collections.Counter(
        entry.get("auth_mode") for entry in entries.values()
        if entry.get("auth_mode") not in GRANTS)


def report(counted, unsaid, by_setting, reasons, not_counted):
    for mode in GRANTS:
        names = [name for name, entry in counted.items() if entry["auth_mode"] == mode]
        said = [name for name in names if name not in unsaid]
        print(f"{mode}: {len(said)} of {len(names)} entries can be said")
    said = len(counted) - len(unsaid)
    print(f"together: {said} of {len(counted)}, {100 * said / len(counted):.1f} %")
    print(f"of these, {len(by_setting)} with a setting in place of a value of the callback: "
          + ", ".join(by_setting))
    print("not counted: " + ", ".join(f"{n} {mode}" for mode, n in not_counted.most_common()))
    print("\nWhy entries cannot be said (an entry may have several reasons):")
    for reason, names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"{len(names):4} {reason}: {', '.join(names)}")
    print("\nEntries that cannot be said:")
    for name, why in unsaid.items():
        print(f"  {name}: {'; '.join(str(one) for one in why)}")


if __name__ == "__main__":
    main()
