"""An access token and its members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from ._library import lib
from ._numbers import Source
from ._text import NULL, string

if TYPE_CHECKING:
    from ._abi import Pointer

SOURCES: dict[int, str] = {source.value: source.name.lower() for source in Source}


class Token:
    """An access token. It is immutable, and `repr` and `str` show no secret.

    Python's strings can't be wiped: the library wipes its own copies, but not this one.
    """

    __slots__ = ("_extra_json", "authorization", "expires_at", "scope", "source", "token_type", "value")

    #: The access token string. It is a secret: don't log it.
    value: str
    #: The value of the HTTP `Authorization` header, nearly always "Bearer ..." (RFC 6750). It is a
    #: secret.
    authorization: str
    #: The token type as the vendor sent it, nearly always "Bearer".
    token_type: str
    #: When the token expires, in seconds since 1970-01-01 UTC. None if the vendor doesn't say.
    expires_at: int | None
    #: The granted scopes, separated by spaces. None if the vendor doesn't say.
    scope: str | None
    #: Where this call got the token from: "minted", "refreshed", "cache" or "store".
    source: str

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Token is immutable: `{name}` cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Token is immutable: `{name}` cannot be deleted")

    @property
    def access_token(self) -> str:
        """The access token string, under its OAuth name. It is a secret."""
        return self.value

    @property
    def extra(self) -> Mapping[str, str]:
        """The vendor's additional members, such as `instance_url`."""
        return MappingProxyType(json.loads(self._extra_json))

    _extra_json: str

    # For pickle and copy, which would set attributes otherwise.
    def __reduce__(self) -> tuple[Callable[..., Token], tuple[Any, ...]]:
        return made, tuple(getattr(self, name) for name in Token.__slots__)

    def __repr__(self) -> str:
        return (
            f"<countersign.Token type={self.token_type!r} expires_at={self.expires_at} scope={self.scope!r} "
            f"source={self.source!r}>"
        )


def made(*fields: Any) -> Token:
    """Return a token with these fields, in the order of its slots."""
    token = Token.__new__(Token)
    for set_field, field in zip(SET_FIELDS, fields):
        set_field(token, field)
    return token


# A slot's descriptor bypasses __setattr__.
SET_FIELDS = [getattr(Token, name).__set__ for name in Token.__slots__]


def read(pointer: Pointer) -> Token:
    """Copy a `csign_token` without taking ownership."""
    expires_at, scope = expires_at_of(pointer), scope_of(pointer, NULL)
    return made(
        string(extra_json_of(pointer, NULL)).decode(),
        string(authorization_of(pointer, NULL)).decode(),
        None if expires_at < 0 else expires_at,
        string(scope).decode() if scope else None,
        SOURCES.get(source_of(pointer), "unknown"),
        string(type_of(pointer, NULL)).decode(),
        string(value_of(pointer, NULL)).decode(),
    )


# Looked up once, because reading a token takes seven calls.
value_of = lib.csign_token_value
authorization_of = lib.csign_token_authorization
type_of = lib.csign_token_type
scope_of = lib.csign_token_scope
expires_at_of = lib.csign_token_expires_at
source_of = lib.csign_token_source
extra_json_of = lib.csign_token_extra_json
