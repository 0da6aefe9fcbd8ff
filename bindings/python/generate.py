"""Writes the modules of the package that follow from countersign.h and the library's own list of settings.

    python generate.py           writes them
    python generate.py --check   fails where what is committed is not what it would write

Needs COUNTERSIGN_INCLUDE_DIR and COUNTERSIGN_LIB_DIR, and cffi of the version in requirements-dev.txt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, NamedTuple

import cffi

PACKAGE = Path(__file__).parent / "src" / "countersign"
MADE_BY = "Made by `python generate.py` in bindings/python; do not edit."

# Which branches of the header a C99 compiler takes where the library is shared. An unknown condition is an error.
CONDITIONS = {
    "ifndef COUNTERSIGN_H": True,
    "if defined(_WIN32) && !defined(CSIGN_STATIC)": False,
    "if defined(CSIGN_TEST_HOOKS)": True,
    "if defined(__cplusplus) || __STDC_VERSION__ >= 202311L": False,
    "if __STDC_VERSION__ >= 202311L": False,
    "ifndef __cplusplus": True,
    "ifdef __cplusplus": False,
}


def main(arguments: list[str]) -> int:
    header = Header.read(Path(os.environ["COUNTERSIGN_INCLUDE_DIR"]) / "countersign.h")
    library = Path(os.environ["COUNTERSIGN_LIB_DIR"]) / "libcountersign.so.0"
    files = {
        "_abi.py": abi_module(header.cdef),
        "_abi.pyi": abi_types(header.cdef, library),
        "_numbers.py": numbers_module(header),
        "_settings.py": settings_module(header.cdef, library),
    }
    stale = []
    for name, text in files.items():
        path = PACKAGE / name
        if "--check" in arguments:
            if not path.exists() or path.read_text("utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, "utf-8")
    if stale:
        print(f"{', '.join(stale)}: not what countersign.h says; run `python generate.py`", file=sys.stderr)
    return 1 if stale else 0


class Enumerator(NamedTuple):
    name: str
    number: int
    about: str


class Header(NamedTuple):
    """What is read from countersign.h."""

    abi_version: int
    cdef: str
    enums: dict[str, list[Enumerator]]

    @staticmethod
    def read(path: Path) -> Header:
        text = path.read_text("utf-8")
        version = re.search(r"^#define CSIGN_ABI_VERSION (\d+)$", text, re.M)
        if version is None:
            raise SystemExit(f"{path}: CSIGN_ABI_VERSION is not defined as a number")
        lines = taken_lines(text)
        return Header(int(version[1]), declarations(lines), enumerations(lines))


def taken_lines(text: str) -> str:
    """The header as a C99 compiler sees it, comments kept."""
    kept = []
    branches = [True]
    for line in text.splitlines():
        directive = re.match(r"#\s*(\w+)(.*)", line)
        if directive is None:
            if all(branches):
                kept.append(line)
            continue
        word, rest = directive[1], re.sub(r"//.*", "", directive[2]).strip()
        if word in ("if", "ifdef", "ifndef"):
            condition = f"{word} {rest}"
            if condition not in CONDITIONS:
                raise SystemExit(f"countersign.h: `#{condition}` is new: say in generate.py whether it holds")
            branches.append(CONDITIONS[condition])
        elif word == "else":
            branches[-1] = not branches[-1]
        elif word == "endif":
            branches.pop()
        elif word not in ("define", "include"):
            raise SystemExit(f"countersign.h: `#{word}` is new to generate.py")
    return "\n".join(kept)


def declarations(lines: str) -> str:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", lines, flags=re.S)
    text = text.replace("CSIGN_API", "")
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def enumerations(lines: str) -> dict[str, list[Enumerator]]:
    enums = {}
    for name, body in re.findall(r"enum csign_(\w+)\s*\{(.*?)\};", lines, re.S):
        prefix = f"CSIGN_{name.upper()}_"
        found = re.findall(rf"/\*\*(.*?)\*/\s*{prefix}(\w+) = (\d+),", body, re.S)
        if len(found) != body.count("="):
            raise SystemExit(f"csign_{name}: an enumerator without a comment, or named without {prefix}")
        enums[name] = [Enumerator(word, int(number), sentence(about)) for about, word, number in found]
    return enums


def sentence(comment: str) -> str:
    return " ".join(comment.replace("*", " ").split())


def abi_module(cdef: str) -> str:
    """What cffi needs to call the library, with nothing left to parse at import."""
    builder = cffi.FFI()
    builder.set_source("countersign._abi", None)
    builder.cdef(cdef)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "_abi.py"
        with contextlib.redirect_stdout(None):  # It says where it writes to.
            builder.emit_python_code(str(path))
        return f"# {MADE_BY}\n{path.read_text('utf-8')}"


def loaded(cdef: str, library: Path) -> tuple[Any, Any]:
    ffi = cffi.FFI()
    ffi.cdef(cdef)
    return ffi, ffi.dlopen(str(library))


def abi_types(cdef: str, library: Path) -> str:
    """The library's functions for a type checker: how many arguments, and which are numbers."""
    ffi, _ = loaded(cdef, library)
    functions = re.findall(r"^[\w *]*?\b(csign_\w+)\(", cdef, re.M)
    methods = []
    for function in functions:
        signature = re.search(rf"^([^\n]*?)\b{function}\((.*?)\);", cdef, re.M | re.S)
        assert signature is not None
        arguments = [a.strip() for a in signature[2].split(",")] if signature[2].strip() != "void" else []
        typed = [parameter(ffi, argument) for argument in arguments]
        names = ", ".join(["self", *typed] + (["/"] if typed else []))
        methods.append(f"    def {function}({names}) -> {result(ffi, signature[1].strip())}: ...")
    body = "\n".join(methods)
    return (
        f"# {MADE_BY}\n\nfrom typing import Any, Union\n\n"
        "from _cffi_backend import FFI, _CDataBase\n\n"
        "Pointer = _CDataBase\nBytes = Union[_CDataBase, bytes]\nCallback = Any\n\n"
        f"class Library:\n{body}\n\nffi: FFI\n"
    )


def parameter(ffi: Any, declared: str) -> str:
    match = re.fullmatch(r"(.*?)(\w+)", declared, re.S)
    assert match is not None
    name = {"open": "open_"}.get(match[2], match[2])
    kind = ffi.typeof(match[1].strip())
    if kind.kind == "pointer" and kind.item.cname in ("char", "uint8_t") and "const" in declared:
        return f"{name}: Bytes"
    return f"{name}: {'Callback' if kind.kind == 'function' else typed(kind)}"


def result(ffi: Any, declared: str) -> str:
    return "None" if declared == "void" else typed(ffi.typeof(declared))


def typed(kind: Any) -> str:
    return "int" if kind.kind == "primitive" else "Pointer"


def numbers_module(header: Header) -> str:
    parts = [
        f'"""The numbers of countersign.h. {MADE_BY}"""\n\nfrom enum import IntEnum\n\n'
        f"#: The ABI that this package was made for: major << 16 | minor.\nABI_VERSION = {header.abi_version}\n"
    ]
    for name, enumerators in header.enums.items():
        title = "".join(part.capitalize() for part in name.split("_"))
        members = "".join(f"\n    {e.name} = {e.number}\n{docstring(e.about, 4)}" for e in enumerators)
        parts.append(f'\n\nclass {title}(IntEnum):\n    """Numbers of `csign_{name}`."""\n{members}')
    return "".join(parts)


def docstring(text: str, indent: int) -> str:
    blank = " " * indent
    if len(text) + indent + 6 <= 120:
        return f'{blank}"""{text}"""\n'
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) + indent + 4 > 116:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return f'{blank}"""' + f"\n{blank}".join(lines) + f'\n{blank}"""\n'


def settings_module(cdef: str, library: Path) -> str:
    """The settings as a TypedDict, so that editors complete them and type checkers refuse others."""
    ffi, lib = loaded(cdef, library)
    out, error = ffi.new("csign_text **"), ffi.new("csign_error **")
    if lib.csign_settings(out, error) != 0:
        raise SystemExit("csign_settings failed")
    settings = json.loads(ffi.string(lib.csign_text_value(out[0], ffi.NULL)))
    lib.csign_text_free(out[0])
    number: Callable[[str], bool] = lambda name: name.endswith(("_s", "_ms"))  # noqa: E731
    lines = []
    for setting in settings:
        name, about = setting["name"], setting["about"]
        kind = "int | str" if number(name) else "Path" if name.endswith("_file") else "str"
        lines.append(f"    {name}: {kind} | None\n{docstring(about, 4)}")
        if setting["secret"]:
            lines.append(f"    {name}_file: Path | None\n{docstring('a file that has ' + about, 4)}")
            lines.append(f"    {name}_env: str | None\n{docstring('the environment variable that has ' + about, 4)}")
    body = "\n".join(lines)
    return (
        f'"""The settings of a connection. {MADE_BY}"""\n\nfrom __future__ import annotations\n\n'
        "from os import PathLike\nfrom typing import TypedDict, Union\n\n"
        'Path = Union[str, "PathLike[str]"]\n\n\n'
        "class Settings(TypedDict, total=False):\n"
        '    """A connection\'s settings, by the names they have in every language. Vendors have more,\n'
        "    named `extra.NAME`: those go into the mapping that `Client` takes first. None takes away what a\n"
        '    file has.\n    """\n\n'
        f"{body}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
