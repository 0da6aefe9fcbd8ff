"""An adapter for requests: it adds a client's token to requests, and gets a new one after a 401.

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

from ._http import check_target, replacement
from ._source import TokenSource
from ._token import Token

__all__ = ["Auth"]


class Auth(AuthBase):
    """An `auth` for requests.

    If the API responds with 401, this invalidates the rejected token and repeats the request once
    with another one, if its body can be sent again. The second response goes to the caller,
    whatever it is. requests removes the token from a redirect to another origin, whose response
    then doesn't affect the token.

    Requests raise what the source's `token` raises, and UsageError for a plain http URL of another
    machine, because the token is not sent in clear text.
    """

    def __init__(self, source: TokenSource) -> None:
        self.source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        target = parse_url(request.url or "")
        check_target(target.scheme or "", target.host or "")
        token = self.source.token()
        request.headers["Authorization"] = token.authorization
        request.register_hook("response", Retry(self.source, token).on_response)  # type: ignore[no-untyped-call]
        return request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Auth) and other.source is self.source

    def __hash__(self) -> int:
        return hash(self.source)


class Retry:
    """Repeats a request if the API rejects its token."""

    def __init__(self, source: TokenSource, token: Token) -> None:
        self.source = source
        self.token = token

    def on_response(self, response: requests.Response, **send: Any) -> requests.Response:
        asked = response.request
        # A redirect to another host is sent without the token, so its 401 says nothing about the
        # token.
        if response.status_code != 401 or asked.headers.get("Authorization") != self.token.authorization:
            return response
        again = rewound(asked)
        token = replacement(self.source, self.token, resendable=again is not None)
        if again is None or token is None:
            return response
        _ = response.content  # Read to the end, so that the connection can be reused.
        response.close()
        extract_cookies_to_jar(again._cookies, asked, response.raw)  # type: ignore[attr-defined,no-untyped-call]
        again.prepare_cookies(again._cookies)  # type: ignore[attr-defined]
        again.headers["Authorization"] = token.authorization
        # A redirect of the second response starts from the request that the session has.
        asked.headers["Authorization"] = token.authorization
        self.token = token
        # Sent past the session, so without this hook: there is no third time.
        second: requests.Response = response.connection.send(again, **send)
        second.history.append(response)
        second.request = again
        return second


def rewound(request: requests.PreparedRequest) -> requests.PreparedRequest | None:
    """Return a copy of a request to send again, or None if its body can't be sent again."""
    if not can_be_sent_again(request):
        return None
    again = request.copy()
    try:
        if again._body_position is not None:  # type: ignore[attr-defined]
            rewind_body(again)
    except UnrewindableBodyError:
        return None
    return again


def can_be_sent_again(request: requests.PreparedRequest) -> bool:
    """Return whether the body can be sent again: strings, bytes and seekable files, but not generators."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    return isinstance(request._body_position, int)
