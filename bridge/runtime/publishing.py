"""
Publishing so that a broker which takes nothing is an error, and soon.

RabbitMQ takes no messages while it is short of memory or of disk: it says so once, and leaves
them unread. One that is frozen says nothing. By default both look like a message that was sent.
"""

from __future__ import annotations

from typing import Any

from kombu import Connection, Exchange, Queue

#: Seconds for each answer of the broker to one who publishes.
ANSWERS_WITHIN = 5.0


class BrokerBlocked(Exception):  # noqa: N818 - it is the broker that is
    """The broker takes no messages, until it has more memory or disk."""


def _blocked(_reason: str) -> None:
    raise BrokerBlocked


def options_to_publish(url: str) -> dict[str, Any]:
    """
    Return the options of a connection that waits until a message was taken; for a broker that
    answers each command there are none.
    """
    if not url.startswith("amqp"):
        return {}
    return {"confirm_publish": True, "on_blocked": _blocked}


def limit_waiting(connection: Connection, seconds: float = ANSWERS_WITHIN) -> None:
    """Have a connection that is open wait no longer than this for each answer."""
    if connection.transport.driver_type == "amqp":
        connection.connection.sock.settimeout(seconds)


def try_to_publish(connection: Connection, seconds: float) -> None:
    """Publish a message to a queue that ends with the connection; raises if it is not taken."""
    if connection.transport.driver_type != "amqp":
        return
    limit_waiting(connection, seconds)
    channel = connection.channel()
    queue = Queue("", Exchange(""), channel=channel, exclusive=True, auto_delete=True)
    queue.queue_declare()
    connection.Producer(channel, auto_declare=False).publish("", routing_key=queue.name)
