"""Create, use and drop the package's objects 10,000 times, and fail if the memory grows.

Needs COUNTERSIGN_SANDBOX, for the sandbox whose tokens are asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import countersign
from countersign import _callbacks as callbacks

sys.path.insert(0, str(Path(__file__).parent / "tests"))
from sandbox import Sandbox, running
from scenario_client import written

ROUNDS = 10_000
WARM_UP = 2_000
ALLOWED_KB = 4 * 1024
TOKENS_EVERY = 25


def main() -> int:
    with running() as sandbox:
        return run(sandbox)


def run(sandbox: Sandbox) -> int:
    pem = (Path(sandbox.dir) / "docusign.pem").read_bytes()
    # All rounds' clients find this client's token in the store.
    settings = {**written(Path(sandbox.connections), "docusign-jwt"), "store": f"file:{sandbox.dir}/leak"}
    providers = countersign.Registry()
    shared = countersign.Client(settings, name="leak")
    shared.token()
    start_kb = 0
    for number in range(ROUNDS):
        once(settings, providers, pem, number, shared)
        if number == WARM_UP:
            gc.collect()
            start_kb = resident_kb()
    gc.collect()
    grown_kb = resident_kb() - start_kb
    print(
        f"{ROUNDS} rounds: {start_kb} kB after {WARM_UP}, {grown_kb:+} kB at the end; {len(callbacks.KEPT)} callbacks"
    )
    if callbacks.KEPT:
        print("callbacks are left of clients that are gone", file=sys.stderr)
        return 1
    if grown_kb > ALLOWED_KB:
        print(f"memory grew by {grown_kb} kB, more than {ALLOWED_KB}", file=sys.stderr)
        return 1
    return 0


def once(
    settings: dict[str, str],
    providers: countersign.Registry,
    pem: bytes,
    number: int,
    shared: countersign.Client,
) -> None:
    key = countersign.Key.read(pem)
    if number % 10 == 0:  # RSA is slow in a debug build.
        key.info()
        key.verify(key.sign({"sub": "me"}))
    client = countersign.Client(settings, name="leak", registry=providers, clock=clock, log=ignore, on_change=ignore)
    client.counts()
    login = client.start_login()
    countersign.Login.restore(login.save())
    rejected(client, providers, login)
    shared.token()
    shared.access_token()
    if number % TOKENS_EVERY == 0:
        assert client.token().access_token == shared.access_token()
    if number % 2:
        client.close()


def rejected(client: countersign.Client, providers: countersign.Registry, login: countersign.Login) -> None:
    for call in (
        lambda: client.complete_login(login, "code=1&state=another"),
        lambda: countersign.Client(provider="nobody", registry=providers),
    ):
        try:
            call()
        except countersign.Error:
            continue
        raise AssertionError("this cannot go well")


def clock() -> tuple[int, int]:
    raise LookupError  # Then the system's clock is used, which must not leak either.


def ignore(*_: object) -> None:
    pass


def resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    import logging

    logging.getLogger("countersign").setLevel(logging.CRITICAL + 1)
    sys.exit(main())
