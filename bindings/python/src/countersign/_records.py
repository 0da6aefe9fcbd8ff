"""The records that clients, keys and registries return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, NamedTuple

from ._errors import Error
from ._words import Revocation

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def instant(seconds: float) -> datetime:
    """Return a time in UTC. One that Python can't represent becomes the latest one that it can."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)


class Counts(NamedTuple):
    """A client's counters, all since it was created."""

    #: Cached tokens returned by `token`. Those of `access_token` are not counted.
    hits: int
    #: Tokens taken from the store.
    adopted: int
    #: Tokens requested by assertion, client credentials or login.
    minted: int
    #: Tokens requested with a refresh token.
    refreshed: int
    #: Callers that waited for a request that another caller had started.
    waits: int
    #: Requests, and attempts at one, that returned no token.
    failures: int


class Forgotten(NamedTuple):
    """The result of `Client.forget`."""

    #: "revoked", "not_offered" (the vendor has no revocation), "nothing_held" or "failed".
    revocation: Revocation
    #: Why the vendor did not revoke the token, if `revocation` is "failed".
    reason: Error | None


@dataclass(frozen=True)
class Event:
    """An event in the history of a connection's grant. It contains no tokens."""

    #: When it happened, by the store's clock.
    at: datetime
    #: The host, process and client.
    by: str
    #: What happened, such as "refreshed".
    what: str
    #: Identifies the attempt that the event belongs to.
    attempt: str | None = None
    #: The fingerprint of the refresh token that was spent.
    spent: str | None = None
    #: The fingerprint of the refresh token that was received.
    got: str | None = None


@dataclass(frozen=True)
class KeyInfo:
    """The description of a key. It contains no private part."""

    #: "private", "public" or "certificate".
    kind: str
    #: "RSA", "EC", "OKP" or "oct".
    type: str
    bits: int
    #: The format that the key was read from.
    format: str
    #: The JWS algorithms that the key can be used with.
    algorithms: tuple[str, ...]
    #: The name of the curve, such as "P-256".
    curve: str | None = None
    #: The SHA-256 digest of the public key's SubjectPublicKeyInfo, in hex.
    spki_sha256: str | None = None
    #: The thumbprint of RFC 7638.
    jwk_thumbprint: str | None = None
    #: The public key as a JWK.
    public_jwk: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Provider:
    """A provider that clients can use."""

    id: str
    name: str
    #: The URL of the vendor's documentation.
    documentation: str
    environments: tuple[str, ...]
    #: The grant types.
    grants: tuple[str, ...]
    #: The vendor's own settings, named `extra.NAME`, and their descriptions.
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


def event(read: Mapping[str, Any]) -> Event:
    return Event(**immutable(Event, {**read, "at": instant(read["at_ms"] / 1000)}))


def key_info(read: Mapping[str, Any]) -> KeyInfo:
    return KeyInfo(**immutable(KeyInfo, read))


def provider(read: Mapping[str, Any]) -> Provider:
    return Provider(**immutable(Provider, read))


def immutable(record: Any, read: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's fields. Members of a later library, which have no field, are left out."""
    fields = {}
    for name in record.__dataclass_fields__:
        value = read.get(name)
        if isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, dict):
            value = MappingProxyType(value)
        if value is not None:
            fields[name] = value
    return fields
