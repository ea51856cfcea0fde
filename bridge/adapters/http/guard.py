"""
The guard: which addresses may be connected to where somebody else has chosen them.

A callback URL that came in through the API must not become a way into the network that
the bridge runs in. Names lie (they can be answered differently a moment later), so what
is judged is the address that a socket is about to be connected to, with every spelling
of it already gone. One forbidden address among a name's answers refuses the whole name:
an honest public receiver has none.

``ipaddress``'s ``is_global`` is not enough: it calls NAT64, 6to4 and IPv4-compatible
forms of loopback addresses global, and multicast too.
Source: the IANA special-purpose address registries.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class ForbiddenAddressError(Exception):
    """
    The receiver is not at an address that may be connected to.

    Not an `OSError`: those are collected while several addresses of a name are tried,
    and the next address would be tried.
    """


_FORBIDDEN_V4 = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address shared by a carrier's customers"),
        ("127.0.0.0/8", "a loopback address"),
        # What a platform serves to its own machines, outside any reserved block: Azure's
        # agent and name server.
        ("168.63.129.16/32", "a cloud platform's own address"),
        (
            "169.254.0.0/16",
            "a link-local address (cloud platforms keep credentials there)",
        ),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a 6to4 relay's address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)

_FORBIDDEN_V6 = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "an address of this machine"),
        ("::1/128", "a loopback address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/23", "a reserved address (Teredo and others)"),
        ("2001:db8::/32", "an address for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", "an address for documentation"),
    )
)

#: All that is handed out to networks so far. What is added one day is refused until it
#: is added here, not the other way round.
_UNICAST_V6 = IPv6Network("2000::/3")
#: Through these a translator reaches the IPv4 address in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


def why_forbidden(address: Address, allow: Iterable[Network] = ()) -> str | None:
    """
    Return why an address may not be connected to; ``None`` if it may.

    Args:
        allow: Networks that may be reached whatever they are.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    if any(address in network for network in allow):
        return None
    if isinstance(address, IPv4Address):
        return next((why for net, why in _FORBIDDEN_V4 if address in net), None)
    if address in _NAT64:
        return why_forbidden(IPv4Address(int(address) & 0xFFFFFFFF))
    known = next((why for net, why in _FORBIDDEN_V6 if address in net), None)
    if known is None and address not in _UNICAST_V6:
        return "not a public address"
    return known


class Guard:
    """
    Refuses addresses before anything is connected to them.

    Args:
        allow: Networks that may be reached whatever they are, such as ``10.1.0.0/16``.

    Raises:
        ValueError: One of them is not a network.
    """

    def __init__(self, allow: Iterable[str | Network] = ()) -> None:
        self._allow = tuple(ip_network(network) for network in allow)

    def check(self, host: str) -> None:
        """
        Let an address pass, or refuse it.

        Args:
            host: The address in its text form, as a resolver or a socket address has it.

        Raises:
            ForbiddenAddressError: It may not be connected to, or it is not an address.
        """
        try:
            reason = why_forbidden(ip_address(host), self._allow)
        except ValueError:
            reason = "not an IP address"
        if reason is not None:
            msg = f"the address may not be connected to: {reason}"
            raise ForbiddenAddressError(msg)

    def socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """
        Return a socket for an address that is about to be connected to.

        Args:
            info: The address, in the form of `socket.getaddrinfo`.

        Raises:
            ForbiddenAddressError: It may not be connected to.
        """
        family, kind, proto, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, proto)
