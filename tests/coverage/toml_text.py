"""Writes TOML, as far as profiles need it: texts, numbers, booleans, arrays and tables."""

import json
import re


def dump(table, path=()):
    """Returns the text of a table: first its values, then its tables."""
    lines, below = [], []
    for name, value in table.items():
        if isinstance(value, dict):
            below.append((name, value))
        else:
            lines.append(f"{_key(name)} = {_value(value)}")
    text = "".join(line + "\n" for line in lines)
    for name, value in below:
        inner = (*path, name)
        header = ".".join(_key(part) for part in inner)
        text += f"\n[{header}]\n{dump(value, inner)}"
    return text


def _key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    # JSON's escapes are TOML's, except that JSON may have surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
