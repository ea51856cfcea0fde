"""
The fault matrix, over the real transport and the real store: however an upstream fails, a
press buys one task at most, and is `unknown` only where nobody knows. Each fault meets a few
presses.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.adapters.store.actions import StoredActions
from bridge.app.ports import Begun, Delivery
from bridge.core.action import ActionState
from tests.actions.shop import (
    Manner,
    Shop,
    hangs_up,
    is_silent,
    resets,
    says,
    says_half,
    shop,
)
from tests.actions.stand import stand
from tests.contract.bench import Bench

#: Presses that meet each fault.
TIMES = 12
PAGE = b"<html><body>Bad Gateway</body></html>"
FAILED = {"code": 5, "description": "do_request_failed ", "type": "upstream_error"}
UNINSERTED = {"code": 4, "description": "insert_midjourney_task_failed"}

#: Whatever happens after the request was read, with a task sold before or not.
AFTERWARDS: dict[str, Callable[..., Manner]] = {
    "reset": resets,
    "hang up": hangs_up,
    "silence": is_silent,
    "half": says_half,
    "500": lambda *, sells: says(b"", "500 Internal Server Error", sells=sells),
    "502": lambda *, sells: says(PAGE, "502 Bad Gateway", sells=sells),
    "503": lambda *, sells: says(PAGE, "503 Service Unavailable", sells=sells),
    "504": lambda *, sells: says(PAGE, "504 Gateway Timeout", sells=sells),
    "522": lambda *, sells: says(PAGE, "522 Timed Out", sells=sells),
    "page": lambda *, sells: says(PAGE, sells=sells),
    "nothing": lambda *, sells: says(b"", sells=sells),
    "code 5": lambda *, sells: says(FAILED, "400 Bad Request", sells=sells),
    "not inserted": lambda *, sells: says(UNINSERTED, "500 Server Error", sells=sells),
}
MANNERS = [
    pytest.param(make(sells=sells), sells, id=f"{name}-{'sold' if sells else 'unsold'}")
    for name, make in AFTERWARDS.items()
    for sells in (True, False)
]


def sold_for(upstream: Shop) -> Counter[str]:
    """How many tasks were sold, by the marker of the press that they were sold for."""
    return Counter(row["state"] for row in upstream.sold)


@pytest.mark.parametrize(("manner", "sells"), MANNERS)
async def test_where_the_upstream_can_be_asked_each_press_ends_with_one_task(
    bench: Bench, manner: Manner, sells: bool
) -> None:
    # An upstream that fails each first attempt is left alone between them, the slower the
    # machine the more often: nobody's patience ends here.
    async with (
        shop(first=manner) as upstream,
        stand(bench, upstream.url, patience_s=86_400) as at,
    ):
        first = await at.press()
        await at.run()
        assert await at.state(first.id) is ActionState.UNKNOWN
        await at.settle(first.id, within_s=90)
        ids = [first.id, *await at.press_often(TIMES - 1)]
        actions = await at.settle_all(within_s=86_400)

        assert {one.state for one in actions} == {ActionState.ACCEPTED}
        assert sorted(sold_for(upstream).values()) == [1] * TIMES
        assert {row["id"] for row in upstream.sold} == {one.child_id for one in actions}
        assert len(upstream.submissions) == (TIMES if sells else 2 * TIMES)
        assert sorted(ids) == sorted(one.id for one in actions)


@pytest.mark.parametrize(("manner", "sells"), MANNERS)
async def test_where_it_cannot_be_asked_the_press_stays_unknown_and_is_not_repeated(
    bench: Bench, manner: Manner, sells: bool
) -> None:
    async with (
        shop(first=manner, lists=False) as upstream,
        stand(bench, upstream.url) as at,
    ):
        await at.press_often(TIMES)
        actions = await at.settle_all()

        # An upstream that always fails is left alone for longer than some can wait.
        states = Counter(one.state for one in actions)
        assert states.keys() <= {ActionState.UNKNOWN, ActionState.REFUSED}
        assert all(one.sent_at is None for one in actions if one.state == "refused")
        sent = states[ActionState.UNKNOWN]
        assert 0 < sent == len(upstream.submissions)
        assert sorted(sold_for(upstream).values()) == [1] * (sent * sells)


async def test_a_connection_that_is_closed_at_once_proves_nothing(bench: Bench) -> None:
    async with shop(hang_ups=TIMES) as upstream, stand(bench, upstream.url) as at:
        ids = await at.press_often(TIMES)
        await at.run()
        assert await at.state(ids[0]) is ActionState.UNKNOWN

        actions = await at.settle_all()
        assert {one.state for one in actions} == {ActionState.ACCEPTED}
        assert sorted(sold_for(upstream).values()) == [1] * TIMES


async def test_what_could_not_be_sent_is_never_unknown_and_is_sent_when_it_can_be(
    bench: Bench,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with shop() as upstream, stand(bench, nobody) as at:
            await at.press_often(TIMES)
            for _ in range(3):
                await at.run()
                waiting = (await at.actions.list(limit=500)).items
                assert {one.state for one in waiting} == {ActionState.PENDING}
                await bench.let_pass(30)
            async with stand(bench, upstream.url) as repaired:
                actions = await repaired.settle_all()

            assert {one.state for one in actions} == {ActionState.ACCEPTED}
            assert sorted(sold_for(upstream).values()) == [1] * TIMES
            assert len(upstream.submissions) == TIMES


@pytest.mark.parametrize(
    "url", ["http://nobody.invalid", "https://127.0.0.1:9"], ids=["dns", "tls"]
)
async def test_what_can_never_be_sent_is_refused_when_patience_ends(
    bench: Bench, url: str
) -> None:
    async with stand(bench, url) as at:
        await at.press_often(TIMES)
        actions = await at.settle_all()

    assert {one.state for one in actions} == {ActionState.REFUSED}
    assert all(one.sent_at is None for one in actions)
    assert all(str(one.reason).startswith("not taken in time") for one in actions)


async def test_a_process_that_was_frozen_before_it_sent_sends_nothing(
    bench: Bench,
) -> None:
    clock = [0.0]

    class FrozenMeanwhile(StoredActions):
        async def begin(self, delivery: Delivery) -> Begun | None:
            begun = await super().begin(delivery)
            clock[0] += 20.0
            return begun

    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press()
        frozen = replace(
            at.performer,
            store=FrozenMeanwhile(bench.keys, patience=at.patience),
            elapsed=lambda: clock[0],
        )
        delivery = await bench.claim_one()
        settlement = await frozen.attempt(delivery, at.endpoint)
        assert upstream.submissions == []

        await bench.deliveries.settle([settlement])
        assert await at.state(pressed.id) is ActionState.PENDING
        assert (await at.settle(pressed.id)).state is ActionState.ACCEPTED
        assert len(upstream.submissions) == 1
