"""Where a client comes from: the address that limits and locks are counted by."""

from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings

HOST_BITS = 64
"""Of an IPv6 address: whoever has one has them all."""
UNKNOWN = "unknown"
"""Of connections over a socket in the file system: all together they are one."""


def network_of(peer: str | None, forwarded: str | None) -> str | None:
    """The address of the other end, or behind a proxy the one that the proxy has seen (the last of X-Forwarded-For). Of
    an IPv6 address its network; None when nobody knows."""
    text = peer
    if settings.BEHIND_PROXY and forwarded is not None:
        text = forwarded.rpartition(",")[2].strip()
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address) >> HOST_BITS << HOST_BITS)
    return str(address)


def address_of(scope: dict[str, Any]) -> str:
    """Where an ASGI connection comes from."""
    client = scope.get("client") or (None,)
    forwarded = [value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
    return network_of(client[0], forwarded[-1].decode("latin-1") if forwarded else None) or UNKNOWN
