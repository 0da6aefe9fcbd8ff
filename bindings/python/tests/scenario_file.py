"""Read scenario files. Unknown members are rejected."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MEMBERS = {
    "name",
    "about",
    "connection",
    "settings",
    "clock",
    "signer",
    "listener",
    "plugin",
    "open",
    "steps",
    "requests",
}

#: The members of each step, in addition to `do` and `expect`.
STEPS: dict[str, set[str]] = {
    "token": {"min_valid_s", "as"},
    "refresh": {"as"},
    "login": {"decision", "as"},
    "invalidate": {"token"},
    "identity": set(),
    "forget": {"force"},
    "drain": set(),
    "counts": set(),
    "advance": {"s"},
    "sandbox": {"post", "body"},
    "reopen": set(),
    "threads": {"count", "as"},
    "cancel": set(),
    "api": {"path"},
    "events": set(),
    "close_in_use": {"count"},
    "collect": {"rounds"},
}


def folder() -> Path:
    named = os.environ.get("COUNTERSIGN_SCENARIOS")
    return Path(named) if named else Path(__file__).parents[3] / "tests" / "scenarios"


def plugins() -> str:
    named = os.environ.get("COUNTERSIGN_PLUGINS")
    assert named, "COUNTERSIGN_PLUGINS is not set: the folder that tests/scenarios/plugins.sh has filled"
    return named


def names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.json"))


def read(name: str) -> dict[str, Any]:
    scenario: dict[str, Any] = json.loads((folder() / f"{name}.json").read_text("utf-8"))
    reject_unknown("the scenario", scenario, MEMBERS)
    assert scenario["name"] == name
    for step in scenario["steps"]:
        assert step["do"] in STEPS, f"unknown step `{step['do']}`"
        reject_unknown(step["do"], step, STEPS[step["do"]] | {"do", "expect"})
    return scenario


def filled(value: Any, places: dict[str, str]) -> Any:
    """Replace {url}, {dir} and {plugins} in every string."""
    if isinstance(value, str):
        for place, text in places.items():
            value = value.replace(place, text)
        return value
    if isinstance(value, list):
        return [filled(item, places) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, places) for key, item in value.items()}
    return value


def reject_unknown(what: str, found: dict[str, Any], known: set[str]) -> None:
    unknown = set(found) - known
    assert not unknown, f"{what} has unknown members: {', '.join(sorted(unknown))}"
