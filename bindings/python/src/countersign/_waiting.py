"""Waiting for the library: on other threads, for asyncio, trio and calls with a timeout.

Ending a wait doesn't end the call: the response must be read, because it may contain a new refresh
token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Callable, TypeVar

from ._errors import timed_out

T = TypeVar("T")

#: The number of threads per client that wait for the library. Further calls queue.
THREADS = 4


class Waiters:
    """The threads of a client that wait for the library."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pool: tuple[int, ThreadPoolExecutor] | None = None

    def submit(self, call: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run a call on one of the threads. Raises RuntimeError after `shutdown`."""
        # A forked child has the object but not its threads. At exit, the process waits for the
        # threads, so that a new refresh token is stored.
        if self.pool is None or self.pool[0] != os.getpid():
            self.pool = os.getpid(), ThreadPoolExecutor(THREADS, f"countersign-{self.name}")
        return self.pool[1].submit(call, *arguments)

    def apart(self, what: str, call: Callable[[], T], *, daemon: bool = False) -> Future[T]:
        """Run a call on its own thread, so that it doesn't queue behind the calls that it waits for."""
        waiting: Future[T] = Future()
        waiting.set_running_or_notify_cancel()  # It can't be cancelled: the call always runs.

        def run() -> None:
            try:
                waiting.set_result(call())
            except BaseException as raised:
                waiting.set_exception(raised)

        threading.Thread(target=run, name=f"countersign-{self.name}-{what}", daemon=daemon).start()
        return waiting

    def shutdown(self) -> None:
        if self.pool is not None and self.pool[0] == os.getpid():
            self.pool[1].shutdown(wait=False)


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
    """Wait under asyncio or trio. Cancelling the task ends the wait, and drops a call that has not begun."""
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
