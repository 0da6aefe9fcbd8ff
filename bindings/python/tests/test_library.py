"""Which libraries are loaded and which are rejected."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from countersign import _library
from countersign._numbers import ABI_VERSION


def loading(library: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import countersign; print(countersign.library_version())"]
    environment = {**os.environ, "COUNTERSIGN_LIBRARY": library}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("found", [ABI_VERSION + (1 << 16), ABI_VERSION - 1, (1 << 16) | 99])
def test_rejects_an_incompatible_abi(found: int) -> None:
    message = _library.mismatch(found, ABI_VERSION)
    assert message is not None
    assert f"has ABI {found >> 16}.{found & 0xFFFF}" in message
    assert "install" in message


@pytest.mark.parametrize("found", [ABI_VERSION, ABI_VERSION + 1])
def test_accepts_a_later_minor_version(found: int) -> None:
    assert _library.mismatch(found, ABI_VERSION) is None


def test_reports_a_missing_library() -> None:
    ended = loading("/nowhere/libcountersign.so.0")
    assert ended.returncode != 0
    assert "ImportError: countersign: cannot load /nowhere/libcountersign.so.0" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names a library of Linux")
def test_reports_another_library() -> None:
    ended = loading("libc.so.6")
    assert "ImportError: countersign: libc.so.6 is not libcountersign" in ended.stderr
