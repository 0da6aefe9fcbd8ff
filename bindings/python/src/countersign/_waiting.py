"""Waiting for a call's future: under asyncio, under trio, and on a thread with a timeout.

Ending a wait doesn't end the call: the response must be read, because it may contain a new refresh
token.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Callable, TypeVar

from ._errors import timed_out

T = TypeVar("T")


def apart(name: str, call: Callable[[], T], *, daemon: bool = False) -> Future[T]:
    """Run a call that the library can't start on its own thread."""
    waiting: Future[T] = Future()
    waiting.set_running_or_notify_cancel()  # It can't be cancelled: the call always runs.

    def run() -> None:
        try:
            waiting.set_result(call())
        except BaseException as raised:
            waiting.set_exception(raised)

    threading.Thread(target=run, name=f"countersign-{name}", daemon=daemon).start()
    return waiting


def wait(future: Future[T], timeout: float) -> T:
    """Wait on this thread. Raises TimedOutError after the timeout."""
    try:
        return future.result(timeout)
    except FutureTimeoutError:
        if future.done():  # The call itself raised it.
            raise
        future.cancel()
        raise timed_out(timeout) from None


async def awaited(future: Future[T], timeout: float | None = None) -> T:
    """Wait under asyncio or trio. Cancelling the task cancels the call."""
    try:
        if in_trio():
            await done_in_trio(future, timeout)
        else:
            await done_in_asyncio(future, timeout)
    finally:
        future.cancel()
    if not future.done() or future.cancelled():
        assert timeout is not None
        raise timed_out(timeout)
    return future.result()


def in_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


async def done_in_asyncio(future: Future[T], timeout: float | None) -> None:
    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake(_: Future[T]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed, and its tasks with it.
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(wake)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(done.wait(), timeout)


async def done_in_trio(future: Future[T], timeout: float | None) -> None:
    import trio

    done, loop = trio.Event(), trio.lowlevel.current_trio_token()

    def wake(_: Future[T]) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            loop.run_sync_soon(done.set)

    future.add_done_callback(wake)
    with trio.move_on_after(float("inf") if timeout is None else timeout):
        await done.wait()
