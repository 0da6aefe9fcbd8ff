"""The pytest plugin: the fixtures of `countersign.testing`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import testing


@pytest.fixture
def countersign_source() -> testing.StaticSource:
    """A token source without a client."""
    return testing.StaticSource()


@pytest.fixture(scope="session")
def countersign_sandbox() -> Iterator[testing.Sandbox]:
    """A sandbox that runs until the tests end."""
    with testing.sandbox() as started:
        yield started
