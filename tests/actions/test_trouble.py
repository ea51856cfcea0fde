"""Trouble around an action: the store goes away, the bridge itself fails, workers do not survive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bridge.app.ports import ClaimLimits, Delivery, SearchResult, Sought
from bridge.core.action import ActionState
from bridge.core.event_data import Json
from bridge.core.http import Response
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.actions.shop import is_silent, says, shop
from tests.actions.stand import UPSTREAM, Stand, stand
from tests.contract.bench import Bench

WINDOW = {"code": 21, "description": "Waiting for window confirm", "result": "78"}


class Broken:
    """An upstream's client with a mistake of ours in it."""

    def __init__(self, *, submits: bool = False) -> None:
        self.submitted = 0
        self._submits = submits

    async def submit(
        self, route: str, body: Mapping[str, Json], *, within: float
    ) -> Response:
        self.submitted += 1
        if self._submits:
            what = f"{route} with {len(body)} fields"
            return Response(detail=f"no answer to {what} within {within:g} s")
        raise ZeroDivisionError

    async def task(self, task_id: str) -> TaskSnapshot | None:
        return TaskSnapshot(id=task_id, status=TaskStatus.MODAL)

    async def search(self, sought: Sought) -> SearchResult:
        raise ZeroDivisionError(sought.marker)

    def redacted(self, words: str) -> str:
        return words

    async def aclose(self) -> None:
        """Close nothing."""


async def claimed(at: Stand) -> Delivery:
    claim = await at.bench.deliveries.claim_deliveries(
        ClaimLimits(limit=1, slow_limit=1)
    )
    return claim.deliveries[0]


@pytest.mark.parametrize("trouble", ["away", "mute"])
async def test_what_could_not_be_noted_was_not_sent_and_is_tried_again(
    bench: Bench, trouble: str
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press("U1")
        delivery = await claimed(at)
        setattr(bench.keys, trouble, True)
        settlement = await at.performer.attempt(delivery, at.endpoint)
        setattr(bench.keys, trouble, False)
        assert upstream.submissions == []
        await bench.deliveries.settle([settlement])
        assert await at.state(pressed.id) is ActionState.PENDING

        assert (await at.settle(pressed.id)).state is ActionState.ACCEPTED
        assert len(upstream.sold) == 1


async def test_a_claim_that_was_lost_sends_nothing(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await at.press("U1")
        delivery = await claimed(at)
        stale = replace(delivery, token="another")
        settlement = await at.performer.attempt(stale, at.endpoint)

        assert settlement.verdict is None
        assert upstream.submissions == []


@pytest.mark.parametrize("submits", [True, False])
async def test_a_mistake_of_ours_is_unknown_and_comes_to_an_end(
    bench: Bench, *, submits: bool
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        broken = Broken(submits=submits)
        at.performer = replace(at.performer, upstreams={UPSTREAM: broken})
        at.pump = at.new_pump()
        action = await at.settle((await at.press("U1")).id)

    assert action.state is ActionState.UNKNOWN
    assert broken.submitted == 1


async def test_what_crashes_every_worker_is_refused_unless_it_was_sent(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press("U1")
        for _ in range(3):
            while not (
                await bench.deliveries.claim_deliveries(
                    ClaimLimits(limit=1, slow_limit=1), alone=True
                )
            ).deliveries:
                claim = await bench.deliveries.claim_deliveries(
                    ClaimLimits(limit=1, slow_limit=1)
                )
                if claim.deliveries:
                    break
            await bench.let_pass(60)
        action = await at.settle(pressed.id)

    assert (action.state, action.reason) == (ActionState.REFUSED, "crashed the worker")
    assert upstream.submissions == []


async def test_a_window_whose_prompt_was_lost_is_looked_for_by_its_task(
    bench: Bench,
) -> None:
    manners = [says(WINDOW), is_silent(sells=False)]
    async with shop(manners=manners) as upstream, stand(bench, upstream.url) as at:
        upstream.old.append({"id": "78", "status": "MODAL", "state": ""})
        pressed = await at.press("Custom Zoom", prompt="a pig")
        await at.run()
        assert await at.state(pressed.id) is ActionState.UNKNOWN
        upstream.old[-1]["status"] = "IN_PROGRESS"
        action = await at.settle(pressed.id, within_s=30)

    assert (action.state, action.child_id) == (ActionState.ACCEPTED, "78")
    assert len(upstream.submissions) == 2


async def test_a_window_whose_prompt_never_arrived_stays_unknown(bench: Bench) -> None:
    manners = [says(WINDOW), is_silent(sells=False)]
    async with shop(manners=manners) as upstream, stand(bench, upstream.url) as at:
        upstream.old.append({"id": "78", "status": "MODAL", "state": ""})
        action = await at.settle((await at.press("Custom Zoom", prompt="a pig")).id)

    assert action.state is ActionState.UNKNOWN
    assert len(upstream.submissions) == 2
