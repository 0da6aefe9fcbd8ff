"""An adapter for requests: it adds a client's token to requests, and gets a new one after a 401.

session = requests.Session()
session.auth = countersign.requests.Auth(client)
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ._http import carries, carry, check_target, replacement
from ._source import TokenSource
from ._token import Token

__all__ = ["Auth"]


class Auth(AuthBase):
    """An `auth` for requests.

    If the API responds with 401, this invalidates the rejected token and repeats the request once
    with another one, if its body can be sent again. The second response goes to the caller,
    whatever it is. A redirect to another origin is followed without the token, and its response
    doesn't affect the token.

    Requests raise what the source's `token` raises, and UsageError for a plain http URL of another
    machine, because the token is not sent in clear text.
    """

    def __init__(self, source: TokenSource) -> None:
        self.source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        target = parse_url(request.url or "")
        check_target(target.scheme or "", target.host or "")
        token = self.source.token()
        carry(request.headers, token)
        request.register_hook("response", Retry(self.source, token).on_response)  # type: ignore[no-untyped-call]
        return request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Auth) and other.source is self.source

    def __hash__(self) -> int:
        return hash(self.source)


class Retry:
    """Repeats a request if the API rejects its token, and keeps the token from other origins."""

    def __init__(self, source: TokenSource, token: Token) -> None:
        self.source = source
        self.token = token

    def on_response(self, response: requests.Response, **send: Any) -> requests.Response:
        asked = response.request
        if response.is_redirect and leaves_origin(response):
            self.withdraw(asked)
        # A redirect to another origin is sent without the token, so its 401 says nothing about the
        # token.
        if response.status_code != 401 or not carries(asked.headers, self.token):
            return response
        again = rewound(asked)
        token = replacement(self.source, self.token, resendable=again is not None)
        if again is None or token is None:
            return response
        _ = response.content  # Read to the end, so that the connection can be reused.
        response.close()
        extract_cookies_to_jar(again._cookies, asked, response.raw)  # type: ignore[attr-defined,no-untyped-call]
        again.prepare_cookies(again._cookies)  # type: ignore[attr-defined]
        carry(again.headers, token)
        # A redirect of the second response starts from the request that the session has.
        carry(asked.headers, token)
        self.token = token
        # Sent past the session, so without this hook: there is no third time.
        second: requests.Response = response.connection.send(again, **send)
        second.history.append(response)
        second.request = again
        if second.is_redirect and leaves_origin(second):
            self.withdraw(asked)
        return second

    def withdraw(self, request: requests.PreparedRequest) -> None:
        """Remove the token from a request that a redirect starts from. requests only removes Authorization."""
        for name in self.token.headers:
            request.headers.pop(name, None)


def leaves_origin(redirect: requests.Response) -> bool:
    """Return whether a redirect leads to another origin, or to one that can't be told with certainty."""
    target = urljoin(redirect.url, redirect.headers["location"])
    return origin_of(target) is None or origin_of(target) != origin_of(redirect.url)


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Return the scheme, host and port, if requests and urllib3 read them alike."""
    try:
        one, other = urlsplit(url), parse_url(url)
        port = one.port or {"http": 80, "https": 443}[one.scheme]
    except (ValueError, KeyError, LocationParseError):
        return None
    host = (one.hostname or "").lower()
    if "\\" in url or host != (other.host or "").strip("[]").lower() or other.port not in (None, port):
        return None
    return one.scheme, host, port


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
