"""
Celery's transports over a Redis server whose role may change under them.

A master that is demoted answers a worker's waiting with ``UNBLOCKED`` and writes with
``READONLY``. kombu takes both for mistakes of ours and ends the worker; here they are what
they are: a connection that is of no use any more. A new one is tried with a write, so that
Celery waits longer and longer between two attempts while there is no master.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ResponseError


class WritableChannel(redis.Channel):
    """A channel to a server that takes writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client.delete("probe")


class FailoverTransport(redis.Transport):
    """One server."""

    Channel = WritableChannel
    connection_errors = (*redis.Transport.connection_errors, ResponseError)


class SentinelChannel(redis.SentinelChannel):
    """A channel to a master, once it takes writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client.delete("probe")


class SentinelTransport(redis.SentinelTransport):
    """The master that sentinels name."""

    Channel = SentinelChannel
    connection_errors = FailoverTransport.connection_errors
