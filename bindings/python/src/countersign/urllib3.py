"""An adapter for urllib3: it adds a client's token to requests, and gets a new one after a 401.

pool = countersign.urllib3.PoolManager(client)
pool.request("GET", "https://api.example.com/")
"""

from __future__ import annotations

from typing import Any

import urllib3
from urllib3.util import parse_url

from ._http import carry, check_target, replacement
from ._source import TokenSource
from ._token import Token

__all__ = ["PoolManager"]


class PoolManager(urllib3.PoolManager):
    """A PoolManager that adds the token to each request. It doesn't follow redirects.

    If the API responds with 401, this invalidates the rejected token and repeats the request once
    with another one, if its body can be sent again. The second response goes to the caller,
    whatever it is.

    Requests raise what the source's `token` raises, and UsageError for a plain http URL of another
    machine, because the token is not sent in clear text.
    """

    def __init__(self, source: TokenSource, **more: Any) -> None:
        super().__init__(**more)
        self.source = source

    def urlopen(self, method: str, url: str, redirect: bool = False, **more: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        """Send a request. `redirect` is ignored: the caller gets the redirect."""
        target = parse_url(url)
        check_target(target.scheme or "", target.host or "")
        more["headers"] = urllib3.HTTPHeaderDict(more.get("headers") or self.headers)
        token = self.source.token()
        response = self._sent(method, url, token, more)
        if response.status != 401:
            return response
        body = more.get("body")
        other = replacement(self.source, token, resendable=body is None or isinstance(body, (str, bytes)))
        if other is None:
            return response
        response.drain_conn()  # So that the connection can be reused.
        response.release_conn()
        return self._sent(method, url, other, more)

    def _sent(self, method: str, url: str, token: Token, more: dict[str, Any]) -> urllib3.BaseHTTPResponse:
        carry(more["headers"], token)
        return super().urlopen(method, url, redirect=False, **more)
