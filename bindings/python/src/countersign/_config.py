"""The settings and callbacks that a client is built from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from . import _callbacks as callbacks
from ._errors import check
from ._library import ffi, lib
from ._text import ERROR_OUT, given

if TYPE_CHECKING:
    from ._abi import Pointer

#: The type of a setting's value. It is converted to a string. None removes a setting of the file.
Value = Union[str, int, "os.PathLike[str]", None]


class Config:
    """A `csign_config` and its callbacks."""

    def __init__(self) -> None:
        out, error = ffi.new("csign_config **"), ffi.new(ERROR_OUT)
        check(lib.csign_config_new(out, error), error)
        self.handle: Pointer = ffi.gc(out[0], lib.csign_config_free)
        self.hosts: list[callbacks.Host] = []

    def load(self, name: str, path: str | os.PathLike[str] | None) -> None:
        error = ffi.new(ERROR_OUT)
        place = given("" if path is None else os.fspath(path))
        check(lib.csign_config_load(self.handle, *place, *given(name), error), error)

    def name(self, name: str) -> None:
        error = ffi.new(ERROR_OUT)
        check(lib.csign_config_set_name(self.handle, *given(name), error), error)

    def set(self, settings: Mapping[str, object]) -> None:
        # Remove settings first, so that a key file can be replaced by a key in another form.
        for key in (key for key, value in settings.items() if value is None):
            error = ffi.new(ERROR_OUT)
            check(lib.csign_config_unset(self.handle, *given(key), error), error)
        for key, value in settings.items():
            if value is None:
                continue
            error = ffi.new(ERROR_OUT)
            check(lib.csign_config_set(self.handle, *given(key), *given(as_text(key, value)), error), error)

    def host(
        self,
        signer: callbacks.Signer | None,
        clock: callbacks.Clock | None,
        log: callbacks.Log | None,
        on_change: callbacks.Listener | None,
    ) -> None:
        if signer is not None:
            self.hosts.append(callbacks.set_signer(self.handle, signer))
        if clock is not None:
            self.hosts.append(callbacks.set_clock(self.handle, clock))
        own_log = callbacks.set_log(lib.csign_config_set_log, self.handle, log)
        if own_log is not None:
            self.hosts.append(own_log)
        if on_change is not None:
            self.hosts.append(callbacks.set_listener(self.handle, on_change))


def as_text(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{key} is a {type(value).__name__}: pass a str, an int or a path")
