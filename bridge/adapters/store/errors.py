"""What a store's refusals and silences mean, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bridge.errors import StoreRefused, StoreUnavailable

#: What a server says that takes no writes for the time being, and what that means.
_NOT_NOW = {
    "OOM": "the store's memory is used up",
    "NOREPLICAS": "the store has too few replicas to take writes",
    "MISCONF": "the store cannot write to its disk, so it takes no writes",
    "READONLY": "the store is a replica, so it takes no writes",
    "BUSY": "the store is busy with somebody's script",
    "CLUSTERDOWN": "the store's cluster is down",
    "TRYAGAIN": "the store's cluster is being rearranged",
    "MASTERDOWN": "the store has lost its master",
}


@contextmanager
def store_errors() -> Iterator[None]:
    """
    Translate what the client raises, without the address.

    Raises:
        StoreUnavailable: It does not answer, or has no memory left.

        StoreRefused: It does not let us in.
    """
    try:
        yield
    except AuthenticationError as error:
        msg = "the store refuses the password; check BRIDGE_REDIS_URL"
        raise StoreRefused(msg) from error
    except BusyLoadingError as error:
        msg = "the store is still loading its data"
        raise StoreUnavailable(msg) from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        raise StoreUnavailable from error
    except OutOfMemoryError as error:
        msg = "the store's memory is used up"
        raise StoreUnavailable(msg) from error
    except RedisError as error:
        for sign, msg in _NOT_NOW.items():
            if sign in str(error):
                raise StoreUnavailable(msg) from error
        raise
