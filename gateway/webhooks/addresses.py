"""Which addresses may be called from inside the network. Pure but for `resolve`.

A URL is the operator's, but its name is resolved by somebody else's server: whoever has that could point it
at a machine of ours (SSRF), or at one after another (DNS rebinding). So the name is resolved here, once for
each try, every address is looked at, and the connection goes to the one that was looked at.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from gateway.errors import RingbackError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_SHARED: Final = IPv4Network("100.64.0.0/10")  # RFC 6598


class AddressRefused(RingbackError):
    """A host that has no address which may be called."""


def is_public(address: Address) -> bool:
    """An address of the world outside: no loopback, private, link-local, metadata or multicast one, nor one
    in disguise (IPv4 in IPv6, 6to4, Teredo, NAT64).
    """
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inside is None and address in _NAT64:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(inside)
        if address.is_site_local:
            return False
    elif address in _SHARED:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def may_call(address: Address, allowed: Sequence[Network]) -> bool:
    """Public, or in a network that the operator allows."""
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return is_public(address) or any(plain in network for network in allowed)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Raises ValueError for what is no network in CIDR notation."""
    return tuple(ip_network(text) for text in texts)


async def resolve(host: str, port: int, allowed: Sequence[Network]) -> Address:
    """The address of `host` to connect to. Raises AddressRefused; OSError when nobody knows the name."""
    try:
        found: list[Address] = [ip_address(host.strip("[]"))]
    except ValueError:
        known = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in known]
    for address in found:
        if may_call(address, allowed):
            return address
    raise AddressRefused(f"{host} is no public address, and not in webhooks.allow_networks")
