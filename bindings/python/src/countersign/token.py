"""An access token and what came with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ._library import lib
from ._numbers import Source
from ._text import NULL, string

if TYPE_CHECKING:
    from ._abi import Pointer

SOURCES: dict[int, str] = {source.value: source.name.lower() for source in Source}


class Token:
    """An access token. Immutable; stays what it is when the client gets another. `repr` and `str` do not show it.

    Python's strings cannot be wiped: the library wipes its own copy, not the ones in here.
    """

    __slots__ = ("_extra_json", "authorization", "expires_at", "scope", "source", "token_type", "value")

    #: The bare access token. A secret.
    value: str
    #: The value for an HTTP `Authorization` header, nearly always "Bearer ..." (RFC 6750). A secret.
    authorization: str
    #: How it is presented, as the vendor writes it, nearly always "Bearer".
    token_type: str
    #: When it ends, in seconds since 1970-01-01 UTC; None where the vendor does not say.
    expires_at: int | None
    #: The scopes granted, separated by blanks; None where the vendor does not say.
    scope: str | None
    #: Where it came from this time: "minted", "refreshed", "cache" or "store".
    source: str

    @property
    def access_token(self) -> str:
        """The bare access token, by the name it has in OAuth. A secret."""
        return self.value

    @property
    def extra(self) -> Mapping[str, str]:
        """What the vendor adds, such as `instance_url`."""
        return cast(Mapping[str, str], json.loads(self._extra_json))

    _extra_json: str

    def __repr__(self) -> str:
        return (
            f"<countersign.Token type={self.token_type!r} expires_at={self.expires_at} scope={self.scope!r} "
            f"source={self.source!r}>"
        )


def read(pointer: Pointer) -> Token:
    """A copy of a `csign_token`, which stays its owner's."""
    token = Token.__new__(Token)
    expires_at, scope = expires_at_of(pointer), scope_of(pointer, NULL)
    token.value = string(value_of(pointer, NULL)).decode()
    token.authorization = string(authorization_of(pointer, NULL)).decode()
    token.token_type = string(type_of(pointer, NULL)).decode()
    token.expires_at = None if expires_at < 0 else expires_at
    token.scope = string(scope).decode() if scope else None
    token.source = SOURCES.get(source_of(pointer), "unknown")
    token._extra_json = string(extra_json_of(pointer, NULL)).decode()
    return token


# Looked up once: a token is seven calls.
value_of = lib.csign_token_value
authorization_of = lib.csign_token_authorization
type_of = lib.csign_token_type
scope_of = lib.csign_token_scope
expires_at_of = lib.csign_token_expires_at
source_of = lib.csign_token_source
extra_json_of = lib.csign_token_extra_json
