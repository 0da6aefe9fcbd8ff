#!/usr/bin/env python3
"""Records what vendors' SDKs send, and compares it with what countersign sends.

See README.md. Needs Linux, openssl, unshare, and the languages of the SDKs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import report  # noqa: E402
from harness.compare import differences  # noqa: E402
from harness.explain import Explanations  # noqa: E402
from harness.keys import PASSPHRASE, AppKey, Authority  # noqa: E402
from harness.normal import Normal  # noqa: E402
from harness.ours import Countersign  # noqa: E402
from harness.recorder import Recorder  # noqa: E402
from harness.sdk import CASES, Sdk  # noqa: E402

RECORDED = HERE / "recorded"

# Secrets with characters that have to be encoded.
VALUES = {
    "access_token": "acc3ss+t0ken/=",
    "refresh_token": "r3fresh+t0ken/=~",
    "code": "c0de+/=~",
    "redirect_uri": "https://app.example/callback",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="SDKs, by their file in cases/ (default: all)")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir(), "sdks"),
                        help="where SDKs are installed (default: %(default)s)")  # fmt: skip
    parser.add_argument("--write", action="store_true",
                        help="write recorded/ and README.md instead of comparing")  # fmt: skip
    parser.add_argument("--countersign", help="the command (default: built by cargo)")
    parser.add_argument("--show", action="store_true", help="print both requests of each case")
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def build():
    subprocess.run(["cargo", "build", "-q", "-p", "countersign-cli"], check=True, cwd=HERE)
    target = json.loads(
        subprocess.check_output(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=HERE
        )
    )["target_directory"]
    return str(Path(target, "debug/countersign"))


def isolate(options):
    """Runs this program again where all hosts are this machine, and no other can be reached."""
    binary = options.countersign or build()
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    again = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--isolated"]
    again += ["--countersign", binary]
    os.execvp("unshare", ["unshare", *as_root, "--mount", "--net", *again])


def redirect_hosts(hosts, folder):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    file = folder / "hosts"
    file.write_text("".join(f"127.0.0.1 {host}\n" for host in ["localhost", *sorted(hosts)]))
    file.chmod(0o644)
    subprocess.run(["mount", "--bind", str(file), "/etc/hosts"], check=True)


class Run:
    """One run over all SDKs."""

    def __init__(self, options, sdks, folder):
        self.options, self.folder = options, folder
        hosts = set().union(*(sdk.hosts() for sdk in sdks))
        redirect_hosts(hosts, folder)
        self.authority = Authority(folder, hosts)
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        self.keys = {kind: AppKey(keys, kind) for kind in ("rsa", "ec")}
        self.names = {}
        for key in self.keys.values():
            self.names |= key.names()
        self.recorder = Recorder(self.authority)
        self.ours = Countersign(options.countersign, folder, self.authority, self.keys)
        self.explanations = Explanations(HERE / "explanations.json")

    def values(self):
        files = {
            f"{kind}_{name}": str(getattr(key, name))
            for kind, key in self.keys.items()
            for name in ("file", "pkcs1", "encrypted", "public", "certificate")
        }
        return {**VALUES, **files, "passphrase": PASSPHRASE}

    def sdk(self, sdk):
        """Records one SDK. Returns the recording, and what is wrong."""
        cases, wrong = [], []
        for case in sdk.data["cases"]:
            case = sdk.case(case)
            try:
                recorded, unexplained = self.case(sdk, case)
            except (RuntimeError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
                wrong.append(f"{sdk.name}, {case['name']}: {error!s}")
                continue
            cases.append(recorded)
            wrong += [f"{sdk.name}, {case['name']}: {one}" for one in unexplained]
        head = {name: sdk.data[name] for name in ("vendor", "by", "sdk")}
        return {**head, "cases": cases}, wrong

    def case(self, sdk, case):
        normal = Normal(
            self.names, [*self.explanations.telemetry["headers"], *case.get("volatile", [])]
        )
        theirs = self.observe(
            case, normal, lambda: sdk.run(case, self.values(), self.folder,
                                          self.authority.ca_file)
        )  # fmt: skip
        mine = self.observe(case, normal, lambda: self.ours.run(case, self.values()))
        if self.options.show:
            print(json.dumps({"sdk": theirs, "countersign": mine}, indent=1))
        found, same_order = differences(theirs, mine)
        explained, unexplained = self.explanations.apply(case, found)
        recorded = {
            "name": case["name"],
            "provider": case["provider"],
            "does": case["does"],
            "settings": case["settings"],
            "request": theirs,
            "same_order": same_order,
            "differences": explained,
        }
        return recorded, unexplained

    def observe(self, case, normal, send):
        """Returns the request that is sent, in normal form."""
        token = {"access_token": VALUES["access_token"], "token_type": "Bearer",
                 "expires_in": 3600}  # fmt: skip
        self.recorder.begin({"/": case.get("answer", token), **case.get("answers", {})})
        got = send()
        if case["does"] == "sign":
            if self.recorder.requests:
                raise RuntimeError(f"a request was sent: {self.recorder.requests}")
            return normal.token(got, time.time())
        wanted = case.get("token", VALUES["access_token"])
        if case["does"] != "revoke" and got != wanted:
            raise RuntimeError(f"the token is {got!r} instead of {wanted!r}")
        sent = [one for one in self.recorder.requests if one["path"].startswith(case["path"])]
        if not sent:
            paths = [one["url"] for one in self.recorder.requests]
            raise RuntimeError(f"no request to {case['path']}; there were {paths}")
        return normal.request(sent[-1])


def main():
    options = arguments()
    sdks = [Sdk(file, options.scratch) for file in sorted(CASES.glob("*.json"))]
    unknown = set(options.names) - {sdk.name for sdk in sdks}
    if unknown:
        raise SystemExit(f"no such file in cases/: {', '.join(sorted(unknown))}")
    sdks = [sdk for sdk in sdks if not options.names or sdk.name in options.names]
    if not options.isolated:
        for sdk in sdks:
            sdk.install()
        isolate(options)
    folder = Path(tempfile.mkdtemp(prefix="sdks-"))
    try:
        wrong = record(options, sdks, folder)
    finally:
        shutil.rmtree(folder)
    for one in wrong:
        print(one)
    raise SystemExit(1 if wrong else 0)


def record(options, sdks, folder):
    run, wrong, cases = Run(options, sdks, folder), [], 0
    for sdk in sdks:
        recording, failed = run.sdk(sdk)
        wrong += failed
        cases += len(recording["cases"])
        file = RECORDED / f"{sdk.name}.json"
        text = json.dumps(recording, indent=2, ensure_ascii=False) + "\n"
        if options.write and not failed:
            file.write_text(text)
        elif not failed and (not file.exists() or file.read_text() != text):
            wrong.append(f"{sdk.name}: recorded/{sdk.name}.json differs: run with --write")
        print(f"{sdk.name}: {len(recording['cases'])} cases{', FAILED' if failed else ''}")
    if options.write:
        report.write(HERE / "README.md", RECORDED)
    elif not options.names and report.differs(HERE / "README.md", RECORDED):
        wrong.append("README.md differs: run with --write")
    print(f"{cases} cases of {len(sdks)} SDKs, {len(wrong)} wrong")
    return wrong


if __name__ == "__main__":
    main()
