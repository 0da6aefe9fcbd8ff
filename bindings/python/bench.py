"""Measure the cost of a cached token, in nanoseconds including the loop, as a line of JSON per measurement:
the median of rounds.

Needs COUNTERSIGN_SANDBOX, for the sandbox whose token is measured; else the package as users have it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import timeit
from collections.abc import Awaitable, Callable

import countersign
from countersign import testing
from countersign._library import lib

ROUNDS = 7


def main() -> None:
    with testing.sandbox() as sandbox, sandbox.client("docusign-jwt") as client:
        client.token()
        report("empty call", lib.csign_abi_version)
        report("cached token", client.access_token)
        report("cached token object", client.token)
        asyncio.run(report_async(countersign.AsyncClient.sharing(client)))


def report(what: str, call: Callable[[], object]) -> None:
    timer = timeit.Timer(call)
    number, _ = timer.autorange()
    tell(what, [seconds / number for seconds in timer.repeat(ROUNDS, number)])


async def report_async(client: countersign.AsyncClient) -> None:
    async def measure(what: str, call: Callable[[], Awaitable[object]]) -> None:
        number, rounds = 20_000, []
        for _ in range(ROUNDS):
            begun = timeit.default_timer()
            for _ in range(number):
                await call()
            rounds.append((timeit.default_timer() - begun) / number)
        tell(what, rounds)

    await measure("cached token, awaited", client.access_token)
    await measure("cached token object, awaited", client.token)
    await measure("cached token object, for a given time, awaited", lambda: client.token(1))


def tell(what: str, rounds: list[float]) -> None:
    print(json.dumps({"what": what, "ns": round(statistics.median(rounds) * 1e9, 1)}), flush=True)


if __name__ == "__main__":
    main()
