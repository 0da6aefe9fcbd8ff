"""Keys: read, sign, verify, describe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import callbacks
from ._library import ffi, lib
from ._text import ERROR_OUT, LENGTH_OUT, TEXT_OUT, given, taken
from .errors import check

if TYPE_CHECKING:
    from ._abi import Pointer

KEY_OUT = ffi.typeof("csign_key **")


class Key:
    """A key: private, public, a certificate, a JWK Set, or one that stays in a device.

    Immutable; any number of threads may use one. Wiped when it is collected.
    """

    __slots__ = ("_handle", "_host")
    _handle: Pointer
    _host: callbacks.Host | None

    def __init__(self) -> None:
        raise TypeError("a Key is made by Key.read, Key.read_file, Key.from_secret or Key.from_signer")

    @classmethod
    def read(cls, data: bytes | str, passphrase: str = "") -> Key:
        """Reads a key, whatever its format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a certificate,
        Google's or Box's JSON.

        Raises FixConfigurationError, saying what was found and how to convert it; never a byte of the key.
        """
        data = data.encode("utf-8") if isinstance(data, str) else data
        out, error = ffi.new(KEY_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_read(data, len(data), *given(passphrase), out, error), error)
        return cls._owning(out)

    @classmethod
    def read_file(cls, path: str | os.PathLike[str], passphrase: str = "") -> Key:
        """Reads a key from a file. Raises OSError where the file cannot be read, and else what `read` raises."""
        return cls.read(Path(path).read_bytes(), passphrase)

    @classmethod
    def from_secret(cls, secret: bytes) -> Key:
        """Takes a shared secret for HS256, HS384 and HS512."""
        out, error = ffi.new(KEY_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_from_secret(secret, len(secret), out, error), error)
        return cls._owning(out)

    @classmethod
    def from_signer(cls, signer: callbacks.Signer) -> Key:
        """Takes a key that stays in a device and signs by a callback."""
        out, error = ffi.new(KEY_OUT), ffi.new(ERROR_OUT)
        host, user_data = callbacks.lent(signer.sign)
        algorithm, key_id = given(signer.algorithm), given(signer.key_id)
        status = lib.csign_key_from_signer(
            *algorithm, *key_id, callbacks.SIGN, user_data, callbacks.DESTROY, out, error
        )
        check(status, error)
        return cls._owning(out, host)

    @classmethod
    def _owning(cls, out: Pointer, host: callbacks.Host | None = None) -> Key:
        key = cls.__new__(cls)
        key._handle = ffi.gc(out[0], lib.csign_key_free)
        key._host = host
        return key

    def sign(
        self,
        claims: Mapping[str, Any] | str,
        algorithm: str = "",
        key_id: str = "",
        type: str = "JWT",
    ) -> str:
        """Signs claims as a compact JWS (RFC 7515 section 7.1). Text is signed as it is; it must be a JSON object.

        An empty `algorithm` is the key's usual one, an empty `key_id` the one that came with the key, and an empty
        `type` leaves `typ` out.
        """
        text = claims if isinstance(claims, str) else json.dumps(claims, separators=(",", ":"))
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(
            lib.csign_key_sign(self._handle, *given(algorithm), *given(key_id), *given(type), *given(text), out, error),
            error,
        )
        return taken(out).decode("ascii")

    def sign_bytes(self, message: bytes, algorithm: str = "") -> bytes:
        """The signature of a message alone, as RFC 7518 section 3 has it."""
        capacity = 1024  # The header says that this is always enough.
        signature, length, error = ffi.new("uint8_t[]", capacity), ffi.new(LENGTH_OUT), ffi.new(ERROR_OUT)
        check(
            lib.csign_key_sign_bytes(
                self._handle, *given(algorithm), message, len(message), signature, capacity, length, error
            ),
            error,
        )
        return bytes(ffi.buffer(signature, length[0]))

    def verify(self, token: str, algorithm: str = "") -> bytes:
        """Verifies a compact JWS and gives its payload, byte for byte. The algorithm is the one asked for or the key's
        own, never the token's. Times and audience are not looked at.

        Raises UnexpectedError of kind "verification" where the token does not verify.
        """
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_verify(self._handle, *given(algorithm), *given(token), out, error), error)
        return taken(out)

    def info(self) -> dict[str, Any]:
        """What the key is, without the key: `kind`, `type`, `bits`, `algorithms`, `jwk_thumbprint` and more."""
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_info(self._handle, out, error), error)
        return cast("dict[str, Any]", json.loads(taken(out)))

    def __repr__(self) -> str:
        return "<countersign.Key>"
