"""
Addresses: how hosts are read and written, and which may be connected to.

A callback URL that came in through the API must not become a way into the network that
the bridge runs in. ``ipaddress``'s ``is_global`` is not enough: it calls NAT64, 6to4 and
IPv4-compatible forms of loopback addresses global, and multicast too.
Source: the IANA special-purpose address registries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}

#: Where cloud platforms hand their machines' credentials to whoever asks from inside, and
#: Azure's agent. Nothing that the bridge sends has any business there.
METADATA = frozenset(
    ip_address(address)
    for address in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure, outside any reserved block
        "169.254.0.23",  # Tencent Cloud
        "169.254.42.42",  # Scaleway
        "169.254.169.254",  # AWS, Azure, Google, Oracle and most others
        "169.254.170.2",  # AWS, containers
        "169.254.170.23",  # AWS, Kubernetes
        "192.0.0.192",  # Oracle Cloud
        "fd00:42::42",  # Scaleway
        "fd00:ec2::23",  # AWS, Kubernetes
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)

_FORBIDDEN_V4 = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address shared by a carrier's customers"),
        ("127.0.0.0/8", "a loopback address"),
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


def in_url(host: str) -> str:
    """Return a host as URLs write it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def origin_of(url: str, *, host: str | None = None) -> str:
    """
    Return the origin of a valid HTTP URL as browsers write it: its port only if it is not the scheme's own.

    Args:
        host: What to write in place of the URL's own host, without brackets.
    """
    parts = urlsplit(url)
    host = in_url(host or parts.hostname or "")
    usual = parts.port in {None, DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}")


def is_host(text: str) -> bool:
    """Whether a text is an address, or can be the name of a machine."""
    try:
        ip_address(text)
    except ValueError:
        return re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?", text) is not None
    return True


def is_loopback(host: str) -> bool:
    """Whether a name or an address always means the machine that asks (RFC 6761)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")


def why_forbidden(address: Address, allow: Iterable[Network] = ()) -> str | None:
    """
    Return why an address may not be connected to; ``None`` if it may.

    Args:
        allow: Networks that may be reached whatever they are. `METADATA` stays out of reach
            in all of them.
    """
    if any(each in METADATA for each in _meant(address)):
        return "a cloud platform's own address"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    if any(address in network for network in allow):
        return None
    if isinstance(address, IPv4Address):
        return next((why for net, why in _FORBIDDEN_V4 if address in net), None)
    if address in _NAT64:
        return why_forbidden(_last_32_bits(address))
    known = next((why for net, why in _FORBIDDEN_V6 if address in net), None)
    if known is None and address not in _UNICAST_V6:
        return "not a public address"
    return known


def holds_metadata(network: Network) -> bool:
    """Whether some of `METADATA` lies in a network: it was probably not meant to be listed."""
    return any(address in network for address in METADATA)


def _meant(address: Address) -> Iterator[Address]:
    """Yield an address and those that it may stand for to a translator on the way."""
    if isinstance(address, IPv4Address):
        yield address
        return
    yield IPv6Address(int(address))  # without its zone, which a set would tell apart
    # Mapped, compatible and NAT64 forms of any prefix end with the IPv4 address.
    yield _last_32_bits(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _last_32_bits(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
