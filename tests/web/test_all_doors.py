"""Hundreds of presses of one button at once, through every door: one request, one child, one truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from bridge.core.token import Purpose
from tests.actions.shop import PARENT, shop
from tests.actions.stand import BUTTONS, KEY, UPSTREAM, stand
from tests.contract.bench import Bench
from tests.web.pressing import FakeActions
from tests.web.site import open_site
from tests.web.test_action_pages import press as press_on_page
from tests.web.test_interactions import (
    KEYS,
    SECRET,
    World,
    all_say,
    native_endpoints,
    platforms_behind,
)

U1 = BUTTONS[0].custom_id
#: How many press through each door.
DOORS = {"api": 60, "link": 60, "slack": 30, "discord": 30, "telegram": 30}
AT_ONCE = 50


def token(purpose: Purpose, endpoint: str) -> str:
    button = None if purpose is Purpose.LINK else U1
    until = time.time() + 3600
    return KEYS.sign(purpose, KEY, endpoint=endpoint, expires=until, custom_id=button)


@pytest.mark.timeout(180)
async def test_hundreds_of_presses_through_every_door_are_one(
    bench: Bench, redis_url: str
) -> None:
    async with (
        shop() as upstream,
        stand(bench, upstream.url) as worker,
        platforms_behind() as chat,
        open_site(
            redis_url,
            bench.namespace,
            secret_key=[SECRET],
            public_url="http://bridge.example",
            upstreams={UPSTREAM: {"api_key": "sk-secret", "base_url": upstream.url}},
            endpoints=native_endpoints(chat),
            links={"delay": 0},
        ) as site,
    ):
        there = World(site, chat.receiver, FakeActions())
        told: list[str] = []

        async def by_api(_: int) -> None:
            answer = await site.http.post(
                f"/api/v1/tasks/{PARENT}/actions", json={"button": "U1"}
            )
            assert answer.status_code in {200, 202}, answer.text
            told.append(answer.json()["id"])

        async def by_link(_: int) -> None:
            answer = await press_on_page(site, token(Purpose.LINK, "slack"), U1)
            assert answer.status_code == 303

        def by_click(platform: str) -> Callable[[int], Awaitable[None]]:
            async def click(number: int) -> None:
                changes = {"id": f"{number}"} if platform != "slack" else {}
                sent = there.click(
                    platform, token(Purpose(platform), platform), **changes
                )
                assert (await there.send(platform, sent)).status_code == 200

            return click

        doors = {"api": by_api, "link": by_link}
        places = asyncio.Semaphore(AT_ONCE)

        async def press(door: str, number: int) -> None:
            async with places:
                await doors.get(door, by_click(door))(number)

        # One browser opens the page before it presses so often.
        await site.http.get(f"/a/{token(Purpose.LINK, 'slack')}")
        # All doors in turn, so that they press at the same time.
        turns = [
            (door, n)
            for n in range(max(DOORS.values()))
            for door in DOORS
            if n < DOORS[door]
        ]
        pumping = asyncio.create_task(pump(worker.run))
        await asyncio.gather(*(press(door, number) for door, number in turns))
        [action] = (await site.http.get("/api/v1/actions")).json()["items"]
        done = await worker.settle(action["id"])
        await there.until(lambda: all_say(there, "✓ started"))
        page = await site.http.get(f"/a/{token(Purpose.LINK, 'slack')}")
        pumping.cancel()

    assert len(turns) == sum(DOORS.values())
    assert set(told) == {action["id"]}
    assert [row["id"] for row in upstream.sold] == [done.child_id]
    assert len(upstream.submissions) == 1
    assert str(done.child_id) in page.text


async def pump(run: Callable[[], Awaitable[None]]) -> None:
    while True:
        await run()
        await asyncio.sleep(0.01)
