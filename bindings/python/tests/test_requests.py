"""The adapter for requests."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import requests
from api import Api

import countersign
import countersign.requests


@pytest.fixture
def session(client: countersign.Client) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.auth = countersign.requests.Auth(client)
        yield made


def test_puts_the_token_on_requests(session: requests.Session, client: countersign.Client, api: Api) -> None:
    assert session.get(api.url).status_code == 200
    assert api.calls[0].authorization == client.token().authorization


def test_a_401_repeats_the_request_once_with_another_token(
    session: requests.Session, client: countersign.Client, api: Api
) -> None:
    first = client.token()
    api.rejections = 1
    response = session.post(api.url, json={"a": 1})
    assert (response.status_code, len(response.history)) == (200, 1)
    assert [call.body for call in api.calls] == [b'{"a": 1}'] * 2
    assert [call.authorization for call in api.calls] == [first.authorization, client.token().authorization]
    assert client.token().access_token != first.access_token
    assert client.counts().minted == 2


def test_a_repeated_401_goes_to_the_caller(session: requests.Session, client: countersign.Client, api: Api) -> None:
    api.rejections = 5
    assert session.get(api.url).status_code == 401
    assert len(api.calls) == 2
    assert client.counts().minted == 2


def test_a_prepared_request_can_be_sent_again(session: requests.Session, api: Api) -> None:
    prepared = session.prepare_request(requests.Request("GET", api.url))
    for rejections in (1, 0):
        api.rejections = rejections
        assert session.send(prepared).status_code == 200
    assert len(api.calls) == 3


def test_a_file_is_sent_again_from_its_start(session: requests.Session, api: Api) -> None:
    api.rejections = 1
    assert session.post(api.url, data=io.BytesIO(b"a document"), timeout=20).status_code == 200
    assert [call.body for call in api.calls] == [b"a document"] * 2


def test_a_consumed_body_is_not_sent_again(session: requests.Session, client: countersign.Client, api: Api) -> None:
    first = client.token()
    api.rejections = 1
    assert session.post(api.url, data=(part for part in [b"a ", b"document"])).status_code == 401
    assert [call.body for call in api.calls] == [b"a document"]
    # The next call works.
    assert client.token().access_token != first.access_token


def test_another_host_never_gets_the_token(session: requests.Session, client: countersign.Client, api: Api) -> None:
    api.rejections = 1
    response = session.get(api.url + "/away")
    assert (response.status_code, response.request.url) == (401, f"http://localhost:{api.port}/")
    assert [(call.host, call.authorization is None) for call in api.calls] == [
        ("127.0.0.1", False),
        ("localhost", True),
    ]
    assert client.counts().minted == 1


def test_a_401_after_a_redirect_repeats_the_request(
    session: requests.Session, client: countersign.Client, api: Api
) -> None:
    api.rejections = 1
    assert session.get(api.url + "/here").status_code == 200
    assert [call.path for call in api.calls] == ["/here", "/", "/"]
    assert client.counts().minted == 2
    # The session's next request uses the new token.
    assert api.calls[-1].authorization == client.token().authorization


def test_the_clients_error_goes_to_the_caller(client: countersign.Client, api: Api) -> None:
    client.close()
    with pytest.raises(countersign.UnexpectedError):
        requests.get(api.url, auth=countersign.requests.Auth(client), timeout=30)
    assert not api.calls
