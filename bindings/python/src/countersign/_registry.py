"""The providers that clients can use."""

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
    """The providers that clients can use: the built-in ones, and those that the program adds.

    Add providers from one thread, before you build clients with the registry.
    """

    __slots__ = ("_handle", "_host")
    _handle: Pointer

    def __init__(self, *, log: callbacks.Log | None = None, log_level: str = "info") -> None:
        """Create a registry with the built-in providers. `log` receives the log messages of plugins."""
        out, error = ffi.new("csign_registry **"), ffi.new(ERROR_OUT)
        check(lib.csign_registry_new(out, error), error)
        self._handle = ffi.gc(out[0], lib.csign_registry_free)
        set_log = lib.csign_registry_set_log
        self._host = None if log is None else callbacks.set_log(set_log, self._handle, log, log_level)

    def add_profile(self, toml: str) -> None:
        """Add a provider that a profile in TOML describes.

        Raises FixConfigurationError, which names the line or the field, or if there already is a
        provider with this id.
        """
        error = ffi.new(ERROR_OUT)
        check(lib.csign_registry_add_profile(self._handle, *given(toml), error), error)

    def load_plugin(self, path: str | os.PathLike[str], sha256: str = "") -> None:
        """Load a plugin from its absolute path and add its providers.

        A plugin is native code that runs with the full rights of the process, and is never unloaded.
        No other user may be able to write the file or a folder above it. If `sha256` is not empty,
        the file must have this digest, in hex.

        Raises Error if the path, the file, the digest or the plugin is not valid.
        """
        error = ffi.new(ERROR_OUT)
        check(lib.csign_registry_load_plugin(self._handle, *given(os.fspath(path)), *given(sha256), error), error)

    def providers(self) -> list[dict[str, Any]]:
        """Return the providers: `id`, `name`, `documentation`, `environments`, `grants`, `extra` of each."""
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_registry_providers(self._handle, out, error), error)
        return cast("list[dict[str, Any]]", json.loads(taken(out)))

    def __repr__(self) -> str:
        return f"<countersign.Registry {[provider['id'] for provider in self.providers()]}>"
