"""Token sources: clients, and fakes in unit tests."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._token import Token


@runtime_checkable
class TokenSource(Protocol):
    """Returns access tokens. `Client` is one, and the adapters for blocking HTTP libraries accept any.

    Implement it in unit tests, for code that needs a token but no client.
    """

    def token(self) -> Token:
        """Return a valid token."""
        ...

    def invalidate(self, access_token: str | Token, /) -> None:
        """Report a token that an API rejected. It isn't returned again."""
        ...


@runtime_checkable
class AsyncTokenSource(Protocol):
    """Like `TokenSource`, with coroutines. `AsyncClient` is one."""

    async def token(self) -> Token:
        """Return a valid token."""
        ...

    async def invalidate(self, access_token: str | Token, /) -> None:
        """Report a token that an API rejected. It isn't returned again."""
        ...
