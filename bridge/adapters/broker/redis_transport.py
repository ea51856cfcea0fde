"""
Celery's transports over a Redis server whose role may change under them.

A master that is demoted answers a worker's waiting with ``UNBLOCKED`` and writes with
``READONLY``. kombu takes both for mistakes of ours and ends the worker; here they are what
they are: a connection that is of no use any more. A new one is tried with a write that needs
memory, so that Celery waits longer and longer between two attempts while there is no master,
or no room for a worker's own keys.

A worker that ends does not wait until its last call for a message has run out: it asks the
server, over another connection, to answer that call with nothing. To let go of the connection
instead would lose a message that is on its way.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kombu.transport import redis, virtual
from redis import exceptions

from bridge.adapters.broker.foreign_queue import TASKS

#: Seconds that a worker waits for a message in one call. kombu's own is one, and each costs it
#: half a millisecond; less than a command may take, or a server that hangs looks well.
LONGEST_WAIT = 4


def _try_a_write(client: Any) -> None:
    client.set("probe", "", px=1)


class InHand(virtual.QoS):
    """
    Messages that a worker has taken and not begun with; it hands them back when it ends.

    If the connection is lost it cannot, and kombu reports an error and writes them to a
    file. Ticks are not worth that: the next one finds the same work.
    """

    def restore_unacked(self) -> Any:
        """Hand them back; return those that could not be, and were no ticks."""
        # Pairs of an error and a message; kombu's types say that it returns nothing.
        lost: Any = super().restore_unacked()
        return [
            (error, message)
            for error, message in lost
            if message.headers.get("task") in TASKS
        ]


class WritableChannel(redis.Channel):
    """
    A channel that opens only where the server takes writes; its messages are `InHand`.

    It is closed without waiting for a message to come, where the server lets its user
    ``CLIENT UNBLOCK``; else within `LONGEST_WAIT`.
    """

    _in_poll: Any  # kombu's types leave out what it keeps to itself
    #: The id that the server has given the connection that waits, as far as that is known.
    _client_id: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.QoS = InHand  # type: ignore[assignment]  # kombu does likewise
        _try_a_write(self.client)

    def _brpop_start(self, timeout: float | None = None) -> None:
        if self._client_id is None:
            connection: Any = self.client.connection
            connection.register_connect_callback(self._forget_id)
            with suppress(exceptions.ResponseError):  # it may be kept from our user
                self._client_id = self.client.client_id()
        super()._brpop_start(timeout)  # type: ignore[misc]  # as above

    def _forget_id(self, _: Any) -> None:
        """Forget the id of a connection that was lost: it may be somebody else's by now."""
        self._client_id = None

    def close(self) -> None:
        """Close it; a wait for a message is ended first, by the server."""
        waiting = self._in_poll
        if waiting and self._client_id is not None:
            try:
                with self.conn_or_acquire() as client:
                    client.client_unblock(self._client_id)
            except exceptions.TimeoutError:
                # It hangs. A message would be here by now, and is not waited for a second time.
                if not waiting.can_read():
                    self._in_poll = None
            except exceptions.RedisError:
                pass
        super().close()


class FailoverTransport(redis.Transport):
    """
    Celery's transport over one server.

    Whatever the server refuses ends the connection, and kombu opens another; it ends no worker.
    """

    Channel = WritableChannel
    brpop_timeout = LONGEST_WAIT
    connection_errors = (*redis.Transport.connection_errors, exceptions.ResponseError)


class SocketTransport(FailoverTransport):
    """The same over a Unix socket, whose address is read here: kombu's own parser cannot."""

    can_parse_url = True


class SentinelChannel(WritableChannel, redis.SentinelChannel):
    """As `WritableChannel`, to the master that sentinels name."""


class SentinelTransport(redis.SentinelTransport):
    """As `FailoverTransport`, over the master that sentinels name."""

    Channel = SentinelChannel
    brpop_timeout = LONGEST_WAIT
    connection_errors = FailoverTransport.connection_errors
