"""`bridge.adapters.http.guard`: nobody gets into our network by way of a callback URL."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.http.client import Client
from bridge.adapters.http.guard import AddressInfo, ForbiddenAddressError, Guard
from bridge.adapters.http.resolver import Resolver
from bridge.core.address import METADATA, holds_metadata, why_forbidden
from bridge.core.http import Request
from tests.receivers import answers, receiver

FORBIDDEN = """
127.0.0.1 127.254.254.254 0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255
192.168.0.1 192.168.255.255 100.64.0.1 100.100.100.200 100.127.255.255 169.254.169.254
169.254.0.1 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:0:127.0.0.1
64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::1 64:ff9b:1::8.8.8.8
100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1
2001:2::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fdff::1 fe80::1 fe80::1%1 febf::1 fec0::1 ff02::1 ff0e::1 4000::1 e000::1
""".split()  # noqa: SIM905 - a corpus is read as text

ALLOWED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
168.63.129.15 168.63.129.17 169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 192.167.1.1
198.17.255.255 198.20.0.0 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450:4001::1 2003::1
""".split()  # noqa: SIM905 - a corpus is read as text


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_forbidden(ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_passes(address: str) -> None:
    assert why_forbidden(ip_address(address)) is None


@given(st.ip_addresses(v=4))
def test_every_spelling_of_a_forbidden_ipv4_address_in_ipv6_is_refused(
    inner: IPv4Address,
) -> None:
    number = int(inner)
    mapped = IPv6Address((0xFFFF << 32) | number)
    nat64 = IPv6Address((0x64FF9B << 96) | number)
    compatible = IPv6Address(number)
    six_to_four = IPv6Address((0x2002 << 112) | (number << 80))

    forbidden = why_forbidden(inner) is not None
    assert (why_forbidden(mapped) is not None) == forbidden
    assert (why_forbidden(nat64) is not None) == forbidden
    assert why_forbidden(compatible)
    assert why_forbidden(six_to_four)


@given(st.ip_addresses())
def test_what_passes_is_what_the_registries_call_global(
    address: IPv4Address | IPv6Address,
) -> None:
    """The converse does not hold: the registries call more global than is safe."""
    if why_forbidden(address) is None and not (
        isinstance(address, IPv6Address) and address.ipv4_mapped
    ):
        assert address.is_global


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.0.0/16"),
        ("::ffff:10.1.2.3", "10.1.0.0/16"),
        ("fd00::1", "fd00::/8"),
        ("64:ff9b::10.1.2.3", "64:ff9b::/96"),
    ],
)
def test_an_allowed_network_passes_and_nothing_beside_it(
    address: str, network: str
) -> None:
    allow = (ip_network(network),)

    assert why_forbidden(ip_address(address), allow) is None
    assert why_forbidden(ip_address("10.2.0.1"), allow)
    assert why_forbidden(ip_address("::1"), allow)


def test_a_private_network_is_not_allowed_through_a_translator() -> None:
    assert why_forbidden(ip_address("64:ff9b::10.1.2.3"), (ip_network("10.0.0.0/8"),))


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_a_cloud_platforms_own_addresses_are_in_no_allowed_network(
    address: str, network: str
) -> None:
    allow = [ip_network(network), *map(ip_network, METADATA)]
    number = int(ip_address(address))
    spelled = [ip_address(address)]
    if number < 1 << 32:
        prefixes = (0, 0xFFFF << 32, 0x64FF9B << 96, 0x64FF9B0001 << 80)
        spelled += [IPv6Address(prefix | number) for prefix in prefixes]
        spelled.append(IPv6Address(0x2002 << 112 | number << 80))
        spelled.append(IPv6Address(0x2001 << 112 | number ^ 0xFFFFFFFF))

    assert all(why_forbidden(one, allow) for one in spelled)


def test_an_ordinary_network_holds_nothing_of_a_cloud_platforms_own() -> None:
    assert not holds_metadata(ip_network("10.0.0.0/8"))
    assert holds_metadata(ip_network("169.254.0.0/16"))


def test_a_socket_is_made_only_for_an_address_that_passes() -> None:
    guard = Guard()

    guard.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 443))).close()
    for host in ("127.0.0.1", "no address", ""):
        with pytest.raises(ForbiddenAddressError, match="may not be connected to"):
            guard.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 443)))


def test_networks_that_are_none_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Guard(["nonsense"])


# --- names ----------------------------------------------------------------------------


def knows(*hosts: str) -> Any:
    def getaddrinfo(
        _host: str, port: int, *_: object, **__: object
    ) -> Sequence[AddressInfo]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in hosts
        ]

    return getaddrinfo


async def test_a_name_with_public_addresses_is_resolved() -> None:
    resolver = Resolver(Guard(), getaddrinfo=knows("8.8.8.8", "2606:4700::1111"))

    found = await resolver.resolve("example.org", 443)

    assert [address[0] for *_, address in found] == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("hidden", ["10.0.0.1", "::1", "::ffff:169.254.169.254"])
async def test_one_forbidden_address_refuses_the_whole_name(hidden: str) -> None:
    resolver = Resolver(Guard(), getaddrinfo=knows("8.8.8.8", hidden))

    with pytest.raises(ForbiddenAddressError):
        await resolver.resolve("rebinding.example", 443)


async def test_without_a_guard_every_address_is_the_operators_word() -> None:
    resolver = Resolver(None, getaddrinfo=knows("10.0.0.1", "::1"))

    assert len(await resolver.resolve("nas.local", 80)) == 2


async def test_a_link_local_address_keeps_its_interface() -> None:
    def getaddrinfo(
        _host: str, port: int, *_: object, **__: object
    ) -> Sequence[AddressInfo]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", port, 0, 3))]

    found = await Resolver(None, getaddrinfo=getaddrinfo).resolve("printer.local", 80)

    assert found[0][4] == ("fe80::1", 80, 0, 3)


async def test_a_name_server_that_hangs_holds_up_no_other_name() -> None:
    answered = threading.Event()

    def hangs(*_: object, **__: object) -> Sequence[AddressInfo]:
        answered.wait(60)
        return []

    resolver = Resolver(None, getaddrinfo=hangs)
    stuck = [
        asyncio.ensure_future(resolver.resolve(f"{n}.example", 80)) for n in range(50)
    ]
    await asyncio.sleep(0)  # they begin
    try:
        async with asyncio.timeout(30):
            assert await Resolver(None, getaddrinfo=knows("8.8.8.8")).resolve(
                "b.example", 80
            )
            assert not any(task.done() for task in stuck)
    finally:
        answered.set()
        await asyncio.gather(*stuck)


async def test_a_name_that_nobody_knows_is_an_error() -> None:
    def getaddrinfo(*_: object, **__: object) -> Sequence[AddressInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(OSError, match="unknown"):
        await Resolver(None, getaddrinfo=getaddrinfo).resolve("nowhere.invalid", 80)


# --- a name that is allowed -----------------------------------------------------------


async def test_a_guarded_receiver_is_greeted_by_its_name_and_not_by_its_address(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    client = Client(
        connections=1,
        keepalive=1.0,
        tls_ca=str(tmp_path / "ca.pem"),
        guard=Guard(["127.0.0.0/8", "::1/128"]),
    )
    async with receiver(answers(), tls=tls) as there:
        url = f"https://localhost:{there.port}/x"
        response = await client.send(Request(url=url, timeout=5.0))
        await client.aclose()

    [received] = there.requests
    assert response.status == 200, response.detail
    assert names == ["localhost"]
    assert received.headers["host"] == f"localhost:{there.port}"
