"""The installed package's types, as a user's type checker sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import countersign

client = countersign.Client(provider="docusign", timeout_ms=5_000)
value: str = client.token().access_token
wait: "float | None" = countersign.RetryError("busy").retry_after_s

countersign.Client(privider="docusign")
number: int = client.access_token()

async def asked(source: countersign.AsyncClient) -> str:
    return await source.token()

countersign.Client(grant="jwt")
source: countersign.TokenSource = client
"""


def test_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(tmp_path),
        program.name,
    ]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[1] for line in errors] == ["8", "9", "12", "14"], checked.stdout
    assert 'did you mean "provider"?' in errors[0]
