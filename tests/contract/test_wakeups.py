"""Wake-ups: whoever makes work wakes one worker for it, in the same step."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from bridge.adapters.store.keyspace import LONGEST_CALL
from bridge.app.ports import ClaimLimits
from bridge.errors import StoreUnavailable
from tests.contract.bench import Bench, endpoint


async def test_work_wakes_one_of_the_workers_that_wait(bench: Bench) -> None:
    waiting = {
        asyncio.create_task(bench.deliveries.claim_when_woken(None)) for _ in range(2)
    }
    await bench.tell("u")
    woken, waiting = await asyncio.wait(
        waiting, timeout=30.0, return_when=asyncio.FIRST_COMPLETED
    )
    assert (len(woken), len(waiting)) == (1, 1)
    await bench.claim()

    await bench.tell("v")
    woken, waiting = await asyncio.wait(waiting, timeout=30.0)
    assert (len(woken), waiting) == (1, set())


async def test_a_worker_that_waits_is_woken_with_what_it_may_claim(
    bench: Bench,
) -> None:
    limits = ClaimLimits(limit=2, slow_limit=2)
    waiting = asyncio.create_task(bench.deliveries.claim_when_woken(limits))
    await bench.until_blocked()
    await bench.tell("u")
    claim = await asyncio.wait_for(waiting, 30.0)

    assert claim is not None
    assert [one.lane for one in claim.deliveries] == ["u:1"]


async def test_a_worker_that_only_waits_is_woken_and_claims_nothing(
    bench: Bench,
) -> None:
    waiting = asyncio.create_task(bench.deliveries.claim_when_woken(None))
    await bench.until_blocked()
    await bench.tell("u")

    assert await asyncio.wait_for(waiting, 30.0) is None
    assert (await bench.claim_one()).lane == "u:1"


async def test_what_a_worker_that_left_was_woken_with_is_anothers_at_once(
    bench: Bench,
) -> None:
    limits = ClaimLimits(limit=2, slow_limit=2)
    waiting = asyncio.create_task(bench.deliveries.claim_when_woken(limits))
    await bench.until_blocked()
    telling = asyncio.create_task(bench.tell("u"))  # at the very moment
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, telling, return_exceptions=True)
    await bench.deliveries.return_lost()

    assert (await bench.claim_one()).lane == "u:1"


async def test_what_was_claimed_and_not_heard_of_does_not_wait_for_the_next_work(
    bench: Bench,
) -> None:
    await bench.tell("u")
    bench.keys.mute = True
    with pytest.raises(StoreUnavailable):
        await bench.claim()
    bench.keys.mute = False
    began = monotonic()
    claim = await bench.deliveries.claim_when_woken(ClaimLimits(limit=2, slow_limit=2))

    assert claim is not None
    assert [one.lane for one in claim.deliveries] == ["u:1"]
    assert monotonic() - began < LONGEST_CALL


async def test_a_server_that_has_forgotten_the_script_is_taught_it(
    bench: Bench,
) -> None:
    await bench.client.script_flush()
    await bench.tell("u")
    claim = await bench.deliveries.claim_when_woken(ClaimLimits(limit=2, slow_limit=2))

    assert claim is not None
    assert [one.lane for one in claim.deliveries] == ["u:1"]


async def test_whoever_was_busy_is_woken_once_for_all_that_came_up_meanwhile(
    bench: Bench,
) -> None:
    for lane in "uvw":
        await bench.tell(lane)

    assert await bench.woken()
    assert not await bench.woken()


async def test_what_a_claim_leaves_wakes_the_next_worker(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uvw":
        await bench.tell(lane)
    assert await bench.woken()

    await bench.claim(limit=2)
    assert await bench.woken()


async def test_a_claim_that_leaves_nothing_wakes_nobody(bench: Bench) -> None:
    for lane in "uvw":
        await bench.tell(lane)
    await bench.claim()

    assert not await bench.woken()


async def test_what_is_handed_back_wakes_another_worker(bench: Bench) -> None:
    await bench.tell("u")
    delivery = await bench.claim_one()
    await bench.hand_back(delivery)

    assert await bench.woken()


async def test_the_next_event_of_a_lane_wakes_a_worker(bench: Bench) -> None:
    for kind in ("task.submitted", "task.succeeded"):
        await bench.tell("u", kind)
    await bench.succeed(await bench.claim_one())

    assert await bench.woken()


async def test_an_endpoint_that_is_resumed_wakes_a_worker(bench: Bench) -> None:
    await bench.admin.switch("a", "pause")
    assert not await bench.woken()
    await bench.admin.switch("a", "resume")

    assert await bench.woken()


async def test_an_event_that_is_sent_again_wakes_a_worker(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.redeliver(event.id, "a")

    assert await bench.woken()


async def test_tracking_wakes_a_poller_unless_nothing_is_new(bench: Bench) -> None:
    await bench.track("1", "2")
    assert await bench.woken("poll")

    await bench.track("1")
    assert not await bench.woken("poll")
