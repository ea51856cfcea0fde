"""What sentinels say, and what it means where none of them names a store's master."""

from __future__ import annotations

import re
import socket
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

from bridge.errors import BridgeError, StoreRefused, StoreUnavailable


class UnresolvedNameError(exceptions.ConnectionError):
    """A sentinel's host name cannot be resolved."""


class SentinelClient(Redis):
    """A client of one sentinel. Whoever asks them all is told of errors by their classes alone."""

    async def sentinel_masters(self) -> Any:
        """
        Return what the sentinel watches.

        Raises:
            UnresolvedNameError: Its name leads nowhere.
        """
        try:
            return await super().sentinel_masters()
        except exceptions.ConnectionError as error:
            if isinstance(error.__cause__ or error.__context__, socket.gaierror):
                raise UnresolvedNameError from error
            raise


def without_master(said: str) -> BridgeError:
    """Read what a client says that has asked all sentinels in vain: their errors, by class."""
    errors = set(re.findall(r" - (?:\w+:)?(\w+Error)\b", said))
    if errors and errors <= {"AuthenticationError", "AuthorizationError"}:
        return StoreRefused(
            "the sentinels refuse the password; sentinel_username and sentinel_password "
            "in the query of redis_url (BRIDGE_REDIS_URL) are for them"
        )
    if UnresolvedNameError.__name__ in errors:
        return StoreUnavailable(
            "a sentinel has a host name that cannot be resolved; is it right in redis_url "
            "(BRIDGE_REDIS_URL), and does name resolution work on this machine?"
        )
    if not errors:
        return StoreUnavailable("the sentinels name no master of the service just now")
    return StoreUnavailable()
