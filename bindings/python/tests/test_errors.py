"""Errors: classes, fields, and pickling."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import countersign
from countersign import _errors as errors
from countersign import _library
from countersign._numbers import Status, Verdict
from countersign._text import ERROR_OUT


def test_the_class_is_the_verdict(connections: Path) -> None:
    client = countersign.Client.load("docusign-jwt-unconsented", connections, store="memory")
    with pytest.raises(countersign.ReauthorizeError) as raised:
        client.token()
    error = raised.value
    assert (error.kind, error.verdict, error.provider) == ("consent_required", "reauthorize", "docusign")
    assert (error._status, error.http_status) == (Status.CONSENT_REQUIRED, 400)
    assert error.url is not None
    assert error.url.startswith("https://127.0.0.1")
    assert error.retry_after_s is None
    assert str(error) == f"{error.message} ({error.hint})"


def test_errors_can_be_pickled(connections: Path) -> None:
    client = countersign.Client.load("docusign-jwt-unconsented", connections, store="memory")
    with pytest.raises(countersign.Error) as raised:
        client.token()
    copied = pickle.loads(pickle.dumps(raised.value))
    assert type(copied) is countersign.ReauthorizeError
    assert vars(copied) == vars(raised.value)


def test_errors_can_be_constructed() -> None:
    error = countersign.RetryError("the server is away", retry_after_s=2.5)
    assert (str(error), error.retry_after_s, error.url) == ("the server is away", 2.5, None)


def test_a_status_without_an_error_object_is_a_failure() -> None:
    with pytest.raises(countersign.UnexpectedError) as raised:
        errors.check(4711, _library.ffi.new(ERROR_OUT))
    assert raised.value._status == 4711


def test_every_verdict_has_a_class() -> None:
    assert set(errors.CLASSES) == set(Verdict)
    assert len(set(errors.CLASSES.values())) == len(Verdict)


def test_only_errors_to_retry_are_retryable() -> None:
    for verdict, subclass in errors.CLASSES.items():
        word = Verdict(verdict).name.lower()
        assert subclass("message", verdict=word).retryable == (subclass is countersign.RetryError)  # type: ignore[arg-type]
    assert not countersign.Error("message").retryable
