"""
A store that is a Redis Cluster: connections that find the node with our keys.

All keys of a deployment share one hash tag, and so one slot, which one node has at a time.
A deployment therefore speaks to one node as to any server, and only has to learn which it
is: on its first connection, and again when a node says that the slot has moved or does not
answer. A server that is no part of a cluster is asked once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.connection import ConnectionPool
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ConnectionError,  # noqa: A004 - redis-py's own, which is not Python's
    MovedError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

Node = tuple[str, int]


@dataclass(slots=True)
class _Home:
    """
    Where the keys of a slot are, as far as one process knows.

    Attributes:
        addresses: Of nodes; the first one is connected to.

        is_known: Whether that one has been asked for the slot's owner.
    """

    slot: int
    addresses: list[Node] = field(default_factory=list)
    is_known: bool = False

    def moved_to(self, owner: Node) -> None:
        self.addresses = [owner, *(one for one in self.addresses if one != owner)]
        self.is_known = True

    def does_not_answer(self, node: Node) -> None:
        """Ask the next one, unless another connection has found out more meanwhile."""
        if self.addresses[0] == node:
            self.addresses = [*self.addresses[1:], node]
            self.is_known = False

    def read(self, shards: Any, asked: str) -> Node | None:
        """Return the slot's owner by an answer to CLUSTER SLOTS, and remember all nodes."""
        owner = None
        for first, last, *nodes in shards:
            named = [(str(host or asked), int(port)) for host, port, *_ in nodes]
            self.addresses += [one for one in named if one not in self.addresses]
            if first <= self.slot <= last:
                owner = named[0]
        return owner


class _HomeConnection(Connection):
    """A connection to the node that has our keys."""

    def __init__(self, *, home: _Home, **options: Any) -> None:
        self._home = home
        super().__init__(**options)

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        if self.is_connected:
            return
        at = self.host, self.port = self._home.addresses[0]
        try:
            await super().connect_check_health(*args, **options)
            if not self._home.is_known and await self._find_owner() != at:
                await self.disconnect()
                self.host, self.port = self._home.addresses[0]
                await super().connect_check_health(*args, **options)
        except (ConnectionError, TimeoutError):
            self._home.does_not_answer((self.host, self.port))
            raise

    async def _find_owner(self) -> Node:
        try:
            await self.send_command("CLUSTER", "SLOTS", check_health=False)
            owner = self._home.read(await self.read_response(), self.host)
        except ResponseError:  # no cluster, or none of our business
            owner = None
        self._home.moved_to(owner or (self.host, self.port))
        return self._home.addresses[0]

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except MovedError as error:
            if error.slot_id != self._home.slot:
                raise
            self._home.moved_to((error.host, error.port))
        except AskError as error:
            if error.slot_id != self._home.slot:
                raise
        await self.disconnect()
        # Nothing was done; whoever waits for a store that is away asks the other node.
        msg = "the slot of these keys is at another node"
        raise ConnectionError(msg)


class _HomeSSLConnection(_HomeConnection, SSLConnection):
    """The same over TLS."""


def follow_slot(pool: ConnectionPool, namespace: str) -> None:
    """Make a pool's connections find the node that has a deployment's keys."""
    kinds: dict[Any, Any] = {
        Connection: _HomeConnection,
        SSLConnection: _HomeSSLConnection,
    }
    kind = kinds.get(pool.connection_class)
    if kind is None:  # a Unix socket is no node's address
        return
    options = pool.connection_kwargs
    start = (options.get("host", "localhost"), int(options.get("port", 6379)))
    slot = key_slot(f"{{{namespace}}}:".encode())
    options["home"] = _Home(slot=slot, addresses=[start])
    pool.connection_class = kind
