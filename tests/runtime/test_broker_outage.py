"""Why a broker takes no message, in words that name the broker and no address."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys

import pytest
import structlog
from amqp import exceptions as amqp
from redis import exceptions

from bridge.runtime.broker_outage import (
    is_not_of_broker,
    reason_of,
    report_in_our_words,
    says_more_than_broken,
)
from bridge.runtime.publishing import BrokerBlocked


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            exceptions.InvalidResponse("HTTP"),
            "the broker is not a Redis or Valkey server",
        ),
        (exceptions.AuthenticationError("no"), "the broker refuses the password"),
        (exceptions.OutOfMemoryError("no"), "the broker's memory is used up"),
        (exceptions.MaxConnectionsError("no"), "no connection to the broker is free"),
        (exceptions.ConnectionError("no"), "the broker does not answer"),
        (ConnectionRefusedError(111, "no"), "the broker does not answer"),
        (
            socket.gaierror(-2, "no"),
            "the broker has a host name that cannot be resolved",
        ),
        (KeyError("no"), "the broker refuses (KeyError)"),
        (
            amqp.ConnectionForced("Too many heartbeats missed"),
            "the broker does not answer",
        ),
        (amqp.ConnectionForced("shutdown"), "the broker closed the connection"),
        (amqp.RecoverableConnectionError("no"), "the broker does not answer"),
        (
            OSError("Server unexpectedly closed connection"),
            "the broker closed the connection",
        ),
        (amqp.AccessRefused("Login was refused"), "the broker refuses the password"),
        (amqp.AccessRefused("access to queue"), "the broker refuses its user"),
        (
            amqp.NotAllowed("vhost not found"),
            "the broker has no such virtual host, or refuses its user there",
        ),
        (
            BrokerBlocked(),
            "the broker takes no messages: it is short of memory or of disk",
        ),
    ],
    ids=lambda value: f"{type(value).__name__} {value}",
)
def test_a_broker_is_called_by_its_name(error: Exception, words: str) -> None:
    assert reason_of(error) == words


def test_the_cause_below_what_kombu_raises_is_what_is_told() -> None:
    raised = RuntimeError("kombu's own")
    raised.__cause__ = exceptions.AuthenticationError()

    assert reason_of(raised) == "the broker refuses the password"


@pytest.mark.parametrize(
    ("error", "kept"),
    [(ConnectionResetError(104, "no"), False), (KeyError("no"), True)],
)
def test_a_connection_that_broke_while_it_was_read_is_not_logged_twice(
    error: Exception, kept: bool
) -> None:
    record = logging.makeLogRecord(
        {
            "msg": "Error cleaning up after event loop: %r",
            "args": (error,),
            "exc_info": (type(error), error, None),
        }
    )

    assert says_more_than_broken(record) is kept


def test_tries_in_vain_are_not_logged_as_critical() -> None:
    logger = logging.getLogger(f"{__name__}.consumer")
    report_in_our_words(logger, is_store=True)
    said = {"msg": "Frequent restarts detected: %r", "args": (RuntimeError("5 in 1s"),)}

    assert not logger.filter(logging.makeLogRecord(said))
    assert logger.filter(logging.makeLogRecord({"msg": "%s ready.", "args": ("w",)}))


@pytest.mark.parametrize(
    ("error", "kept"),
    [(amqp.AccessRefused("Login was refused"), False), (KeyError("no"), True)],
)
def test_a_worker_that_its_broker_refuses_ends_in_our_words(
    error: Exception, kept: bool
) -> None:
    record = logging.makeLogRecord(
        {
            "msg": "Unrecoverable error: %r",
            "args": (error,),
            "exc_info": (type(error), error, None),
        }
    )

    with structlog.testing.capture_logs() as logs:
        assert is_not_of_broker(record) is kept

    assert [line["event"] for line in logs] == ["broker.away"] * (not kept)
    assert all("refuses the password; check" in line["reason"] for line in logs)


def test_a_tick_that_comes_to_a_worker_that_is_ending_is_not_warned_of() -> None:
    program = """
from kombu import Connection
from bridge import logs

logs.configure()
with Connection("memory://") as connection:
    channel = connection.default_channel
    channel.queue_declare("poll")
    tick = channel.prepare_message("a tick")
    channel.basic_publish(tick, exchange="", routing_key="poll")
    connection.transport._deliver(channel._get("poll"), "poll")
    print(channel._size("poll"))
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_broker_that_does_not_answer_is_not_reported_in_kombus_words() -> None:
    program = """
from socket import socketpair
from time import monotonic
from types import SimpleNamespace
from kombu.transport.redis import MultiChannelPoller
from bridge import logs

logs.configure()
ours, theirs = socketpair()
waiting = SimpleNamespace(
    _in_poll=SimpleNamespace(_sock=ours, disconnect=lambda: print("given up")),
    _brpop_sent_at=monotonic() - 60,
    brpop_timeout=4,
    health_check_interval=10,
)
poller = MultiChannelPoller()
poller._channels = [waiting]
poller.maybe_check_brpop_health()
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("given up\n", "")
