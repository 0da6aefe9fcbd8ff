"""Run the scenarios in tests/scenarios, whose README specifies them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import scenario_file
from sandbox import Sandbox
from scenario_client import Maker
from scenario_judge import Failed, Seen, judge, reported
from scenario_steps import Steps

import countersign


class Run(NamedTuple):
    scenario: dict[str, Any]
    opened: dict[str, Any] | None
    record: list[Seen]
    log: list[str]


@pytest.fixture(scope="session")
def results() -> Iterator[dict[str, str]]:
    found: dict[str, str] = {}
    yield found
    folder = os.environ.get("COUNTERSIGN_SCENARIO_RESULTS")
    if folder:
        text = json.dumps({"language": "python", "scenarios": found}, indent=1, sort_keys=True)
        (Path(folder) / "python.json").write_text(text + "\n", "utf-8")


@pytest.mark.parametrize("name", scenario_file.names())
def test_scenario(name: str, sandbox: Sandbox, results: dict[str, str]) -> None:
    results[name] = "failed: it did not come to an end"
    try:
        ran = run(name, sandbox)
        judge(ran.scenario, ran.opened, ran.record, ran.log)
    except Exception as why:
        results[name] = f"failed: {why}"
        raise
    results[name] = "ok"
    passed = [what for what, wrong in wrongly_expecting(ran.scenario) if holds(wrong, ran)]
    assert not passed, f"these also pass: {passed}"


def test_there_are_scenarios() -> None:
    assert len(scenario_file.names()) >= 55


def run(name: str, sandbox: Sandbox) -> Run:
    places = {"{url}": sandbox.url, "{dir}": sandbox.dir, "{plugins}": scenario_file.plugins()}
    scenario = scenario_file.filled(scenario_file.read(name), places)
    maker = Maker(sandbox, scenario)
    try:
        steps = Steps(sandbox, maker, maker.client())
    except countersign.Error as error:
        return Run(scenario, reported(error), [], [entry["grant"] for entry in sandbox.log()])
    try:
        record = []
        for step in scenario["steps"]:
            record.append(steps.take(step))
        return Run(scenario, None, record, [entry["grant"] for entry in sandbox.log()])
    finally:
        steps.client.close()


def holds(scenario: dict[str, Any], ran: Run) -> bool:
    try:
        judge(scenario, ran.opened, ran.record, ran.log)
    except Failed:
        return False
    return True


def wrongly_expecting(scenario: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return variants of the scenario, each with one wrong expectation, which must fail."""
    if "requests" in scenario:
        yield "requests", {**scenario, "requests": [*scenario["requests"], "another"]}
    for path in expectations(scenario):
        wrong = copy.deepcopy(scenario)
        holder: Any = wrong
        for key in path[:-1]:
            holder = holder[key]
        if path[-1] in ("same_as", "different_from"):
            other = "different_from" if path[-1] == "same_as" else "same_as"
            holder[other] = holder.pop(path[-1])
        else:
            holder[path[-1]] = {"*": None, None: "*"}.get(holder[path[-1]], -1_000_000)
            if isinstance(holder[path[-1]], int) and path[-1] in ("message_has", "hint_has"):
                holder[path[-1]] = "not what it says"
        yield ".".join(map(str, path)), wrong


def expectations(scenario: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Return the paths of all expectations."""
    roots: list[tuple[Any, ...]] = [("steps", n, "expect") for n, s in enumerate(scenario["steps"]) if "expect" in s]
    if "open" in scenario:
        roots.append(("open",))
    while roots:
        path = roots.pop()
        value: Any = scenario
        for key in path:
            value = value[key]
        if isinstance(value, dict):
            roots.extend((*path, key) for key in value)
        else:
            yield path
