"""`bridge.core.address`: how hosts and origins are written. What is forbidden: `test_hook`."""

from __future__ import annotations

import pytest

from bridge.core.address import is_host, is_loopback, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://bridge.example.com/base/", "https://bridge.example.com"),
        ("https://Bridge.Example.COM", "https://bridge.example.com"),
        ("https://bridge.example.com:443", "https://bridge.example.com"),
        ("http://bridge.example.com:80/", "http://bridge.example.com"),
        ("http://bridge.example.com:443", "http://bridge.example.com:443"),
        ("http://[2001:DB8::1]:8787/?a#b", "http://[2001:db8::1]:8787"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("text", ["::1", "fe80::1%eth0", "0.0.0.0", "bücher.example."])
def test_a_host_is_an_address_or_can_be_a_name(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize("text", ["", " ", "not a host", "[::1]", "a:80", "http://a"])
def test_anything_else_is_no_host(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "a.localhost"]
)
def test_some_hosts_always_mean_the_machine_that_asks(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.0.1", "example.com", "notlocalhost"]
)
def test_no_other_host_does(host: str) -> None:
    assert not is_loopback(host)
