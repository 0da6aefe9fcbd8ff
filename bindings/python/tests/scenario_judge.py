"""Compare a step's result to what it expects."""

from __future__ import annotations

from typing import Any, NamedTuple

import countersign


class Failed(Exception):
    """Why a scenario failed."""


class Seen(NamedTuple):
    """A step's result: one of these, or several for threads."""

    facts: dict[str, Any] | None = None
    access: str | None = None
    error: dict[str, Any] | None = None
    each: list[Seen] | None = None


TOKEN = {
    "source",
    "same_as",
    "different_from",
    "token_type",
    "scope",
    "expires_in_about_s",
    "extra",
    "headers",
    "headers_error",
}
COUNTS = {"hits", "adopted", "minted", "refreshed", "waits", "failures"}
EXPECTED = {
    "token": TOKEN,
    "refresh": TOKEN,
    "login": TOKEN,
    "threads": TOKEN - {"source"},
    "identity": {"extra"},
    "forget": {"revocation"},
    "counts": COUNTS,
    "api": {"status", "token_requests"},
    "events": {"obtained", "rotated", "forgotten"},
}
CAN_FAIL = {"token", "refresh", "login", "threads", "identity", "forget", "counts"}
EXACT = ("verdict", "kind", "http_status")
MAYBE = ("oauth_error", "oauth_description", "setting", "provider", "url", "trace_id", "hint", "retry_after_s")


def reported(error: countersign.Error) -> dict[str, Any]:
    """Return an error's members, named as in the README. Absent ones are None."""
    facts = {name: getattr(error, name) for name in (*EXACT, *MAYBE, "message")}
    if error.retry_after_s is not None:
        facts["retry_after_s"] = int(error.retry_after_s)
    return facts


def judge(scenario: dict[str, Any], opened: dict[str, Any] | None, record: list[Seen], log: list[str]) -> None:
    """Raise Failed if the results are not as expected."""
    wanted = scenario.get("open")
    if wanted is not None:
        if opened is None:
            raise Failed("the client was built")
        judge_error("open", wanted["error"], opened)
    elif opened is not None:
        raise Failed(f"cannot build the client: {opened}")
    named: dict[str, str] = {}
    for number, (step, seen) in enumerate(zip(scenario["steps"], record)):
        judge_step(f"step {number} ({step['do']})", step, seen, named)
        tokens = [seen] if seen.each is None else seen.each
        if "as" in step and tokens[0].access is not None:
            named[step["as"]] = tokens[0].access
    if "requests" in scenario and log != scenario["requests"]:
        raise Failed(f"requests: {log}, not {scenario['requests']}")


def judge_step(place: str, step: dict[str, Any], seen: Seen, named: dict[str, str]) -> None:
    expect = step.get("expect", {})
    known = EXPECTED.get(step["do"], set()) | ({"error"} if step["do"] in CAN_FAIL else set())
    unknown = set(expect) - known
    if unknown or ("error" in expect and len(expect) > 1):
        raise Failed(f"{place}: cannot expect {', '.join(sorted(expect))}")
    all_seen = [seen] if seen.each is None else seen.each
    for one in all_seen:
        if "error" in expect:
            if one.error is None:
                raise Failed(f"{place}: no error")
            judge_error(place, expect["error"], one.error)
        elif one.error is not None:
            raise Failed(f"{place}: {one.error}")
        else:
            judge_facts(place, expect, one, named)
    if len({one.access for one in all_seen}) > 1:
        raise Failed(f"{place}: different tokens")


def judge_facts(place: str, expect: dict[str, Any], seen: Seen, named: dict[str, str]) -> None:
    facts = seen.facts or {}
    for member, wanted in expect.items():
        if member == "same_as":
            good = seen.access == named[wanted]
        elif member == "different_from":
            good = seen.access != named[wanted]
        elif member == "extra":
            good = all(matches(value, facts["extra"].get(name)) for name, value in wanted.items())
        elif member == "headers":
            found = facts[member]
            good = set(found) == set(wanted) and all(
                matches(str(value).replace("{token}", seen.access or ""), found[name]) for name, value in wanted.items()
            )
        elif member == "headers_error":
            if facts[member] is None:
                raise Failed(f"{place}: the headers are not an error")
            judge_error(place, wanted, facts[member])
            good = True
        elif member == "expires_in_about_s" and wanted is not None:
            found = facts[member]
            good = found is not None and abs(found - wanted) <= 30
        else:
            good = facts[member] == wanted
        if not good:
            raise Failed(f"{place}: {member}: {facts.get(member)!r} instead of {wanted!r}")


def judge_error(place: str, expect: dict[str, Any], error: dict[str, Any]) -> None:
    for member, wanted in expect.items():
        if member in ("message_has", "hint_has"):
            good = wanted in (error[member[:-4]] or "")
        elif member in MAYBE:
            good = matches(wanted, error[member])
        elif member in EXACT:
            good = error[member] == wanted
        else:
            raise Failed(f"{place}: cannot expect {member} of an error")
        if not good:
            raise Failed(f"{place}: {member} is not {wanted!r} in {error}")


def matches(wanted: Any, found: Any) -> bool:
    return found not in (None, "") if wanted == "*" else bool(found == wanted)
