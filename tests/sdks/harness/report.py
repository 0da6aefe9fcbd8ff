"""The table in README.md."""

import json

BEGIN, END = "<!-- table: written by run.py -->", "<!-- end of the table -->"


def write(readme, recorded):
    readme.write_text(_with_table(readme, recorded))


def differs(readme, recorded):
    return readme.read_text() != _with_table(readme, recorded)


def _with_table(readme, recorded):
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{_table(recorded)}{END}{after}"


# What says nothing about OAuth, or follows from one policy for all vendors.
MINOR = {"header.accept", "assertion.claims.iat", "client_assertion.claims.iat",
         "access_token.claims.iat", "authorization.claims.iat"}  # fmt: skip


def _is_minor(diff):
    telemetry = diff["sdk"] == f"<{diff['at'].removeprefix('header.')}>"
    return telemetry or diff["at"] in MINOR


def _sdk(one):
    package = one["sdk"]["packages"][0].replace("==", "@")
    name, _, version = package.rpartition("@")
    name = name.split("[")[0]
    return f"{name} {version}" + ("" if one["by"] == "vendor" else " (community)")


def _table(recorded):
    files = [json.loads(file.read_text()) for file in sorted(recorded.glob("*.json"))]
    files.sort(key=lambda one: (one["by"] != "vendor", one["vendor"].lower()))
    lines = ["| Vendor | SDK | Case | Provider | Explained differences |", "|---|---|---|---|---|"]
    equal = cases = 0
    for one in files:
        for case in one["cases"]:
            cases += 1
            places = [f"`{diff['at']}`" for diff in case["differences"] if not _is_minor(diff)]
            equal += not places
            shown = ", ".join(places) or "equal"
            if not case["same_order"]:
                shown += "; other order"
            lines.append(
                f"| {one['vendor']} | {_sdk(one)} | {case['name']} | `{case['provider']}` | "
                f"{shown} |"
            )
    vendors = {one["vendor"] for one in files}
    official = {one["vendor"] for one in files if one["by"] == "vendor"}
    return (
        f"\n{cases} requests of {len(files)} SDKs of {len(vendors)} vendors, of which "
        f"{len(official)} publish the SDK themselves.\n{equal} requests are equal. "
        "Not counted as differences here are `Accept`, headers that tell the vendor\n"
        "the SDK's version, and `iat`, which countersign dates back. The recordings list these "
        "too.\n\n" + "\n".join(lines) + "\n\n"
    )
