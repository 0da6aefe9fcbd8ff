"""Shared by the adapters for HTTP libraries. tests/adapters specifies their rules."""

from __future__ import annotations

from ipaddress import ip_address

from ._errors import usage


def check_target(scheme: str, host: str) -> None:
    """Raise UsageError if the token would be sent in clear text."""
    if scheme.lower() == "https" or (scheme.lower() == "http" and is_loopback(host)):
        return
    raise usage(
        f"the token is not sent to {host} over {scheme}",
        "use https; plain http is allowed only to localhost and loopback addresses",
    )


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
