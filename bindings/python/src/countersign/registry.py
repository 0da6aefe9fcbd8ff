"""The providers that clients may name."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

from . import callbacks
from ._library import ffi, lib
from ._text import ERROR_OUT, TEXT_OUT, given, taken
from .errors import check

if TYPE_CHECKING:
    from ._abi import Pointer


class Registry:
    """The built-in providers and those that are added. Add first, from one thread; then make clients with it."""

    __slots__ = ("_handle", "_host")
    _handle: Pointer

    def __init__(self, *, log: callbacks.Log | None = None, log_level: str = "info") -> None:
        """`log` hears what plugins say when they are loaded and used."""
        out, error = ffi.new("csign_registry **"), ffi.new(ERROR_OUT)
        check(lib.csign_registry_new(out, error), error)
        self._handle = ffi.gc(out[0], lib.csign_registry_free)
        set_log = lib.csign_registry_set_log
        self._host = None if log is None else callbacks.set_log(set_log, self._handle, log, log_level)

    def add_profile(self, toml: str) -> None:
        """Adds a provider that is described as a profile, in TOML.

        Raises FixConfigurationError, naming line or field, or where there is a provider of the same id.
        """
        error = ffi.new(ERROR_OUT)
        check(lib.csign_registry_add_profile(self._handle, *given(toml), error), error)

    def load_plugin(self, path: str | os.PathLike[str], sha256: str = "") -> None:
        """Loads a plugin and adds its providers. A plugin is native code that runs with all rights of this process:
        load none that you would not run. It is never unloaded.

        `path` is absolute; the file and its folder must be writable by their owner only. `sha256` (hex) lets no other
        file be loaded. Raises Error where path, file, digest or plugin are not as they must be.
        """
        error = ffi.new(ERROR_OUT)
        check(lib.csign_registry_load_plugin(self._handle, *given(os.fspath(path)), *given(sha256), error), error)

    def providers(self) -> list[dict[str, Any]]:
        """Which providers there are: `id`, `name`, `documentation`, `environments`, `grants`, `extra` of each."""
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_registry_providers(self._handle, out, error), error)
        return cast("list[dict[str, Any]]", json.loads(taken(out)))

    def __repr__(self) -> str:
        return f"<countersign.Registry {[provider['id'] for provider in self.providers()]}>"
