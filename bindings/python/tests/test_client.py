"""Tests of the client that are not scenarios."""

from __future__ import annotations

import contextlib
import copy
import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from sandbox import Sandbox

import countersign
from countersign import _callbacks as callbacks
from countersign import _client as client_module
from countersign import _library
from countersign._numbers import Revocation, Status
from countersign._text import ERROR_OUT, word


def test_settings_as_keywords_or_a_mapping(sandbox: Sandbox) -> None:
    by_name = countersign.Client(
        {"extra.account_id": "f2c7a1d0-3333-4d5a-9a51-3f0d4b6c7a03"},
        provider="docusign",
        environment="demo",
        grant="jwt-bearer",
        base_url=sandbox.url,
        client_id="7c2b8d7e-83c3-4940-af5e-cda8a50dd73f",
        ca_file=sandbox.ca_file,
        subject="6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb01",
        private_key_file=Path(sandbox.dir) / "docusign.pem",
        scopes="signature impersonation",
        timeout_ms=10_000,
        store="memory",
    )
    assert by_name.token().scope == "signature impersonation"
    assert by_name.identity()["account_name"] == "Countersign Second"


def test_a_persistent_store_needs_a_name(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "provider": "boldsign",
        "environment": "us",
        "grant": "client-credentials",
        "client_id": "my-app",
        "client_secret": "s3cret",
        "store": f"file:{tmp_path / 'tokens'}",
    }
    with pytest.raises(countersign.FixConfigurationError) as raised:
        countersign.Client(settings)
    assert raised.value.setting == "name"
    assert repr(countersign.Client(settings, name="ann")) == "<countersign.Client 'ann'>"


def test_a_setting_of_another_type_is_rejected() -> None:
    with pytest.raises(TypeError, match="timeout_ms is a float"):
        countersign.Client(cast(Any, {"timeout_ms": 1.5}))


def test_the_path_defaults_to_the_commands_file(connections: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_CONFIG", str(connections))
    assert countersign.Client.load("docusign-jwt", store="memory").token().source == "minted"


def test_no_secret_is_shown(client: countersign.Client) -> None:
    token = client.token()
    assert client.access_token() == token.access_token
    assert token.authorization == f"Bearer {token.access_token}"
    assert token.access_token not in repr(token) + str(token) + repr(client)


def test_access_token_returns_the_same_token(client: countersign.Client) -> None:
    assert client.access_token() == client.token().access_token
    assert client.access_token(min_valid_s=60) == client.token().access_token


def test_a_token_longer_than_the_buffer(client: countersign.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "INITIAL_CAPACITY", 8)
    value = client.token().access_token
    assert [client.access_token(), client.access_token()] == [value, value]
    assert [buffer.capacity for buffer in client._buffers] == [len(value) + 1]


def test_a_negative_time_is_rejected(client: countersign.Client) -> None:
    with pytest.raises(ValueError, match="pass 0 or more"):
        client.token(min_valid_s=-1)


def test_a_token_is_immutable(client: countersign.Client) -> None:
    token = client.token()
    value = token.access_token
    for name in ("access_token", "authorization", "source", "extra", "other"):
        with pytest.raises(AttributeError):
            setattr(token, name, "EVIL")
        with pytest.raises(AttributeError):
            delattr(token, name)
    with pytest.raises(TypeError):
        token.extra["instance_url"] = "https://evil.example"  # type: ignore[index]
    assert (client.token().access_token, client.access_token()) == (value, value)


def test_tokens_are_values(client: countersign.Client) -> None:
    token = client.token()
    cached = client.token()
    assert (token.source, cached.source) == ("minted", "cache")
    assert token == cached == pickle.loads(pickle.dumps(copy.deepcopy(token)))
    assert {token, cached} == {token}
    assert token != client.refresh()
    assert token.expires_at is not None
    assert 0 < (token.expires_at - datetime.now(timezone.utc)).total_seconds() < 86_400


def test_a_timeout_ends_the_wait(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    client = countersign.Client.load("docusign-jwt", connections, store="memory")
    with pytest.raises(countersign.TimedOutError) as raised:
        client.token(timeout=0)
    assert isinstance(raised.value, TimeoutError)
    assert (raised.value.retryable, raised.value.kind) == (True, "timeout")
    # The request went on, and there was only one.
    assert client.token(timeout=60).source == "minted" or client.counts().hits
    assert client.counts().minted == 1
    assert client.token(timeout=0).source == "cache"


def test_a_drained_client_starts_no_request(client: countersign.Client) -> None:
    token = client.token()
    client.drain()
    assert client.token().access_token == token.access_token
    client.invalidate(token)
    with pytest.raises(countersign.RetryError) as raised:
        client.token()
    assert raised.value.kind == "busy"


def test_a_closed_client_raises(client: countersign.Client) -> None:
    client.access_token()
    client.close()
    client.close()
    for call in (client.token, client.access_token, client.counts, client.refresh, client.identity):
        with pytest.raises(countersign.ClosedError) as raised:
            call()
        assert isinstance(raised.value, RuntimeError)
    assert "closed" in repr(client)


def test_a_closed_client_wipes_its_buffers(client: countersign.Client) -> None:
    client.access_token()
    (buffer,) = client._buffers
    assert bytes(_library.ffi.buffer(buffer.text)).strip(b"\0")
    client.close()
    assert not bytes(_library.ffi.buffer(buffer.text)).strip(b"\0")


def test_a_panic_is_an_error_and_poisons_the_client(client: countersign.Client) -> None:
    error = _library.ffi.new(ERROR_OUT)
    status = _library.lib.csign_test_panic(client._used(), error)
    with pytest.raises(countersign.UnexpectedError) as raised:
        client._check(status, error)
    assert raised.value._status == Status.PANIC
    with pytest.raises(countersign.UnexpectedError) as later:
        client.token()
    assert later.value._status == Status.POISONED


def test_log_to_a_logger(connections: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test.countersign")
    with caplog.at_level(logging.DEBUG, logger.name):
        client = countersign.Client.load("docusign-jwt", connections, store="memory", log=logger)
        token = client.token()
    assert caplog.records
    assert token.access_token not in caplog.text


def test_log_to_a_function(connections: Path) -> None:
    lines: list[tuple[str, str]] = []
    take = lambda level, line: lines.append((level, line))  # noqa: E731
    countersign.Client.load("docusign-jwt", connections, store="memory", log=take).token()
    assert {level for level, _ in lines} <= {"error", "warn", "info"}
    assert lines


def test_the_log_goes_to_the_packages_logger(connections: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "countersign"):
        countersign.Client.load("docusign-jwt", connections, store="memory").token()
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert {record.name for record in caplog.records} == {"countersign"}
    caplog.clear()
    with caplog.at_level(logging.ERROR, "countersign"):
        countersign.Client.load("docusign-jwt", connections, store="memory").token()
    assert not caplog.records


def test_nothing_is_printed_without_logging(connections: Path) -> None:
    program = "import sys, countersign; countersign.Client.load('docusign-jwt', sys.argv[1], store='memory').token()"
    run = subprocess.run([sys.executable, "-c", program, str(connections)], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_an_exception_in_a_callback_is_logged(connections: Path, caplog: pytest.LogCaptureFixture) -> None:
    def raises(*_: object) -> Any:
        raise LookupError("in a callback")

    client = countersign.Client.load(
        "docusign-jwt", connections, store="memory", clock=raises, log=raises, on_change=raises
    )
    assert client.token().source == "minted"
    assert {record.name for record in caplog.records} == {"countersign"}
    assert caplog.text.count("LookupError: in a callback") >= 3


def test_the_signers_exception_is_the_cause(connections: Path) -> None:
    def away(message: bytes) -> bytes:
        raise ConnectionError("the device is away")

    signer = countersign.Signer("RS256", away)
    settings = {**written(connections, "docusign-jwt"), "store": "memory"}
    del settings["private_key_file"]
    with pytest.raises(countersign.Error) as raised:
        countersign.Client(settings, signer=signer).token()
    assert raised.value._status == Status.SIGNING
    assert isinstance(raised.value.__cause__, ConnectionError)


def test_a_signer_replaces_the_key_file(connections: Path) -> None:
    kept = written(connections, "docusign-jwt")
    key = countersign.Key.read_file(kept["private_key_file"])
    signer = countersign.Signer("RS256", lambda message: key.sign_bytes(message, "RS256"))
    with pytest.raises(countersign.FixConfigurationError) as raised:
        countersign.Client.load("docusign-jwt", connections, signer=signer)
    assert raised.value.setting == "private_key"
    with countersign.Client.load(
        "docusign-jwt", connections, signer=signer, store="memory", private_key=None
    ) as client:
        assert client.token().source == "minted"
    # Settings are removed before others are set, whatever their order.
    text = Path(kept["private_key_file"]).read_text("ascii")
    given: dict[str, Any] = {"private_key": text, "private_key_file": None}
    assert countersign.Client.load("docusign-jwt", connections, given, store="memory").token().source == "minted"
    with pytest.raises(countersign.FixConfigurationError, match="`private_key`"):
        countersign.Client.load("docusign-jwt", connections, {"private_kee": None})


def test_a_cached_token_is_the_same_object(client: countersign.Client) -> None:
    minted, first = client.token(), client.token()
    assert (minted.source, first.source) == ("minted", "cache")
    assert client.token() is first
    assert client.token(60) is first
    client.invalidate(first)
    second = client.token()
    assert (second.source, second.access_token != first.access_token) == ("minted", True)
    assert client.token().access_token == second.access_token


def test_a_callback_cannot_call_its_client(connections: Path) -> None:
    caught: list[countersign.Error] = []

    def again(change: str, token: countersign.Token | None) -> None:
        try:
            client.token()
        except countersign.Error as error:
            caught.append(error)

    client = countersign.Client.load("docusign-jwt", connections, store="memory", on_change=again)
    client.token()
    assert [type(error) for error in caught] == [countersign.UsageError]


def test_a_listener_may_keep_the_token(connections: Path) -> None:
    heard: list[tuple[str, countersign.Token | None]] = []
    with countersign.Client.load(
        "docusign-jwt", connections, store="memory", on_change=lambda change, token: heard.append((change, token))
    ) as client:
        value = client.token().access_token
    ((change, token),) = heard
    assert change == "obtained"
    assert token is not None
    assert token.access_token == value


def test_a_client_that_its_listener_refers_to_is_collected(connections: Path) -> None:
    class Holder:
        def __init__(self) -> None:
            self.client = countersign.Client.load("docusign-jwt", connections, store="memory", on_change=self.hear)

        def hear(self, change: str, token: countersign.Token | None) -> None:
            pass

    gc.collect()
    before = len(callbacks.KEPT)
    holder = Holder()
    holder.client.token()
    gone = weakref.ref(holder)
    assert len(callbacks.KEPT) == before + 1
    del holder
    gc.collect()
    assert gone() is None
    # The library has called destroy, so it released the callback, too.
    assert len(callbacks.KEPT) == before


def test_the_gil_is_released(connections: Path, sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow", "ms": 20})
    client = countersign.Client.load("docusign-jwt", connections, store="memory")
    call = threading.Thread(target=client.token)
    call.start()
    while not sandbox.log():
        assert call.is_alive()
    turns = 0
    while call.is_alive():
        turns += 1
    assert turns > 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_client_fails_in_a_forked_child(client: countersign.Client) -> None:
    client.token()
    child = os.fork()
    if child == 0:
        try:
            client.token()
        except countersign.UnexpectedError as error:
            client.close()
            os._exit(42 if error._status == Status.FORKED else 2)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 42
    assert client.token().source == "cache"


def test_forget_returns_the_revocation(connections: Path) -> None:
    client = countersign.Client.load("salesforce-jwt", connections, store="memory")
    client.token()
    assert client.forget() == ("revoked", None)
    assert client.forget() == countersign.Forgotten("nothing_held", None)


def test_only_force_forgets_an_unrevoked_grant(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.Client.load("salesforce-jwt", connections, store="memory")
    client.token()
    sandbox.post("/_sandbox/faults", {"status": 503, "endpoint": "revoke", "times": 2})
    forgotten = client.forget()
    assert forgotten.revocation == "failed"
    assert forgotten.reason is not None
    assert forgotten.reason.http_status == 503
    assert client.forget(force=True).revocation == "failed"
    assert client.forget() == ("nothing_held", None)
    assert client.token().source == "minted"


def test_events_contain_no_tokens(connections: Path) -> None:
    client = countersign.Client.load("boldsign-refresh", connections, store="memory")
    value = client.token().access_token
    events = client.events()
    assert events
    assert value not in str(events)
    client.check_saved()


def test_refresh_token_expires_at(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.Client.load("salesforce-refresh", connections, store="memory")
    assert client.refresh_token_expires_at() is None
    reported = '{"access_token":"a","refresh_token":"r1","token_type":"Bearer","refresh_token_expires_in":5000}'
    sandbox.post("/_sandbox/faults", {"status": 200, "content_type": "application/json", "body": reported})
    client.token()
    end = client.refresh_token_expires_at()
    assert end is not None
    assert abs(end.timestamp() - time.time() - 5000) < 60


def test_the_consent_url(client: countersign.Client) -> None:
    assert "impersonation" in client.consent_url()


def test_login(connections: Path, sandbox: Sandbox) -> None:
    client = countersign.Client.load("docusign-code", connections, store="memory")
    browsers: list[threading.Thread] = []

    def browse(url: str) -> None:
        def visit() -> None:
            location = sandbox.get(f"{url}&_sandbox=allow").location
            assert location is not None
            sandbox.get(location)

        browsers.append(threading.Thread(target=visit))
        browsers[-1].start()

    assert client.login(browse, timeout=30).source == "minted"
    browsers[0].join()
    assert client.token().source == "cache"


def test_an_exception_of_open_goes_to_the_caller(connections: Path) -> None:
    def browse(url: str) -> None:
        raise OSError("no display")

    client = countersign.Client.load("docusign-code", connections, store="memory")
    with pytest.raises(OSError, match="no display"):
        client.login(browse, timeout=30)


LOGGING_IN = """
import sys, countersign

countersign.Client.load("docusign-code", sys.argv[1], store="memory").login(lambda url: print("open", flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is not a signal there")
def test_a_login_ends_with_ctrl_c(connections: Path) -> None:
    command = [sys.executable, "-c", LOGGING_IN, str(connections)]
    pipe = subprocess.PIPE
    with heard(signal.SIGINT), subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors


@contextlib.contextmanager
def heard(number: signal.Signals) -> Iterator[None]:
    """Restore a signal that is ignored when the tests run in the background, for programs started here."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_a_login_has_no_constructor() -> None:
    with pytest.raises(TypeError, match=r"Client\.start_login"):
        countersign.Login()


def written(connections: Path, name: str) -> dict[str, str]:
    from scenario_client import written as read

    return read(connections, name)


def test_a_number_of_a_later_library_is_unknown() -> None:
    assert [word(Revocation, number) for number in Revocation] == [each.name.lower() for each in Revocation]
    assert word(Revocation, 99) == "unknown"
