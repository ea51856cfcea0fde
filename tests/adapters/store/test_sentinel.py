"""`bridge.adapters.store.sentinel`: one reading of an address, for the store and for Celery."""

from __future__ import annotations

import pytest

from bridge.adapters.broker.transport import broker_of
from bridge.adapters.store.sentinel import SentinelAddress


@pytest.mark.parametrize(
    ("url", "address", "for_celery"),
    [
        pytest.param(
            "sentinel://a:1,b/main/2",
            SentinelAddress(watchers=(("a", 1), ("b", 26379)), service="main", db=2),
            "sentinel://a:1/2;sentinel://b:26379/2",
            id="two, one with a port",
        ),
        pytest.param(
            "sentinel://user:p%40s%2Fs@[::1]:7,s2/m/0",
            SentinelAddress(
                watchers=(("::1", 7), ("s2", 26379)),
                service="m",
                username="user",
                password="p@s/s",
            ),
            "sentinel://user:p%40s%2Fs@[::1]:7/0;sentinel://user:p%40s%2Fs@s2:26379/0",
            id="a password that is encoded, IPv6",
        ),
        pytest.param(
            "sentinel://:pw@a",
            SentinelAddress(watchers=(("a", 26379),), password="pw"),
            "sentinel://:pw@a:26379/0",
            id="a password alone",
        ),
    ],
)
def test_an_address_means_the_same_to_the_store_and_to_celery(
    url: str, address: SentinelAddress, for_celery: str
) -> None:
    broker = broker_of(url, "mjb")

    assert SentinelAddress.parse(url) == address
    assert (broker.url, broker.options["master_name"]) == (for_celery, address.service)


def test_a_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(SentinelAddress.parse("sentinel://u:hunter2@a"))
