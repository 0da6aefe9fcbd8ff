"""What gives out tokens: a client, or a fake in a user's unit test."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._token import Token


@runtime_checkable
class TokenSource(Protocol):
    """Returns access tokens. `Client` is one, and every adapter for a blocking HTTP library takes one.

    Implement it in a unit test to use code that needs a token without a client.
    """

    def token(self) -> Token:
        """Return a valid token."""
        ...

    def invalidate(self, access_token: str | Token, /) -> None:
        """Report a token that an API rejected. It isn't returned again."""
        ...


@runtime_checkable
class AsyncTokenSource(Protocol):
    """Like `TokenSource`, but awaited. `AsyncClient` is one."""

    async def token(self) -> Token:
        """Return a valid token."""
        ...

    async def invalidate(self, access_token: str | Token, /) -> None:
        """Report a token that an API rejected. It isn't returned again."""
        ...
