"""Puts a client's token on the calls of requests, and asks for another one where an API answers 401.

session = requests.Session()
session.auth = countersign.requests.Auth(client)
"""

from __future__ import annotations

from typing import Any

import requests
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body
from urllib3.util import parse_url

from ._http import check_target
from .client import Client
from .token import Token

__all__ = ["Auth"]


class Auth(AuthBase):
    """A client as requests' `auth`.

    Where an API answers 401, the token it refused is invalidated and the request sent once more with another one, if
    its body can be sent again. What that brings, whatever it is, goes to the caller. A redirect to another origin loses
    the token, as requests itself decides, and what answers there is left alone.

    Calls raise what `Client.token` raises, and UnexpectedError of kind "usage" for a URL with plain http that is not on
    this machine: the token is not sent in clear text.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        target = parse_url(request.url or "")
        check_target(target.scheme or "", target.host or "")
        token = self.client.token()
        request.headers["Authorization"] = token.authorization
        request.register_hook("response", Refused(self.client, token).answered)  # type: ignore[no-untyped-call]
        return request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Auth) and other.client is self.client

    def __hash__(self) -> int:
        return hash(self.client)


class Refused:
    """What is done where an API refuses the token of one request."""

    def __init__(self, client: Client, token: Token) -> None:
        self.client = client
        self.token = token

    def answered(self, response: requests.Response, **send: Any) -> requests.Response:
        asked = response.request
        # A redirect to another host comes here without the token: its 401 says nothing about ours.
        if response.status_code != 401 or asked.headers.get("Authorization") != self.token.authorization:
            return response
        self.client.invalidate(self.token)
        if not can_be_sent_again(asked):
            return response
        again = asked.copy()
        try:
            if again._body_position is not None:  # type: ignore[attr-defined]
                rewind_body(again)
        except UnrewindableBodyError:
            return response
        token = self.client.token()
        if token.value == self.token.value:
            return response
        _ = response.content  # Read to its end, so that the connection can be used again.
        response.close()
        extract_cookies_to_jar(again._cookies, asked, response.raw)  # type: ignore[attr-defined,no-untyped-call]
        again.prepare_cookies(again._cookies)  # type: ignore[attr-defined]
        again.headers["Authorization"] = token.authorization
        # A redirect of the second answer starts from the request that the session has.
        asked.headers["Authorization"] = token.authorization
        self.token = token
        # Sent past the session, so without this hook: there is no third time.
        answer: requests.Response = response.connection.send(again, **send)
        answer.history.append(response)
        answer.request = again
        return answer


def can_be_sent_again(request: requests.PreparedRequest) -> bool:
    """Text and bytes can, and a file that tells its position; a generator cannot."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    return isinstance(request._body_position, int)
