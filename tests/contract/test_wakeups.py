"""Wake-ups: whoever makes work wakes one worker for it, in the same step."""

from __future__ import annotations

import asyncio

from tests.contract.bench import Bench, endpoint


async def test_work_wakes_one_of_the_workers_that_wait(bench: Bench) -> None:
    waiting = {asyncio.create_task(bench.wakeups.wait("deliver")) for _ in range(2)}
    await bench.tell("u")
    woken, waiting = await asyncio.wait(
        waiting, timeout=30.0, return_when=asyncio.FIRST_COMPLETED
    )
    assert [one.result() for one in woken] == [True]
    await bench.claim()

    await bench.tell("v")
    woken, waiting = await asyncio.wait(waiting, timeout=30.0)
    assert ([one.result() for one in woken], waiting) == ([True], set())


async def test_whoever_was_busy_is_woken_once_for_all_that_came_up_meanwhile(
    bench: Bench,
) -> None:
    for lane in "uvw":
        await bench.tell(lane)

    assert await bench.wakeups.wait("deliver")
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
