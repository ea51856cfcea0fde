"""`bridge.adapters.broker.redis_transport`: what a worker does with its connection to the broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue
from redis import Redis

from bridge.adapters.broker.redis_transport import LONGEST_WAIT
from bridge.adapters.broker.transport import broker_of
from bridge.adapters.local.embedded import EmbeddedStore
from tests.waiting import until


@contextmanager
def consuming(
    url: str, namespace: str, **options: float
) -> Iterator[tuple[Connection, SimpleQueue]]:
    """A connection over which messages of a queue are waited for, with one call that is not over."""
    broker = broker_of(url, namespace)
    with (
        Connection(
            broker.url,
            transport=broker.transport,
            transport_options=broker.options | options,
        ) as connection,
        connection.SimpleQueue(namespace) as queue,
    ):
        wait(queue)
        assert waiting(url)
        yield connection, queue


def wait(queue: SimpleQueue) -> None:
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)


def waiting(url: str) -> list[str]:
    """Name the connections that wait for a message."""
    with Redis.from_url(url) as client:
        return [one["id"] for one in client.client_list() if one["cmd"] == "brpop"]


def seconds_to_close(connection: Connection) -> float:
    began = monotonic()
    connection.close()
    return monotonic() - began


def test_who_closes_it_does_not_wait_for_a_message(
    redis_url: str, namespace: str
) -> None:
    with consuming(redis_url, namespace) as (connection, _):
        assert seconds_to_close(connection) < LONGEST_WAIT / 2

    until(lambda: not waiting(redis_url))


def test_who_closes_it_after_it_was_lost_does_not_wait_either(
    redis_url: str, namespace: str
) -> None:
    with consuming(redis_url, namespace) as (connection, queue):
        with Redis.from_url(redis_url) as client:
            for number in waiting(redis_url):
                client.client_kill_filter(_id=number)
        with pytest.raises(connection.connection_errors):
            queue.get(timeout=5)
        wait(queue)

        assert seconds_to_close(connection) < LONGEST_WAIT / 2


def test_a_user_who_may_not_ask_for_its_id_gets_messages_all_the_same(
    redis_url: str, namespace: str
) -> None:
    address = redis_url.replace("://", f"://{namespace}:pw@")
    with Redis.from_url(redis_url) as client:
        client.acl_setuser(
            namespace,
            enabled=True,
            passwords=["+pw"],
            keys=["*"],
            channels=["*"],
            commands=["+@all", "-client|id"],
        )
        with consuming(address, namespace) as (_, queue):
            queue.put("a tick")

            assert queue.get(timeout=5).payload == "a tick"
        client.acl_deluser(namespace)


def test_a_server_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        assert store.process is not None
        with consuming(store.url, "mjb", socket_timeout=1) as (connection, _):
            os.kill(store.process.pid, signal.SIGSTOP)
            try:
                took = seconds_to_close(connection)
            finally:
                os.kill(store.process.pid, signal.SIGCONT)

    assert took < 1.8
