"""Keys: reading, signing, verifying and describing them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _callbacks as callbacks
from ._errors import ClosedError, check
from ._library import ffi, lib
from ._records import KeyInfo, key_info
from ._text import ERROR_OUT, LENGTH_OUT, TEXT_OUT, given, taken

if TYPE_CHECKING:
    from ._abi import Pointer

KEY_OUT = ffi.typeof("csign_key **")


class Key:
    """A private or public key, a certificate, a JWK Set, or a key that stays in a device.

    A key is immutable, and any number of threads may use it. It is wiped when it is collected, or
    when it is closed, by `close` or at the end of a `with` block.
    """

    __slots__ = ("_host", "_open")
    _open: Pointer | None
    _host: callbacks.Host | None

    def __init__(self) -> None:
        raise TypeError("use Key.read, Key.read_file, Key.from_secret or Key.from_signer")

    @classmethod
    def read(cls, data: bytes | str, passphrase: str = "") -> Key:
        """Read a key in any supported format.

        These are PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a certificate, Google's and
        Box's JSON. `passphrase` is for encrypted keys.

        Raises FixConfigurationError, which says what was found and how to convert it. It contains
        no part of the key.
        """
        data = data.encode("utf-8") if isinstance(data, str) else data
        out, error = ffi.new(KEY_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_read(data, len(data), *given(passphrase), out, error), error)
        return cls._owning(out)

    @classmethod
    def read_file(cls, path: str | os.PathLike[str], passphrase: str = "") -> Key:
        """Read a key from a file. Raises OSError if the file can't be read, and what `read` raises."""
        return cls.read(Path(path).read_bytes(), passphrase)

    @classmethod
    def from_secret(cls, secret: bytes) -> Key:
        """Return a key for HS256, HS384 and HS512 from a shared secret."""
        out, error = ffi.new(KEY_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_from_secret(secret, len(secret), out, error), error)
        return cls._owning(out)

    @classmethod
    def from_signer(cls, signer: callbacks.Signer) -> Key:
        """Return a key that stays in a device and signs with a callback."""
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
        key._open = ffi.gc(out[0], lib.csign_key_free)
        key._host = host
        return key

    def sign(
        self,
        claims: Mapping[str, Any] | str,
        algorithm: str = "",
        key_id: str = "",
        type: str = "JWT",
    ) -> str:
        """Sign claims and return a compact JWS (RFC 7515 section 7.1).

        If the claims are a string, it must be a JSON object, and is signed byte for byte.
        `algorithm` defaults to the key's default algorithm, and `key_id` to the key's own id, if it
        has one. If `type` is empty, the header has no `typ`.
        """
        text = claims if isinstance(claims, str) else json.dumps(claims, separators=(",", ":"))
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(
            lib.csign_key_sign(self._handle, *given(algorithm), *given(key_id), *given(type), *given(text), out, error),
            error,
        )
        return taken(out).decode("ascii")

    def sign_bytes(self, message: bytes, algorithm: str = "") -> bytes:
        """Sign bytes and return the signature in the format of RFC 7518 section 3.

        `algorithm` defaults to the key's default algorithm.
        """
        capacity = 1024  # The header guarantees that this is enough.
        signature, length, error = ffi.new("uint8_t[]", capacity), ffi.new(LENGTH_OUT), ffi.new(ERROR_OUT)
        check(
            lib.csign_key_sign_bytes(
                self._handle, *given(algorithm), message, len(message), signature, capacity, length, error
            ),
            error,
        )
        return bytes(ffi.buffer(signature, length[0]))

    def verify(self, token: str, algorithm: str = "") -> bytes:
        """Verify a compact JWS and return its payload, byte for byte.

        This uses the given algorithm or, if that is empty, the key's, but never the token's (RFC
        8725). It doesn't check times or the audience.

        Raises VerificationError if the token does not verify.
        """
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_verify(self._handle, *given(algorithm), *given(token), out, error), error)
        return taken(out)

    def info(self) -> KeyInfo:
        """Describe the key."""
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        check(lib.csign_key_info(self._handle, out, error), error)
        return key_info(json.loads(taken(out)))

    def close(self) -> None:
        """Wipe the key. It can't be used afterwards. It may be closed more than once."""
        # Calls in progress hold the handle as well, and the last one frees it.
        self._open = None

    def __enter__(self) -> Key:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _handle(self) -> Pointer:
        if self._open is None:
            raise ClosedError("the key is closed", kind="usage", hint="read the key again")
        return self._open

    def __repr__(self) -> str:
        return "<countersign.Key>"
