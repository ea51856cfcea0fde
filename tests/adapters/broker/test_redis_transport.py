"""`bridge.adapters.broker.redis_transport`: what a worker does with its connection to the broker."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest
from kombu import Connection
from redis import Redis

from bridge.adapters.broker.redis_transport import LONGEST_WAIT
from bridge.adapters.broker.transport import broker_of
from tests.waiting import until


@pytest.fixture
def worker(redis_url: str, namespace: str) -> Iterator[Connection]:
    """A connection over which messages of a queue are waited for, with one call that is not over."""
    broker = broker_of(redis_url, namespace)
    with (
        Connection(
            broker.url,
            transport=broker.transport,
            transport_options=broker.options,
        ) as connection,
        connection.SimpleQueue(namespace) as queue,
    ):
        with pytest.raises(queue.Empty):
            queue.get(timeout=0.1)
        assert waits(redis_url)
        yield connection


def waits(redis_url: str) -> bool:
    with Redis.from_url(redis_url) as client:
        return any(one["cmd"] == "brpop" for one in client.client_list())


def test_who_closes_it_does_not_wait_for_a_message(
    worker: Connection, redis_url: str
) -> None:
    began = monotonic()

    worker.close()

    assert monotonic() - began < LONGEST_WAIT / 2
    until(lambda: not waits(redis_url))
