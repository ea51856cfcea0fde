"""What was pressed at processes that have ended is followed by others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from bridge.app.click_follower import ClickFollower
from bridge.errors import StoreUnavailable


class AwayStore:
    """A store that does not answer."""

    async def followed(self) -> Mapping[str, str]:
        msg = "this store is away for good"
        raise StoreUnavailable(msg)


async def test_a_store_that_is_away_is_the_process_outage_and_none_of_clicks() -> None:
    unused: Any = None
    store: Any = AwayStore()
    follower = ClickFollower(
        platforms={},
        endpoints=[],
        actions=unused,
        links=unused,
        lookup=unused,
        texts=unused,
        store=store,
        sender=unused,
        now=lambda: 0.0,
    )

    with capture_logs() as logs:
        following = asyncio.create_task(follower.take_over())
        async with asyncio.timeout(30):
            while not logs:
                await asyncio.sleep(0.05)
        following.cancel()

    assert [(one["event"], one["reason"]) for one in logs] == [
        ("store.away", "this store is away for good")
    ]
