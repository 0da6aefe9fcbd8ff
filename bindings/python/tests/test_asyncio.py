"""The client under asyncio."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio
from sandbox import Sandbox

import countersign
from countersign._numbers import Status
from countersign._starting import STARTED


def test_a_cached_token_needs_no_thread(client: countersign.Client) -> None:
    value = client.token().access_token
    before = threading.active_count()

    async def ask() -> tuple[list[countersign.Token], list[str]]:
        waiting = countersign.AsyncClient.sharing(client)
        tokens = [await waiting.token(), await waiting.token(60)]
        return tokens, [await waiting.access_token(), await waiting.access_token(60)]

    (token, longer), access_tokens = asyncio.run(ask())
    assert (token.access_token, token.source, access_tokens) == (value, "cache", [value, value])
    assert longer is token
    assert threading.active_count() == before


def test_the_loop_runs_while_a_call_waits(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    client = countersign.AsyncClient.load("docusign-jwt", connections, store="memory")

    async def ask() -> int:
        turns = 0
        call = asyncio.ensure_future(client.token())
        while not call.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await call).source == "minted"
        return turns

    assert asyncio.run(ask()) > 20


def test_a_thousand_tasks_make_one_request(async_client: countersign.AsyncClient) -> None:
    async def ask() -> set[str]:
        return {token.access_token for token in await asyncio.gather(*(async_client.token(1) for _ in range(1000)))}

    assert len(asyncio.run(ask())) == 1
    assert async_client.counts().minted == 1


def test_errors_reach_the_task(connections: Path) -> None:
    client = countersign.AsyncClient.load("docusign-jwt-unconsented", connections, store="memory")
    with pytest.raises(countersign.ReauthorizeError):
        asyncio.run(client.token())


def test_refresh_and_invalidate(async_client: countersign.AsyncClient) -> None:
    async def ask() -> tuple[countersign.Token, countersign.Token, countersign.Token]:
        first = await async_client.token()
        second = await async_client.refresh()
        await async_client.invalidate(second)
        return first, second, await async_client.token()

    assert len({token.access_token for token in asyncio.run(ask())}) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_client_fails_in_a_forked_child(async_client: countersign.AsyncClient) -> None:
    asyncio.run(async_client.token(1))
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            asyncio.run(async_client.token(1))
        except countersign.UnexpectedError as error:
            os._exit(42 if error._status == Status.FORKED else 2)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 42


LEAVING = """
import asyncio, sys, time, countersign

heard = []
clock = lambda: time.time_ns() // 10**6
client = countersign.AsyncClient.load(
    "docusign-jwt", sys.argv[1], log=lambda level, line: heard.append(line), clock=lambda: (clock(), clock()),
    on_change=lambda change, token: print(change),
)

async def leave():
    task = asyncio.ensure_future(client.token())
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
    client = countersign.AsyncClient.load("docusign-code", connections, store="memory")
    begun = client.start_login()
    response = sandbox.get(f"{begun.url}&_sandbox=allow")
    assert response.location is not None
    assert f"state={begun.state}" in begun.url
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})

    async def complete() -> int:
        turns = 0
        call = asyncio.ensure_future(client.complete_login(begun, str(response.location)))
        while not call.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await call).source == "minted"
        assert (await client.identity()) == client._client.identity()
        assert (await client.events()) == client._client.events()
        assert (await client.refresh_token_expires_at()) is None
        await client.check_saved()
        assert (await client.forget()).revocation == "not_offered"
        assert (await client.forget(force=True)).revocation == "nothing_held"
        return turns

    assert asyncio.run(complete()) > 20


def test_a_login_on_this_machine_can_be_awaited(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.AsyncClient.load("docusign-code", connections, store="memory")

    def show(url: str) -> None:
        threading.Thread(target=browse, args=(sandbox, url)).start()

    assert asyncio.run(client.login(show, timeout=30)).source == "minted"
    with pytest.raises(ConnectionError, match="no browser"):
        asyncio.run(client.login(no_browser, timeout=30))


def browse(sandbox: Sandbox, url: str) -> None:
    response = sandbox.get(f"{url}&_sandbox=allow")
    assert response.location is not None
    sandbox.get(response.location)


def no_browser(url: str) -> None:
    raise ConnectionError("no browser")


def test_a_client_is_closed_when_its_block_ends(connections: Path) -> None:
    async def use() -> countersign.AsyncClient:
        async with countersign.AsyncClient.load("docusign-jwt", connections, store="memory") as client:
            await client.token()
            await client.drain()
        return client

    assert "closed" in repr(asyncio.run(use()))


def test_a_closed_client_raises(async_client: countersign.AsyncClient) -> None:
    asyncio.run(async_client.token(1))
    asyncio.run(async_client.aclose())
    for call in (async_client.token, async_client.access_token, async_client.refresh):
        with pytest.raises(countersign.ClosedError):
            asyncio.run(call())


def test_a_timeout_ends_the_wait(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    client = countersign.AsyncClient.load("docusign-jwt", connections, store="memory")

    async def ask() -> countersign.Token:
        with pytest.raises(countersign.TimedOutError):
            await client.token(timeout=0)
        return await client.token(timeout=60)

    assert asyncio.run(ask()).access_token
    assert client.counts().minted == 1


def test_ten_thousand_cancelled_calls_leave_no_thread(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 5, "endless": True})
    client = countersign.AsyncClient.load("docusign-jwt", connections, store="memory")
    before = threading.active_count()

    async def ask() -> None:
        calls = [asyncio.ensure_future(client.token()) for _ in range(10_000)]
        while client.counts().waits < len(calls) - 1:
            await asyncio.sleep(0)
        assert len(STARTED) == len(calls)
        # A thread of an earlier test may have ended meanwhile.
        assert threading.active_count() <= before
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        while STARTED:
            await asyncio.sleep(0)

    asyncio.run(ask())
    sandbox.reset()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_ends_with_calls_in_progress(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    program = f"""
import asyncio, countersign
client = countersign.AsyncClient.load("docusign-jwt", {str(connections)!r}, store="memory")
async def main():
    for _ in range(100):
        asyncio.ensure_future(client.token())
    while client.counts().waits < 99:
        await asyncio.sleep(0)
asyncio.run(main())
print(client.counts().failures)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")


def test_the_client_works_under_trio(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})

    async def main() -> None:
        async with countersign.AsyncClient.load("docusign-jwt", connections, store="memory") as client:
            with trio.move_on_after(0) as scope:
                await client.token()
            assert scope.cancelled_caught
            with pytest.raises(countersign.TimedOutError):
                await client.token(timeout=0)
            values = set()

            async def ask() -> None:
                values.add((await client.token()).access_token)

            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(ask)
            assert len(values) == 1
            assert client.counts().minted == 1
            await client.invalidate(values.pop())
            assert (await client.token()).source == "minted"
        with pytest.raises(countersign.ClosedError):
            await client.token()

    trio.run(main)


def test_everything_that_waits_has_an_async_form() -> None:
    members = [(name, call) for name, call in vars(countersign.Client).items() if not name.startswith("_")]
    waits = {name for name, call in members if "timeout" in getattr(call, "__annotations__", {})}
    assert waits >= {"token", "access_token", "refresh", "complete_login", "login", "identity"}
    for name in waits:
        assert inspect.iscoroutinefunction(getattr(countersign.AsyncClient, name)), name
    here = {name for name in vars(countersign.AsyncClient) if not name.startswith("_")}
    assert {name for name, _ in members} - {"close"} == here - {"aclose", "sharing"}
