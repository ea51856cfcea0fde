"""
What a store's refusals and silences mean, in our words.

redis-py makes classes of most words that a server begins an error with, and takes these
words out of the text. So the classes decide; the text is read only for words that have
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions
from redis.asyncio.sentinel import MasterNotFoundError

from bridge.errors import BridgeError, StoreForbids, StoreRefused, StoreUnavailable

#: Where to read more about rights.
RIGHTS = "docs/operating.md lists the rights that it needs"
CLUSTER = (
    "the store is a node of a Redis Cluster, where Celery's messages cannot travel; use "
    "a single server, or one that Sentinel watches"
)
#: In this order: the first class that an error is of.
_MEANINGS: tuple[tuple[type[Exception], type[BridgeError], str], ...] = (
    (
        exceptions.AuthenticationError,
        StoreRefused,
        "the store refuses the password; check BRIDGE_REDIS_URL",
    ),
    (
        exceptions.AuthenticationWrongNumberOfArgsError,
        StoreRefused,
        "the store knows no user names; leave the user out of BRIDGE_REDIS_URL",
    ),
    (
        exceptions.AuthorizationError,
        StoreRefused,
        "the store does not let this user in; check BRIDGE_REDIS_URL",
    ),
    (
        exceptions.InvalidResponse,
        StoreRefused,
        "what answers at BRIDGE_REDIS_URL is not a Redis or Valkey server",
    ),
    (exceptions.MovedError, StoreRefused, CLUSTER),
    (exceptions.AskError, StoreRefused, CLUSTER),
    (exceptions.ClusterCrossSlotError, StoreRefused, CLUSTER),
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
    (
        exceptions.OutOfMemoryError,
        StoreUnavailable,
        "the store's memory is used up",
    ),
    (
        exceptions.ReadOnlyError,
        StoreUnavailable,
        "the store is a replica, so it takes no writes",
    ),
    (
        exceptions.MasterDownError,
        StoreUnavailable,
        "the store has lost its master",
    ),
    (exceptions.ClusterDownError, StoreUnavailable, "the store's cluster is down"),
    (
        exceptions.TryAgainError,
        StoreUnavailable,
        "the store's cluster is being rearranged",
    ),
)
#: What errors without a class of their own begin with, also where a script passes them on.
_WORDS: tuple[tuple[str, type[BridgeError], str], ...] = (
    (
        "UNBLOCKED",
        StoreUnavailable,
        "the store has become a replica, so it takes no writes",
    ),
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
    ("OOM ", StoreUnavailable, "the store's memory is used up"),
    (
        "READONLY",
        StoreUnavailable,
        "the store is a replica, so it takes no writes",
    ),
    (
        "DB index is out of range",
        StoreRefused,
        "the store has fewer databases than BRIDGE_REDIS_URL names; use a lower number",
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


def meaning_of(error: Exception) -> BridgeError | None:
    """Return an error of the client in our words; ``None`` for a defect of ours."""
    # What a server says to a greeting comes as a failure to connect.
    if type(error) is exceptions.ConnectionError and isinstance(
        error.__cause__, exceptions.RedisError
    ):
        return meaning_of(error.__cause__) or StoreUnavailable()
    text = str(error)
    if isinstance(error, exceptions.NoPermissionError) or "ACL failure" in text:
        return StoreForbids(f"the store's user may not {_forbidden(text)}; {RIGHTS}")
    if isinstance(error, MasterNotFoundError):
        return _without_master(text)
    for kind, meaning, words in _MEANINGS:
        if isinstance(error, kind):
            return meaning(words) if words else meaning()
    if isinstance(error, exceptions.RedisClusterException):
        return StoreRefused(CLUSTER)
    for sign, meaning, words in _WORDS:
        if sign in text:
            return meaning(words)
    return None


def _without_master(text: str) -> BridgeError:
    """Read what a client says that has asked all sentinels: their errors, by class."""
    errors = set(re.findall(r" - (?:\w+:)?(\w+Error)\b", text))
    if errors and errors <= {"AuthenticationError", "AuthorizationError"}:
        return StoreRefused(
            "the sentinels refuse the password; sentinel_username and sentinel_password "
            "in the query of BRIDGE_REDIS_URL are for them"
        )
    if not errors:
        return StoreUnavailable("the sentinels name no master of the service just now")
    return StoreUnavailable()


def _forbidden(text: str) -> str:
    """Name what is forbidden, without keys or names of users."""
    if command := _FORBIDDEN_COMMAND.search(text):
        return f"run {command[1].upper()}"
    return "use a channel" if "channel" in text else "use a key"
