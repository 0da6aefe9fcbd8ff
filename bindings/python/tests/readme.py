"""Run the README's examples marked `<!-- runs -->`, each as a program in an empty folder, against
the sandbox. The others are compiled.

    python tests/readme.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox import Sandbox, running

VENDOR = "https://account-d.docusign.com"
README = Path(__file__).parents[1] / "README.md"


def examples() -> list[tuple[bool, str]]:
    """Return each example: whether it runs, and its text."""
    found = re.findall(r"(<!-- runs -->\n)?```python\n(.*?)```", README.read_text("utf-8"), re.S)
    return [(bool(mark), text) for mark, text in found]


def start(text: str, connections: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COUNTERSIGN_CONFIG": connections, "BOLDSIGN_SECRET": "s3cret"}
    # The example's API is the sandbox's.
    environment["REQUESTS_CA_BUNDLE"] = str(Path(connections).with_name("ca.pem"))
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "example.py"
        program.write_text(text, "utf-8")
        command = [sys.executable, str(program)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def run(text: str, connections: str) -> str:
    ended = start(text, connections)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def run_all(sandbox: Sandbox) -> None:
    outputs = []
    for runs, text in examples():
        if runs:
            outputs.append(run(text.replace(VENDOR, sandbox.url), sandbox.connections))
        else:
            compile(text, str(README), "exec")
    assert "for signature impersonation\nthe API is at https://demo.docusign.net\n" in outputs[0]
    assert outputs[1] == "<countersign.Client>\n"
    assert outputs[2] == "Alex Kim\n"
    assert outputs[3] == ""
    assert len(outputs) == 4


def run_with_stores_on_servers(sandbox: Sandbox) -> None:
    """Run the first example with each. Nothing listens there, so the token can't be stored."""
    settings = Path(sandbox.connections)
    for url in ("redis://127.0.0.1:1", "postgres://user:password@127.0.0.1:1/tokens"):
        changed = re.sub(r"(?m)^store = .*", f'store = "{url}"', settings.read_text("utf-8"))
        assert url in changed
        copy = settings.with_name("stores.toml")
        copy.write_text(changed, "utf-8")
        ended = start(examples()[0][1], str(copy))
        assert "for signature impersonation\n" in ended.stdout, ended.stderr


if __name__ == "__main__":
    with running() as started:
        run_all(started)
        run_with_stores_on_servers(started)
    print("the README's examples run")
