"""Polling: what the poller's event loop adds to the rules of the core and the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.app.poll import PolledUpstream, Poller
from bridge.app.ports import FetchResult, PollError, PollLimits
from bridge.core.cadence import PollPolicy
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.contract.bench import LIMITS, Bench
from tests.fakes import FakeUpstream


def task(status: str, progress: int | None = None, **known: Any) -> TaskSnapshot:
    return TaskSnapshot(
        **{"id": "1", "status": TaskStatus(status), "progress": progress, **known}
    )


class Site:
    """A poller with the real store and a fake gateway, for the upstream `u`."""

    def __init__(
        self,
        bench: Bench,
        *,
        upstream: FakeUpstream | None = None,
        policy: PollPolicy | None = None,
        limits: PollLimits = LIMITS,
        **others: FakeUpstream,
    ) -> None:
        self.bench = bench
        self.upstream = upstream or FakeUpstream()
        self.poller = Poller(
            store=bench.tasks,
            upstreams={
                name: PolledUpstream(
                    upstream=one, limits=limits, policy=policy or PollPolicy()
                )
                for name, one in {"u": self.upstream, **others}.items()
            },
            endpoints=[Endpoint(name="all", url="http://all/", events=("*",))],
            progress_step=10,
            now=time.time,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )

    async def poll(self, *, after: float = 0.0) -> None:
        """Let time pass, and ask about everything that is due then."""
        if after:
            await self.bench.let_pass(after)
        await self.poller.poll()
        await self.poller.idle()

    async def fail(self, error: PollError = PollError.BROKEN) -> None:
        self.upstream.says = FetchResult(error=error, detail="HTTP 502")
        await self.poll(after=61.0)

    async def told(self) -> list[str]:
        """List the types of all events, in their order."""
        return [event.type for event in await self.bench.events()]


@pytest.fixture
async def site(bench: Bench) -> Site:
    await bench.track("1")
    return Site(bench)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30.0):
        while not condition():
            await asyncio.sleep(0.005)


# --- one round ------------------------------------------------------------------------


async def test_a_tasks_life_is_told_in_its_order(site: Site) -> None:
    for seen in (
        task("NOT_START"),
        task("SUBMITTED"),
        task("IN_PROGRESS", 0),
        task("IN_PROGRESS", 31),
        task("SUCCESS", 100, image_url="http://x/y.png"),
        task("SUCCESS", 100, image_url="http://x/y.png"),
    ):
        site.upstream.show(seen)
        await site.poll(after=5.1)

    assert await site.told() == [
        "task.submitted",
        "task.started",
        "task.progress",
        "task.succeeded",
    ]
    assert len(site.upstream.asked) == 5


async def test_ids_go_out_unique_and_at_most_a_batch_a_request(bench: Bench) -> None:
    site = Site(bench, limits=replace(LIMITS, batch_size=3))
    await bench.track(*(str(number) for number in range(8)))
    await site.poll()

    assert [len(ids) for ids in site.upstream.asked] == [3, 3, 2]
    assert len({task_id for ids in site.upstream.asked for task_id in ids}) == 8


async def test_a_hung_upstream_keeps_nobody_from_polling_again(site: Site) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()  # returns
    await site.bench.track("2")
    await site.poller.poll()
    await until(lambda: len(site.upstream.asked) == 2)

    assert site.upstream.asked == [["1"], ["2"]]
    site.upstream.gate.set()
    await site.poller.idle()


async def test_a_task_that_there_was_no_time_for_is_due_again_soon(site: Site) -> None:
    site.upstream.says = FetchResult(unasked=frozenset({"1"}))
    await site.poll()
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=1.1)

    assert await site.told() == ["task.submitted"]


async def test_what_an_upstream_refuses_to_be_asked_about_is_missing(
    site: Site,
) -> None:
    await site.bench.track("2")
    site.upstream.says = FetchResult(
        tasks={"2": task("IN_PROGRESS", 1, id="2")}, poison_ids=frozenset({"1"})
    )
    await site.poll()
    await site.bench.let_pass(5.1)
    claim = await site.bench.claim_tasks()

    assert {due.key.id: due.misses for due in claim.tasks} == {"1": 1, "2": 0}


# --- between two ticks ----------------------------------------------------------------


async def test_batches_go_out_as_fast_as_the_limit_allows_and_not_tick_by_tick(
    bench: Bench,
) -> None:
    rate = Rate(per_second=20.0, burst=1.0)
    site = Site(bench, limits=replace(LIMITS, batch_size=5, rate=rate))
    await bench.track(*(str(number) for number in range(60)))

    began = time.monotonic()
    await site.poller.poll()  # the only tick
    await until(lambda: len(site.upstream.asked) >= 12)
    took = time.monotonic() - began
    await site.poller.stop(1.0)

    assert took >= 11 / 20
    assert {len(ids) for ids in site.upstream.asked} == {5}


async def test_a_task_is_polled_when_it_is_due_and_not_at_the_next_tick(
    bench: Bench,
) -> None:
    site = Site(bench, policy=PollPolicy(poll_interval=0.3))
    site.upstream.show(task("IN_PROGRESS", 5))
    await bench.track("1")

    began = time.monotonic()
    await site.poller.poll()  # the only tick
    await until(lambda: len(site.upstream.asked) >= 4)
    took = time.monotonic() - began
    await site.poller.stop(1.0)

    assert took >= 3 * 0.3


async def test_a_stopped_poller_does_not_claim_again(bench: Bench) -> None:
    site = Site(bench, policy=PollPolicy(poll_interval=0.1))
    site.upstream.show(task("IN_PROGRESS", 5))
    await bench.track("1")
    await site.poller.poll()
    await until(lambda: len(site.upstream.asked) >= 2)

    await site.poller.stop(1.0)
    asked = len(site.upstream.asked)
    await site.poll(after=5.0)

    assert len(site.upstream.asked) == asked


# --- an upstream that fails -----------------------------------------------------------


@pytest.mark.parametrize("error", list(PollError))
async def test_an_answer_that_is_not_valid_says_nothing_about_a_missing_task(
    site: Site, error: PollError
) -> None:
    site.upstream.show()
    await site.poll()
    await site.bench.let_pass(5.1)
    await site.fail(error)
    await site.bench.let_pass(400.0)

    (due,) = (await site.bench.claim_tasks()).tasks
    assert (due.misses, len(site.upstream.asked)) == (1, 2)


async def test_what_was_answered_before_something_went_wrong_counts(
    site: Site,
) -> None:
    await site.bench.track("2")
    site.upstream.says = FetchResult(
        tasks={"2": task("SUBMITTED", id="2")}, error=PollError.BROKEN
    )
    await site.poll()

    assert await site.told() == ["task.submitted"]
    assert (await site.bench.task("1")).status is None


async def test_each_outage_is_reported_and_so_is_its_end(site: Site) -> None:
    for _ in range(2):
        for _ in range(4):
            await site.fail()
        site.upstream.show(task("IN_PROGRESS", 5))
        for _ in range(2):
            await site.poll(after=61.0)

    kinds = [kind for kind in await site.told() if kind.startswith("upstream")]
    assert kinds == ["upstream.unhealthy", "upstream.recovered"] * 2


async def test_the_log_tells_each_failure_and_that_it_is_over(site: Site) -> None:
    with capture_logs() as lines:
        for _ in range(2):
            await site.fail()
        site.upstream.show(task("IN_PROGRESS", 5))
        for _ in range(2):
            await site.poll(after=61.0)

    [*failed, recovered] = [one for one in lines if one["event"].startswith("poll.")]
    assert [one["event"] for one in failed] == ["poll.failed"] * 2
    assert recovered["event"] == "poll.recovered"
    assert (recovered["upstream"], recovered["failures"]) == ("u", 2)
    assert recovered["after_s"] >= 61


async def test_a_gateway_that_lists_other_tasks_is_told_once(site: Site) -> None:
    with capture_logs() as logs:
        site.upstream.says = FetchResult(strangers=frozenset({"ABC", "DEF"}))
        for _ in range(3):
            await site.poll(after=5.1)

    [line] = logs
    told = [line[name] for name in ("event", "upstream", "count", "listed", "asked")]
    assert told == ["poll.other_tasks", "u", 2, "ABC", "1"]


async def test_one_upstream_that_fails_is_no_reason_not_to_poll_another(
    bench: Bench,
) -> None:
    site = Site(bench, v=FakeUpstream(task("SUBMITTED")))
    for name in "uv":
        await bench.track("1", upstream=name)
    await site.fail()

    assert await site.told() == ["task.submitted"]


# --- a store that is away -------------------------------------------------------------


async def test_a_store_that_is_away_is_met_again_at_the_next_tick(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.bench.keys.away = True
    await site.poll()
    site.bench.keys.away = False
    await site.poll()

    assert await site.told() == ["task.submitted"]


async def test_an_answer_is_kept_for_a_store_that_is_away(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    site.bench.keys.away = True
    site.bench.keys.asked.clear()
    site.upstream.gate.set()
    await site.bench.keys.asked.wait()
    site.bench.keys.away = False
    await site.poller.idle()

    assert await site.told() == ["task.submitted"]
    assert len(site.upstream.asked) == 1


async def test_an_answer_is_kept_no_longer_than_its_lease(bench: Bench) -> None:
    site = Site(bench, limits=replace(LIMITS, lease=0.2))
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await bench.track("1")
    await site.poller.poll()
    bench.keys.away = True
    site.upstream.gate.set()
    await site.poller.idle()
    bench.keys.away = False
    await site.poll(after=1.0)

    assert await site.told() == ["task.submitted"]
    assert len(site.upstream.asked) == 2


async def test_stopping_does_not_wait_for_a_store_that_is_away(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    site.bench.keys.away = True
    site.upstream.gate.set()
    await site.poller.stop(0.1)
    site.bench.keys.away = False

    # What is lost with the process is seen again when the lease ends.
    await Site(site.bench, upstream=site.upstream).poll(after=41.0)
    assert await site.told() == ["task.submitted"]


# --- stopping -------------------------------------------------------------------------


async def test_stopping_waits_for_what_is_under_way(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    stopping = asyncio.create_task(site.poller.stop(5.0))
    await asyncio.sleep(0)
    site.upstream.gate.set()
    await stopping

    assert await site.told() == ["task.submitted"]


async def test_what_is_not_answered_in_time_is_handed_back_to_whoever_comes_next(
    site: Site,
) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()
    await until(lambda: site.upstream.asked)
    await site.poller.stop(0.01)
    assert await site.told() == []

    site.upstream.gate.set()
    site.upstream.show(task("SUBMITTED"))
    await Site(site.bench, upstream=site.upstream).poll()

    assert await site.told() == ["task.submitted"]


async def test_what_cannot_be_handed_back_is_due_when_its_lease_ends(
    site: Site,
) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()
    site.bench.keys.away = True
    await site.poller.stop(0.01)
    site.bench.keys.away = False
    assert (await site.bench.claim_tasks()).tasks == []
    await site.bench.let_pass(41.0)

    assert await site.bench.due() == ["1"]


async def test_one_bad_task_never_costs_the_others(bench: Bench) -> None:
    site = Site(bench, policy=PollPolicy(missing_after=0.0))
    await bench.track("1", "2")
    await bench.client.hset(f"{{{bench.namespace}}}:task:u:1", "snapshot", "{")
    for _ in range(5):
        await site.poll(after=5.1)

    assert await bench.queries.story("u:1") == []
    (lost,) = await bench.queries.story("u:2")
    assert lost.event.type == "task.lost"
