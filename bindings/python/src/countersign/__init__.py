"""Get access tokens for server-side integrations, and keep them valid.

>>> import countersign
>>> key = countersign.Key.from_secret(b"a secret of at least thirty-two bytes")
>>> signed = key.sign({"sub": "me"}, "HS256")
>>> key.verify(signed, "HS256")
b'{"sub":"me"}'
"""

from ._library import ffi as _ffi
from ._library import lib as _lib
from ._numbers import ABI_VERSION, Status
from ._settings import Settings
from .callbacks import Clock, Listener, Log, Signer
from .client import Client, Forgotten
from .errors import (
    Error,
    FixConfigurationError,
    OutcomeUnknownError,
    ReauthorizeError,
    RetryError,
    UnexpectedError,
)
from .key import Key
from .login import Login
from .registry import Registry
from .token import Token

__all__ = [
    "ABI_VERSION",
    "Client",
    "Clock",
    "Error",
    "FixConfigurationError",
    "Forgotten",
    "Key",
    "Listener",
    "Log",
    "Login",
    "OutcomeUnknownError",
    "ReauthorizeError",
    "Registry",
    "RetryError",
    "Settings",
    "Signer",
    "Status",
    "Token",
    "UnexpectedError",
    "library_version",
]

__version__ = "0.1.0"


def library_version() -> str:
    """Return the version of the loaded library, such as "0.1.0"."""
    version: bytes = _ffi.string(_lib.csign_version())  # type: ignore[assignment]
    return version.decode("ascii")
