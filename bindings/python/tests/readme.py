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

from sandbox import Sandbox

README = Path(__file__).parents[1] / "README.md"


def examples() -> list[tuple[bool, str]]:
    """Return each example: whether it runs, and its text."""
    found = re.findall(r"(<!-- runs -->\n)?```python\n(.*?)```", README.read_text("utf-8"), re.S)
    return [(bool(mark), text) for mark, text in found]


def run(text: str, sandbox: Sandbox) -> str:
    environment = {**os.environ, "COUNTERSIGN_CONFIG": sandbox.connections, "BOLDSIGN_SECRET": "s3cret"}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "example.py"
        program.write_text(text, "utf-8")
        command = [sys.executable, str(program)]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def run_all(sandbox: Sandbox) -> None:
    outputs = []
    for runs, text in examples():
        if runs:
            outputs.append(run(text, sandbox))
        else:
            compile(text, str(README), "exec")
    assert "for signature impersonation\nthe API is at https://demo.docusign.net\n" in outputs[0]
    assert outputs[1] == "<countersign.Client>\n"
    assert len(outputs) == 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        started = Sandbox(Path(made))
        try:
            run_all(started)
        finally:
            started.end()
    print("the README's examples run")
