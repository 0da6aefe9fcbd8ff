"""What the adapters for HTTP libraries have in common. tests/adapters has the rules, as cases for every language."""

from __future__ import annotations

from ipaddress import ip_address

from .errors import usage


def check_target(scheme: str, host: str) -> None:
    """Raises UnexpectedError of kind "usage" if a token would be sent there in clear text."""
    if scheme.lower() == "https" or (scheme.lower() == "http" and is_loopback(host)):
        return
    raise usage(
        f"the token is not sent to {host} over {scheme}",
        "use https: plain http is allowed only to localhost and loopback addresses",
    )


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
