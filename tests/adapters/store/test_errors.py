"""`bridge.adapters.store.errors`: what a store says, in our words."""

from __future__ import annotations

import pytest
from redis.exceptions import ResponseError

from bridge.adapters.store.errors import store_errors
from bridge.errors import StoreUnavailable


@pytest.mark.parametrize(
    "said",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "NOREPLICAS Not enough good replicas to write.",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "READONLY You can't write against a read only replica.",
        "BUSY Valkey is busy running a script.",
        "CLUSTERDOWN The cluster is down",
        "-OOM script: 4f3c, on @user_script:12.",
    ],
)
def test_a_store_that_takes_no_writes_for_now_is_worth_another_try(said: str) -> None:
    with pytest.raises(StoreUnavailable), store_errors():
        raise ResponseError(said)


def test_what_is_wrong_with_a_command_is_no_reason_to_wait() -> None:
    said = "WRONGTYPE Operation against a key holding the wrong kind of value"

    with pytest.raises(ResponseError, match="WRONGTYPE"), store_errors():
        raise ResponseError(said)
