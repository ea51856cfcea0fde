"""Looking at tasks again and again, as often as the store can well bear."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.adapters.store.queries import TaskRow
    from bridge.core.task import TaskKey
    from bridge.runtime import Deployment

#: Seconds between two looks at the store, and the share of time that looking may take.
LOOK_EVERY, SHARE = 0.3, 0.25
#: Tasks of an upstream that are watched when nobody says which.
AT_ONCE = 500


async def looks(
    deployment: Deployment, keys: dict[TaskKey, None]
) -> AsyncIterator[Sequence[TaskRow]]:
    """Look at tasks again and again; *keys* may change in between."""
    while True:
        began = time.monotonic()
        yield await deployment.queries.rows(list(keys))
        # Until Python 3.12, asyncio.wait_for, which the store's client uses, swallows a
        # cancellation that comes just as what it waits for is done.
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError
        took = time.monotonic() - began
        await asyncio.sleep(max(LOOK_EVERY, took / SHARE))


async def followed(deployment: Deployment, upstream: str | None) -> Sequence[TaskKey]:
    """List tasks that are looked at now, at one upstream or all that are configured."""
    names = [upstream] if upstream else list(deployment.settings.upstreams)
    return [
        key for name in names for key in await deployment.queries.active(name, AT_ONCE)
    ]
