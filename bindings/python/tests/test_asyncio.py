"""The client under asyncio."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sandbox import Sandbox

import countersign


def test_a_cached_token_needs_no_thread(client: countersign.Client) -> None:
    value = client.token().value
    before = threading.active_count()

    async def ask() -> tuple[list[countersign.Token], list[str]]:
        tokens = [await client.token_async(), await client.token_async(60)]
        return tokens, [await client.access_token_async(), await client.access_token_async(60)]

    (token, longer), access_tokens = asyncio.run(ask())
    assert (token.value, token.source, access_tokens) == (value, "cache", [value, value])
    assert longer is token
    assert threading.active_count() == before
    assert client._threads is None


def test_the_loop_runs_while_a_call_waits(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    client = countersign.Client.load("docusign-jwt", connections, store="memory")

    async def ask() -> int:
        turns = 0
        call = asyncio.ensure_future(client.token_async())
        while not call.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await call).source == "minted"
        return turns

    assert asyncio.run(ask()) > 20


def test_a_thousand_tasks_make_one_request(client: countersign.Client) -> None:
    async def ask() -> set[str]:
        return {token.value for token in await asyncio.gather(*(client.token_async(1) for _ in range(1000)))}

    assert len(asyncio.run(ask())) == 1
    assert client.counts()["minted"] == 1


def test_errors_reach_the_task(connections: Path) -> None:
    client = countersign.Client.load("docusign-jwt-unconsented", connections, store="memory")
    with pytest.raises(countersign.ReauthorizeError):
        asyncio.run(client.token_async())


def test_refresh_and_invalidate(client: countersign.Client) -> None:
    async def ask() -> tuple[countersign.Token, countersign.Token, countersign.Token]:
        first = await client.token_async()
        second = await client.refresh_async()
        await client.invalidate_async(second)
        return first, second, await client.token_async()

    assert len({token.value for token in asyncio.run(ask())}) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_client_fails_in_a_forked_child(client: countersign.Client) -> None:
    asyncio.run(client.token_async(1))
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            asyncio.run(client.token_async(1))
        except countersign.UnexpectedError as error:
            os._exit(42 if error.status == countersign.Status.FORKED else 2)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 42


LEAVING = """
import asyncio, sys, time, countersign

heard = []
clock = lambda: time.time_ns() // 10**6
client = countersign.Client.load(
    "docusign-jwt", sys.argv[1], log=lambda level, line: heard.append(line), clock=lambda: (clock(), clock()),
    on_change=lambda change, token: print(change),
)

async def leave():
    task = asyncio.ensure_future(client.token_async())
    while not heard:
        await asyncio.sleep(0)
    task.cancel()

asyncio.run(leave())
print("left")
"""


def test_the_exit_waits_for_the_request(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    command = [sys.executable, "-c", LEAVING, str(connections)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    # The task ended at once. The request's result was stored and reported afterwards.
    assert "obtained" in lines[lines.index("left") :]
    assert countersign.Client.load("docusign-jwt", connections).token().source == "store"


def test_a_login_does_not_block_the_loop(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.Client.load("docusign-code", connections, store="memory")
    begun = client.start_login()
    response = sandbox.get(f"{begun.url}&_sandbox=allow")
    assert response.location is not None
    assert f"state={begun.state}" in begun.url
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})

    async def complete() -> int:
        turns = 0
        call = asyncio.ensure_future(client.complete_login_async(begun, str(response.location)))
        while not call.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await call).source == "minted"
        assert (await client.identity_async()) == client.identity()
        assert (await client.events_async()) == client.events()
        await client.check_saved_async()
        assert (await client.forget_async()).revocation == "not_offered"
        assert (await client.forget_async(force=True)).revocation == "nothing_held"
        return turns

    assert asyncio.run(complete()) > 20


def test_a_login_on_this_machine_can_be_awaited(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.Client.load("docusign-code", connections, store="memory")

    def show(url: str) -> None:
        threading.Thread(target=browse, args=(sandbox, url)).start()

    assert asyncio.run(client.login_async(show, timeout_s=30)).source == "minted"
    with pytest.raises(ConnectionError, match="no browser"):
        asyncio.run(client.login_async(no_browser, timeout_s=30))


def browse(sandbox: Sandbox, url: str) -> None:
    response = sandbox.get(f"{url}&_sandbox=allow")
    assert response.location is not None
    sandbox.get(response.location)


def no_browser(url: str) -> None:
    raise ConnectionError("no browser")


def test_a_client_is_closed_when_its_block_ends(connections: Path) -> None:
    async def use() -> countersign.Client:
        async with countersign.Client.load("docusign-jwt", connections, store="memory") as client:
            await client.token_async()
            await client.drain_async()
        return client

    assert "closed" in repr(asyncio.run(use()))


def test_a_closed_client_raises(client: countersign.Client) -> None:
    asyncio.run(client.token_async(1))
    client.close()
    for call in (client.token_async, client.access_token_async, client.refresh_async):
        with pytest.raises(countersign.UnexpectedError) as raised:
            asyncio.run(call())
        assert raised.value.status == countersign.Status.CLOSED
