"""
What a store's refusals and silences mean, in our words.

redis-py makes classes of most words that a server begins an error with, and takes these
words out of the text. So the classes decide; the text is read only for words that have
none.

A silence is timed by the loop itself. A process that gets a tenth of a processor is away for
seconds; when it is back, the reply has long come and the time is up as well, and the time would win:
the connection would be closed over an answer that is there, and what the call has done would
be unknown. So a deadline advances in small steps; a loop that was away for an hour takes one.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import TypeAlias

from redis import exceptions
from redis.asyncio.sentinel import MasterNotFoundError

from bridge.adapters.store.sentinel_client import without_master
from bridge.adapters.store.trust import distrust_of
from bridge.errors import BridgeError, StoreForbids, StoreRefused, StoreUnavailable

#: Seconds that a single command may take. A frozen server must not freeze us.
COMMAND_TIMEOUT = 5.0
#: Steps that a deadline advances in.
_STEPS = 10
#: Where to read more about rights.
RIGHTS = "docs/operating.md lists the rights that it needs"
CLUSTER = (
    "the store is a Redis Cluster, which can keep everything but Celery's messages: set "
    "broker_url (BRIDGE_BROKER_URL) to a single server or to RabbitMQ"
)
_ELSEWHERE = "this key is on another node of the store's cluster"
_MOVING = "the store's cluster is being rearranged"
_FULL = (
    "the store's memory is used up; raise its maxmemory, or see what waits with "
    "`mjbridge endpoints`"
)
_REPLICA = "the store is a replica, so it takes no writes; redis_url (BRIDGE_REDIS_URL) has to name its master"
_UNRESOLVED = (
    "the store has a host name that cannot be resolved; is it right in redis_url (BRIDGE_REDIS_URL), and does "
    "name resolution work on this machine?"
)
_Words: TypeAlias = tuple[tuple[str, type[BridgeError], str], ...]
#: Words that say more than the class that redis-py makes of them.
_CLEARER: _Words = (
    (
        "max number of clients",
        StoreUnavailable,
        "the store takes no more clients; raise its maxclients, or see who uses it",
    ),
    (
        "Permission denied",  # by the operating system
        StoreUnavailable,
        "this user may not connect to the store; its socket's permissions say who may",
    ),
    (  # of a command inside a script; NOPERM is for any other
        "can't run this command",
        StoreForbids,
        f"the store's user may not run a command that a script needs; {RIGHTS}",
    ),
)
_NONE_GIVEN = (
    "the store wants a password and got none; redis_url (BRIDGE_REDIS_URL) takes it as in "
    "redis://:PASSWORD@host:6379/0"
)
#: What a server says about a password that it does not simply find wrong.
_PASSWORDS: _Words = (
    ("Authentication required", StoreRefused, _NONE_GIVEN),
    ("HELLO must be called", StoreRefused, _NONE_GIVEN),  # in protocol 3
    (
        "without any password configured",
        StoreRefused,
        "the store has no password, and got one; leave it out of redis_url (BRIDGE_REDIS_URL)",
    ),
)
#: In this order: the first class that an error is of.
_MEANINGS: tuple[tuple[type[Exception], type[BridgeError], str], ...] = (
    (
        exceptions.AuthenticationError,
        StoreRefused,
        "the store refuses the password; check redis_url (BRIDGE_REDIS_URL)",
    ),
    (
        exceptions.AuthenticationWrongNumberOfArgsError,
        StoreRefused,
        "the store knows no user names; leave the user out of redis_url (BRIDGE_REDIS_URL)",
    ),
    (
        exceptions.AuthorizationError,
        StoreRefused,
        "the store does not let this user in; check redis_url (BRIDGE_REDIS_URL)",
    ),
    (
        exceptions.InvalidResponse,
        StoreRefused,
        "the store is not a Redis or Valkey server; check redis_url (BRIDGE_REDIS_URL)",
    ),
    (exceptions.MovedError, StoreForbids, _ELSEWHERE),
    (exceptions.AskError, StoreUnavailable, _MOVING),
    (exceptions.ClusterCrossSlotError, StoreForbids, _ELSEWHERE),
    (
        exceptions.ExternalAuthProviderError,
        StoreUnavailable,
        "the store cannot ask its directory about our password",
    ),
    (
        exceptions.MaxConnectionsError,
        StoreUnavailable,
        "no connection to the store is free",
    ),
    (
        exceptions.BusyLoadingError,
        StoreUnavailable,
        "the store is still loading its data",
    ),
    (exceptions.ConnectionError, StoreUnavailable, ""),
    (exceptions.TimeoutError, StoreUnavailable, ""),
    (OSError, StoreUnavailable, ""),
    (exceptions.OutOfMemoryError, StoreUnavailable, _FULL),
    (exceptions.ReadOnlyError, StoreUnavailable, _REPLICA),
    (exceptions.MasterDownError, StoreUnavailable, "the store has lost its master"),
    (exceptions.ClusterDownError, StoreUnavailable, "the store's cluster is down"),
    (exceptions.TryAgainError, StoreUnavailable, _MOVING),
)
#: What errors without a class of their own begin with, also where a script passes them on.
_WORDS: _Words = (
    ("UNBLOCKED", StoreUnavailable, _REPLICA),
    ("BUSY ", StoreUnavailable, "the store is busy with somebody's script"),
    (
        "NOREPLICAS",
        StoreUnavailable,
        "the store has too few replicas to take writes",
    ),
    (
        "MISCONF",
        StoreUnavailable,
        "the store cannot write to its disk, so it takes no writes",
    ),
    ("OOM ", StoreUnavailable, _FULL),
    (
        "WRONGTYPE",
        StoreRefused,
        (
            "a key of this deployment holds what mjbridge did not write; somebody has changed "
            "it, or two programs share the namespace"
        ),
    ),
    ("READONLY", StoreUnavailable, _REPLICA),
    (
        "unknown command",
        StoreRefused,
        "the store lacks a command; does redis_url (BRIDGE_REDIS_URL) confuse a store and a sentinel?",
    ),
    (
        "DB index is out of range",
        StoreRefused,
        "the store has fewer databases than redis_url (BRIDGE_REDIS_URL) names; use a lower number",
    ),
)
_FORBIDDEN_COMMAND = re.compile(r"permissions to run the '([a-z|]+)' command")


@contextmanager
def store_errors() -> Iterator[None]:
    """
    Translate what the client raises, without the address.

    A command that the server does not understand is a defect of ours, and raised as it is.

    Raises:
        StoreUnavailable: It does not answer, or takes no writes for the time being.

        StoreRefused: It must not be used as it is.

        StoreForbids: Its user may not do this.
    """
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
        if (meaning := meaning_of(error)) is None:
            raise
        raise meaning from error


def in_time(
    seconds: float = COMMAND_TIMEOUT, *, held: float = 0.0
) -> AbstractAsyncContextManager[None]:
    """
    Give a call some seconds, and translate its errors, see `store_errors`.

    Before them come those for which the server may hold it: nothing wakes this process in them.

    Raises:
        StoreUnavailable: The time is over, too.
    """
    return _InTime(seconds, held)


class _InTime:
    """Advances towards a deadline while the loop turns; as generators it would take twice as long."""

    def __init__(self, seconds: float, held: float) -> None:
        self._step, self._left, self._held = seconds / _STEPS, _STEPS, held

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = asyncio.timeout(None)
        await self._deadline.__aenter__()
        self._timer = self._loop.call_later(self._held + self._step, self._advance)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if error is None:
            await self._deadline.__aexit__(None, None, None)
            return
        with store_errors():
            await self._deadline.__aexit__(kind, error, trace)
            raise error

    def _advance(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._step, self._advance)
        else:
            self._deadline.reschedule(self._loop.time())


def meaning_of(error: Exception) -> BridgeError | None:
    """Return an error of the client in our words; ``None`` for a defect of ours."""
    # What a server says to a greeting comes as a failure to connect.
    if type(error) is exceptions.ConnectionError and isinstance(
        error.__cause__, exceptions.RedisError
    ):
        return meaning_of(error.__cause__) or StoreUnavailable()
    if distrusted := distrust_of(error):
        return distrusted
    text = str(error)
    if clearer := _clearer(error, text):
        return clearer
    if isinstance(error, exceptions.NoPermissionError) or "ACL failure" in text:
        return StoreForbids(f"the store's user may not {_forbidden(text)}; {RIGHTS}")
    if isinstance(error, MasterNotFoundError):
        return without_master(text)
    for kind, meaning, words in _MEANINGS:
        if isinstance(error, kind):
            return meaning(words) if words else meaning()
    if isinstance(error, exceptions.RedisClusterException):
        return StoreRefused(CLUSTER)
    return _by_words(text, _WORDS)


def _clearer(error: Exception, text: str) -> BridgeError | None:
    """Return what says more than the class of an error."""
    behind = error.__cause__ or error.__context__
    if isinstance(error, socket.gaierror) or isinstance(behind, socket.gaierror):
        return StoreUnavailable(_UNRESOLVED)
    words = _by_words(text, _CLEARER)
    if words is None and isinstance(error, exceptions.AuthenticationError):
        words = _by_words(text, _PASSWORDS)
    return words


def _by_words(text: str, table: _Words) -> BridgeError | None:
    for sign, meaning, words in table:
        if sign in text:
            return meaning(words)
    return None


def _forbidden(text: str) -> str:
    """Name what is forbidden, without keys or names of users."""
    if command := _FORBIDDEN_COMMAND.search(text):
        return f"run {command[1].upper()}"
    return "use a channel" if "channel" in text else "use a key"
