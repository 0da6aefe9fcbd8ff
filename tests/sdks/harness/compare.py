"""Finds the differences between two requests in normal form."""

import base64
from urllib.parse import unquote_plus


def _pairs(form):
    pairs = [pair.partition("=") for pair in form.split("&") if pair]
    return [(unquote_plus(name), unquote_plus(value), raw) for (name, _, value), raw in
            zip(pairs, (pair for pair in form.split("&") if pair))]  # fmt: skip


def _credentials(value):
    """Basic credentials, decoded."""
    scheme, _, rest = (value or "").partition(" ")
    if scheme.lower() != "basic":
        return value
    return f"{scheme} base64({base64.b64decode(rest).decode()})"


def differences(sdk, ours):
    """Returns each difference as `{"at", "sdk", "countersign"}`, and whether the order of the
    parameters is the same."""
    found = []

    def compare(at, theirs, mine):
        if theirs != mine:
            found.append({"at": at, "sdk": theirs, "countersign": mine})

    def members(at, theirs, mine):
        for name in sorted(theirs.keys() | mine.keys()):
            compare(f"{at}.{name}", theirs.get(name), mine.get(name))

    compare("method", sdk["method"], ours["method"])
    theirs, mine = (one["url"] or "" for one in (sdk, ours))
    compare("url", theirs.partition("?")[0], mine.partition("?")[0])
    same_order = _forms("query", theirs.partition("?")[2], mine.partition("?")[2], found)
    headers = (
        {name: _credentials(value) for name, value in one["headers"].items()} for one in (sdk, ours)
    )
    members("header", *headers)
    theirs, mine = sdk["body"], ours["body"]
    if isinstance(theirs, dict) and isinstance(mine, dict):
        members("body", theirs, mine)
    elif isinstance(theirs, dict) or isinstance(mine, dict):
        # One is a form and the other JSON: the parameters are compared all the same.
        compare("body", *("JSON" if isinstance(body, dict) else body and "form"
                          for body in (theirs, mine)))  # fmt: skip
        as_members = [
            body if isinstance(body, dict)
            else {name: value for name, value, _ in _pairs(body or "")}
            for body in (theirs, mine)
        ]  # fmt: skip
        members("body", *as_members)
    else:
        same_order &= _forms("body", theirs or "", mine or "", found)
    places = [[one["in"] for one in request["assertions"]] for request in (sdk, ours)]
    compare("assertions", *places)
    for theirs in sdk["assertions"]:
        for mine in ours["assertions"]:
            if theirs["in"] == mine["in"]:
                for part in ("header", "claims"):
                    members(f"{mine['in']}.{part}", theirs[part], mine[part])
    return found, same_order


def _forms(at, theirs, mine, found):
    """Compares two forms as multisets, and pairs with the same meaning by their bytes."""
    theirs, mine = _pairs(theirs), _pairs(mine)
    names = sorted({name for name, _, _ in theirs + mine})
    for name in names:
        left = [pair for pair in theirs if pair[0] == name]
        right = [pair for pair in mine if pair[0] == name]
        values = [[value for _, value, _ in side] for side in (left, right)]
        if sorted(values[0]) != sorted(values[1]):
            one = [side[0] if len(side) == 1 else side or None for side in values]
            found.append({"at": f"{at}.{name}", "sdk": one[0], "countersign": one[1]})
        elif (raws := [sorted(raw for _, _, raw in side) for side in (left, right)]) and (
            raws[0] != raws[1]
        ):
            found.append(
                {
                    "at": f"{at}.{name} (encoding)",
                    "sdk": "&".join(raws[0]),
                    "countersign": "&".join(raws[1]),
                }
            )
    common = {name for name, _, _ in theirs} & {name for name, _, _ in mine}
    order = [[name for name, _, _ in side if name in common] for side in (theirs, mine)]
    return order[0] == order[1]
