"""An access token and its members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, cast

from ._errors import Error, failure
from ._library import ffi, lib
from ._numbers import Source as SourceNumber
from ._numbers import Status
from ._records import instant
from ._text import ERROR_OUT, LENGTH_OUT, NULL, string

if TYPE_CHECKING:
    from ._abi import Pointer
    from ._words import Source

SOURCES = {source.value: cast("Source", source.name.lower()) for source in SourceNumber}


@dataclass(frozen=True, repr=False)
class Token:
    """An access token. It is immutable, and `repr` and `str` show no secret.

    Two tokens are equal if they have the same members, wherever they came from.

    Python's strings can't be wiped: the library wipes its own copies, but not this one.

    >>> Token("secret", scope="read")
    <countersign.Token token_type='Bearer' expires_at=None scope='read' source='minted'>
    """

    #: The access token string. It is a secret: don't log it.
    access_token: str
    #: The token type as the vendor sent it, nearly always "Bearer".
    token_type: str = "Bearer"
    #: When the token expires, in UTC. None if the vendor doesn't say.
    expires_at: datetime | None = None
    #: The granted scopes, separated by spaces. None if the vendor doesn't say.
    scope: str | None = None
    #: The vendor's additional members, such as `instance_url`.
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Where this call got the token from: "minted", "refreshed", "cache" or "store".
    source: Source = field(default="minted", compare=False)
    #: The value of the HTTP `Authorization` header, nearly always "Bearer ..." (RFC 6750). It is a
    #: secret.
    authorization: str = field(default="", compare=False)
    # The headers, or why there are none. None if Authorization is the only one.
    _headers: Mapping[str, str] | Error | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # A frozen dataclass sets its own fields like this.
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))
        if not self.authorization:
            object.__setattr__(self, "authorization", f"{self.token_type} {self.access_token}")

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers that an API request needs to carry the token. They are secrets.

        That is `Authorization`, unless the vendor's profile names another header, or further
        headers beside it, such as a tenant's ID.

        Raises Error if a header needs a value that the token doesn't have. The hint says what to do.
        """
        if isinstance(self._headers, Error):
            raise self._headers.with_traceback(None)
        return MappingProxyType(self._headers or {"Authorization": self.authorization})

    # A MappingProxyType can't be pickled or copied.
    def __reduce__(self) -> tuple[Callable[..., Token], tuple[Any, ...]]:
        fields = {**vars(self), "extra": dict(self.extra)}
        return Token, tuple(fields[name] for name in Token.__dataclass_fields__)

    def __repr__(self) -> str:
        return (
            f"<countersign.Token token_type={self.token_type!r} expires_at={self.expires_at} scope={self.scope!r} "
            f"source={self.source!r}>"
        )


def read(pointer: Pointer) -> Token:
    """Copy a `csign_token` without taking ownership."""
    expires_at, scope = expires_at_of(pointer), scope_of(pointer, NULL)
    return Token(
        access_token=string(value_of(pointer, NULL)).decode(),
        token_type=string(type_of(pointer, NULL)).decode(),
        expires_at=None if expires_at < 0 else instant(expires_at),
        scope=string(scope).decode() if scope else None,
        extra=json.loads(string(extra_json_of(pointer, NULL))),
        source=SOURCES.get(source_of(pointer), "minted"),
        authorization=string(authorization_of(pointer, NULL)).decode(),
        _headers=headers_of(pointer),
    )


def headers_of(pointer: Pointer) -> dict[str, str] | Error:
    """Copy the headers. Return the error if there are none."""
    count, error = ffi.new(LENGTH_OUT), ffi.new(ERROR_OUT)
    status = header_count_of(pointer, count, error)
    if status != Status.OK:
        return failure(status, error)
    return {
        string(header_name_of(pointer, index, NULL)).decode(): string(header_value_of(pointer, index, NULL)).decode()
        for index in range(count[0])
    }


# Looked up once, because reading a token takes ten calls.
value_of = lib.csign_token_value
authorization_of = lib.csign_token_authorization
type_of = lib.csign_token_type
scope_of = lib.csign_token_scope
expires_at_of = lib.csign_token_expires_at
source_of = lib.csign_token_source
extra_json_of = lib.csign_token_extra_json
header_count_of = lib.csign_token_header_count
header_name_of = lib.csign_token_header_name
header_value_of = lib.csign_token_header_value
