"""Shared fixtures: one sandbox, which is reset for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api import Api
from sandbox import Sandbox, running

import countersign


@pytest.fixture(scope="session")
def one_sandbox() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.fixture
def sandbox(one_sandbox: Sandbox) -> Sandbox:
    one_sandbox.reset()
    return one_sandbox


@pytest.fixture
def connections(sandbox: Sandbox) -> Path:
    return Path(sandbox.connections)


@pytest.fixture
def api() -> Iterator[Api]:
    started = Api()
    yield started
    started.close()


@pytest.fixture
def client(connections: Path) -> Iterator[countersign.Client]:
    with countersign.Client.load("docusign-jwt", connections, store="memory") as made:
        yield made


@pytest.fixture
def async_client(connections: Path) -> countersign.AsyncClient:
    return countersign.AsyncClient.load("docusign-jwt", connections, store="memory")
