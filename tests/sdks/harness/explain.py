"""Explanations of differences."""

import json


class Explanations:
    """Those that many SDKs share, and those of one case."""

    def __init__(self, file):
        data = json.loads(file.read_text())
        self.shared, self.telemetry = data["shared"], data["telemetry"]

    def apply(self, case, found):
        """Returns the differences with their explanations, and what is unexplained or unused."""
        own = case.get("differences", {})
        common = case.get("common_differences", {})
        explained, wrong = [], []
        for one in found:
            why = own.get(one["at"]) or common.get(one["at"]) or self._shared(one)
            if why:
                explained.append({**one, "why": why})
            else:
                wrong.append(f"unexplained difference: {json.dumps(one)}")
        unused = own.keys() - {one["at"] for one in found}
        wrong += [f"no difference at {at}, but an explanation" for at in sorted(unused)]
        return explained, wrong

    def _shared(self, one):
        name = one["at"].removeprefix("header.")
        if name in self.telemetry["headers"] and one["countersign"] is None:
            return self.telemetry["why"]
        if one["at"].endswith(" (encoding)") and one["sdk"].replace("%7E", "~") == one["countersign"]:
            return "The SDK encodes ~, which RFC 3986 section 2.3 advises against. Both mean the same."
        for rule in self.shared:
            if all(rule[name] == one[name] for name in ("at", "sdk", "countersign")):
                return rule["why"]
        return None
