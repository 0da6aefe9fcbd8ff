"""Build a scenario's client: settings, clock, signer, listener."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from sandbox import Sandbox

import countersign


class Maker:
    """Builds a scenario's clients, all with the same settings and callbacks."""

    def __init__(self, sandbox: Sandbox, scenario: dict[str, Any]) -> None:
        self.sandbox = sandbox
        self.scenario = scenario
        self.clock = Clock()
        self.heard = Heard()

    def client(self) -> countersign.Client:
        scenario, connection = self.scenario, self.scenario["connection"]
        settings = {"store": "memory", **scenario.get("settings", {})}
        wanted, signer = scenario.get("signer"), None
        if wanted is not None:
            signer = signer_of(written(Path(self.sandbox.connections), connection), wanted)
        host: dict[str, Any] = {
            "signer": signer,
            "clock": self.clock.read if scenario.get("clock") else None,
            "on_change": self.heard.hear if scenario.get("listener") else None,
        }
        if "plugin" in scenario:
            host["registry"] = countersign.Registry()
            host["registry"].load_plugin(scenario["plugin"])
        return countersign.Client.load(connection, self.sandbox.connections, settings, **host)


def written(connections: Path, name: str) -> dict[str, str]:
    """Return a connection's settings, parsed as the README specifies."""
    block = connections.read_text("utf-8").split(f"[connections.{name}]\n", 1)[1].split("\n\n", 1)[0]
    pairs = [line.split(" = ", 1) for line in block.splitlines() if line]
    return {key: json.loads(value) for key, value in pairs}


def signer_of(settings: dict[str, str], wanted: object) -> countersign.Signer:
    def fails(message: bytes) -> bytes:
        raise ConnectionError("the device is away")

    assert wanted in (True, "fails")
    if wanted == "fails":
        return countersign.Signer("RS256", fails)
    key = countersign.Key.read_file(settings["private_key_file"])
    return countersign.Signer("RS256", lambda message: key.sign_bytes(message, "RS256"))


class Clock:
    """The system's clock, plus what a scenario adds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def advance(self, seconds: int) -> int:
        self.ahead_ms += seconds * 1000
        return self.ahead_ms // 1000

    def read(self) -> tuple[int, int]:
        unix_ms, boot_ms = time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000
        return unix_ms + self.ahead_ms, boot_ms + self.ahead_ms

    def now_s(self) -> int:
        return self.read()[0] // 1000


class Heard:
    """Counts the listener's calls."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.counts = {"obtained": 0, "rotated": 0, "forgotten": 0}

    def hear(self, change: str, token: countersign.Token | None) -> None:
        assert (token is None) == (change == "forgotten")
        with self.changed:
            # A rotation also obtains a new token.
            for word in {"rotated": ("obtained", "rotated")}.get(change, (change,)):
                self.counts[word] += 1
            self.changed.notify_all()

    def wait_for(self, expected: dict[str, int], timeout: float) -> dict[str, int]:
        """Return the counts, as soon as they are as expected or the timeout is over."""
        with self.changed:
            self.changed.wait_for(lambda: expected.items() <= self.counts.items(), timeout)
            return dict(self.counts)
