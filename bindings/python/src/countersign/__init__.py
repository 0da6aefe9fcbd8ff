"""Get access tokens for server-side integrations, and keep them valid.

>>> import countersign
>>> key = countersign.Key.from_secret(b"a secret of at least thirty-two bytes")
>>> signed = key.sign({"sub": "me"}, "HS256")
>>> key.verify(signed, "HS256")
b'{"sub":"me"}'
"""

import logging as _logging
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._async_client import AsyncClient
from ._callbacks import Clock, Listener, Log, Signer
from ._client import Client
from ._errors import (
    ClosedError,
    Error,
    FixConfigurationError,
    OutcomeUnknownError,
    ReauthorizeError,
    RetryError,
    TimedOutError,
    UnexpectedError,
    UsageError,
    VerificationError,
)
from ._key import Key
from ._library import ffi as _ffi
from ._library import lib as _lib
from ._login import Login
from ._records import Counts, Event, Forgotten, KeyInfo, Provider
from ._registry import Registry
from ._settings import Settings
from ._source import AsyncTokenSource, TokenSource
from ._token import Token
from ._words import Kind, Verdict

__all__ = [
    "AsyncClient",
    "AsyncTokenSource",
    "Client",
    "Clock",
    "ClosedError",
    "Counts",
    "Error",
    "Event",
    "FixConfigurationError",
    "Forgotten",
    "Key",
    "KeyInfo",
    "Kind",
    "Listener",
    "Log",
    "Login",
    "OutcomeUnknownError",
    "Provider",
    "ReauthorizeError",
    "Registry",
    "RetryError",
    "Settings",
    "Signer",
    "TimedOutError",
    "Token",
    "TokenSource",
    "UnexpectedError",
    "UsageError",
    "Verdict",
    "VerificationError",
    "library_version",
]

# The standard library's rule for libraries: silent, unless the program configures logging.
_logging.getLogger("countersign").addHandler(_logging.NullHandler())

# Users see where a class is imported from, not the private module that defines it.
for _name in __all__:
    if isinstance(globals().get(_name), type):
        globals()[_name].__module__ = __name__
del _name


def library_version() -> str:
    """Return the version of the loaded library, such as "0.1.0"."""
    version: bytes = _ffi.string(_lib.csign_version())  # type: ignore[assignment]
    return version.decode("ascii")


if _TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        # Read on demand, because most programs never ask.
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version

        return version(__name__)
