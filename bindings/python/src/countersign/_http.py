"""Shared by the adapters for HTTP libraries. tests/adapters specifies their rules."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address

from ._errors import usage
from ._source import AsyncTokenSource, TokenSource
from ._token import Token


def check_target(scheme: str, host: str) -> None:
    """Raise UsageError if the token would be sent in clear text."""
    if scheme.lower() == "https" or (scheme.lower() == "http" and is_loopback(host)):
        return
    raise usage(
        f"the token is not sent to {host} over {scheme}",
        "use https; plain http is allowed only to localhost and loopback addresses",
    )


def carry(headers: MutableMapping[str, str], token: Token) -> None:
    """Set the token's headers."""
    for name, value in token.headers.items():
        headers[name] = value


def carries(headers: Mapping[str, str], token: Token) -> bool:
    """Return whether these are all of the token's headers."""
    return all(headers.get(name) == value for name, value in token.headers.items())


def replacement(source: TokenSource, rejected: Token, *, resendable: bool) -> Token | None:
    """Invalidate a rejected token. Return another one to repeat the request with, or None."""
    source.invalidate(rejected)
    return other_than(rejected, source.token()) if resendable else None


async def replacement_async(source: AsyncTokenSource, rejected: Token, *, resendable: bool) -> Token | None:
    """Like `replacement`, but awaited."""
    await source.invalidate(rejected)
    return other_than(rejected, await source.token()) if resendable else None


def other_than(rejected: Token, token: Token) -> Token | None:
    return None if token.access_token == rejected.access_token else token


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
