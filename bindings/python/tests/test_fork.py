"""Processes that are started during a refresh and keep running hold nothing of their parent's store."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sandbox import Sandbox

import countersign
from countersign._numbers import Status

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

NAME = "boldsign-refresh"


def live(connections: Path, store: str, inherited: countersign.Client | None, parent: Connection) -> None:
    """Run as a child: report the tokens of its own client, and wait until the parent ends it."""
    reported: list[str] = []
    if inherited is not None:
        try:
            reported.append(inherited.token().source)
        except countersign.Error as error:
            reported.append(str(Status(error._status).name))
    parent.recv()
    with countersign.Client.load(NAME, connections, store=store) as own:
        reported += [own.token().source, own.refresh().source]
    parent.send(reported)
    parent.recv()


class Child:
    """A process that runs `live`, started in one of Python's ways."""

    def __init__(self, how: str, connections: Path, store: str, inherited: countersign.Client | None) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        arguments = (connections, store, inherited, theirs)
        self.process: multiprocessing.process.BaseProcess | None = None
        if how == "os.fork":
            self.pid = os.fork()
            if self.pid == 0:
                with contextlib.suppress(BaseException):
                    live(*arguments)
                    os._exit(0)
                os._exit(1)
        else:
            process = multiprocessing.get_context(how).Process(target=live, args=arguments)  # type: ignore[attr-defined]
            process.start()
            self.process, self.pid = process, process.pid

    def ask(self) -> None:
        self.pipe.send("ask")

    def reported(self) -> list[str]:
        assert self.pipe.poll(30)
        reported: list[str] = self.pipe.recv()
        return reported

    def end(self) -> None:
        """Let the child exit."""
        self.pipe.send("end")
        assert self.wait() == 0

    def wait(self) -> int | None:
        pid, self.pid = self.pid, 0
        if self.process is None:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.process.join(30)
        return self.process.exitcode

    def kill(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


@pytest.fixture
def start(connections: Path, sandbox: Sandbox) -> Iterator[Callable[..., Child]]:
    """Return a function that starts a child, which is ended after the test."""
    children: list[Child] = []

    def start(how: str, inherited: countersign.Client | None) -> Child:
        children.append(Child(how, connections, f"file:{sandbox.dir}/kept", inherited))
        return children[-1]

    yield start
    for child in children:
        child.kill()


@pytest.fixture
def refreshing(connections: Path, sandbox: Sandbox) -> Iterator[tuple[countersign.Client, str]]:
    """Return a client with a refresh in flight, to which the sandbox responds slowly."""
    store = f"file:{sandbox.dir}/kept"
    client = countersign.Client.load(NAME, connections, store=store)
    client.token()
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 40})
    before = len(sandbox.log())
    outcomes: list[str] = []
    call = threading.Thread(target=lambda: outcomes.append(client.refresh().source))
    call.start()
    while len(sandbox.log()) == before:
        assert call.is_alive()
    yield client, store
    call.join(30)
    assert outcomes == ["refreshed"]
    client.close()


@pytest.mark.parametrize("how", ["os.fork", "fork", "spawn", "forkserver"])
def test_a_child_process_keeps_no_lease(
    how: str, refreshing: tuple[countersign.Client, str], connections: Path, start: Callable[..., Child]
) -> None:
    client, store = refreshing
    inherited = client if how in ("os.fork", "fork") else None
    child = start(how, inherited)
    # Waits for the refresh in flight, and then refreshes itself.
    assert client.refresh().source == "refreshed"
    assert client.refresh().source == "refreshed"
    assert refreshed_elsewhere(connections, store) == "refreshed"
    child.ask()
    assert child.reported() == [*(["FORKED"] if inherited else []), "store", "refreshed"]
    # The parent's next token is the child's: no refresh token is spent twice.
    assert client.refresh().source == "store"
    assert client.refresh().source == "refreshed"
    child.end()
    assert client.token().source == "cache"


def refreshed_elsewhere(connections: Path, store: str) -> str:
    """Refresh in an unrelated program."""
    program = (
        "import sys, countersign; print(countersign.Client.load(*sys.argv[1:3], store=sys.argv[3]).refresh().source)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, NAME, str(connections), store], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_preforked_workers(connections: Path, sandbox: Sandbox, start: Callable[..., Child]) -> None:
    """Like gunicorn with `preload_app`: the parent builds the client, and its workers use it."""
    with countersign.Client.load(NAME, connections, store=f"file:{sandbox.dir}/kept") as client:
        client.token()
        workers = [start("fork", client) for _ in range(3)]
        for worker in workers:
            worker.ask()
        for worker in workers:
            inherited, first, second = worker.reported()
            assert (inherited, first) == ("FORKED", "store")
            # One of them refreshes, and the others adopt its token or refresh again.
            assert second in ("refreshed", "store")
        assert client.refresh().source == "store"
        for worker in workers:
            worker.end()
        assert client.refresh().source == "refreshed"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system has no /proc/self/fd")
def test_a_program_inherits_no_descriptor(connections: Path, sandbox: Sandbox) -> None:
    before = inherited_descriptors()
    client = countersign.Client.load(NAME, connections, store=f"file:{sandbox.dir}/kept")
    client.token()
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 40})
    sent = len(sandbox.log())
    call = threading.Thread(target=client.refresh)
    call.start()
    while len(sandbox.log()) == sent:
        assert call.is_alive()
    held = len(os.listdir("/proc/self/fd"))
    during = inherited_descriptors()
    assert call.is_alive()
    call.join(30)
    client.close()
    assert during == before, f"of {held} descriptors"


def inherited_descriptors() -> str:
    """Return the descriptors that a program inherits: those opened without O_CLOEXEC."""
    program = "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))"
    run = subprocess.run([sys.executable, "-c", program], close_fds=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout
