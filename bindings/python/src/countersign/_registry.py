"""The providers that clients can use."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from . import _callbacks as callbacks
from ._errors import check
from ._library import ffi, lib
from ._records import Provider, provider
from ._text import ERROR_OUT, TEXT_OUT, given, taken

if TYPE_CHECKING:
    from ._abi import Pointer


class Registry:
    """The providers that clients can use: the built-in ones, and those that the program adds.

    Add providers from one thread, before you build clients with the registry.
    """

    __slots__ = ("_handle", "_host")
    _handle: Pointer

    def __init__(self, *, log: callbacks.Log | None = None) -> None:
        """Create a registry with the built-in providers.

        `log` receives the log messages of plugins. It defaults to the logger "countersign".
        """
        out, error = ffi.new("csign_registry **"), ffi.new(ERROR_OUT)
        check(lib.csign_registry_new(out, error), error)
        self._handle = ffi.gc(out[0], lib.csign_registry_free)
        self._host = callbacks.set_log(lib.csign_registry_set_log, self._handle, log)

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

    def providers(self) -> list[Provider]:
        """Return the providers that clients can use with this registry."""
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_registry_providers(self._handle, out, error), error)
        return [provider(read) for read in json.loads(taken(out))]

    def __repr__(self) -> str:
        return f"<countersign.Registry of {len(self.providers())} providers>"
