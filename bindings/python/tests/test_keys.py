"""Keys: reading, signing, verifying and describing them."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sandbox import Sandbox

import countersign
from countersign import _callbacks as callbacks
from countersign import _library
from countersign._numbers import Status

SECRET = countersign.Key.from_secret(b"a secret of at least thirty-two bytes")


def test_signs_and_verifies(sandbox: Sandbox) -> None:
    key = countersign.Key.read_file(Path(sandbox.dir) / "docusign.pem")
    token = key.sign({"sub": "Zoë"}, "PS256", "k1")
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "PS256", "kid": "k1", "typ": "JWT"}
    assert json.loads(key.verify(token, "PS256")) == {"sub": "Zoë"}


def test_the_hint_names_a_supported_key() -> None:
    made = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]
    file = subprocess.run(made, capture_output=True, check=True).stdout
    with pytest.raises(countersign.FixConfigurationError) as rejected:
        countersign.Key.read(file)
    assert "P-256 or P-384" in str(rejected.value.hint)


def test_a_string_is_signed_byte_for_byte() -> None:
    claims = '{"b": 1,  "a": "\\u0000"}'
    assert SECRET.verify(SECRET.sign(claims, "HS256"), "HS256") == claims.encode()


def test_a_changed_token_does_not_verify() -> None:
    token = SECRET.sign({"sub": "me"}, "HS256")
    other = countersign.Key.from_secret(b"another secret of thirty-two bytes")
    with pytest.raises(countersign.VerificationError) as raised:
        other.verify(token, "HS256")
    assert (raised.value.kind, raised.value._status) == ("verification", Status.VERIFICATION)


def test_a_key_from_a_signer_signs() -> None:
    key = countersign.Key.from_signer(countersign.Signer("RS256", lambda message: message[:3] * 100, "k2"))
    head, _, signature = key.sign({"sub": "me"}).split(".")
    assert base64.urlsafe_b64decode(signature + "==") == head[:3].encode() * 100


def test_the_signers_exception_is_the_cause() -> None:
    def away(message: bytes) -> bytes:
        raise ConnectionError("the device is away")

    key = countersign.Key.from_signer(countersign.Signer("RS256", away))
    with pytest.raises(countersign.Error) as raised:
        key.sign({"sub": "me"})
    assert raised.value.kind == "signing"
    assert isinstance(raised.value.__cause__, ConnectionError)


def test_concurrent_failures_keep_their_own_causes() -> None:
    both_failed = threading.Barrier(2, timeout=30)

    def fail(message: bytes) -> bytes:
        both_failed.wait()
        raise ConnectionError(message.decode())

    key = countersign.Key.from_signer(countersign.Signer("ES256", fail))

    def cause(number: int) -> str:
        with pytest.raises(countersign.Error) as raised:
            key.sign_bytes(f"call {number}".encode())
        return str(raised.value.__cause__)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(cause, [1, 2])) == ["call 1", "call 2"]
    assert not [kept for kept in callbacks.KEPT.values() if isinstance(_library.ffi.from_handle(kept), Exception)]


def test_a_signature_that_is_too_long_is_rejected() -> None:
    key = countersign.Key.from_signer(countersign.Signer("RS256", lambda message: b"x" * 100_000))
    with pytest.raises(countersign.Error) as raised:
        key.sign({"sub": "me"})
    assert isinstance(raised.value.__cause__, ValueError)


def test_describes_a_key(sandbox: Sandbox) -> None:
    info = countersign.Key.read_file(Path(sandbox.dir) / "docusign.pem").info()
    assert (info.kind, info.type, info.bits) == ("private", "RSA", 2048)


def test_the_error_says_what_is_wrong_with_a_key() -> None:
    with pytest.raises(countersign.FixConfigurationError) as raised:
        countersign.Key.read("-----BEGIN NONSENSE-----")
    assert raised.value._status == Status.KEY
    assert raised.value.message


def test_a_closed_key_is_wiped() -> None:
    with countersign.Key.from_secret(b"a secret of at least thirty-two bytes") as key:
        assert key.sign({"sub": "me"}, "HS256")
    key.close()
    with pytest.raises(countersign.ClosedError):
        key.sign({"sub": "me"}, "HS256")


def test_a_key_has_no_constructor() -> None:
    with pytest.raises(TypeError, match=r"Key\.read"):
        countersign.Key()
