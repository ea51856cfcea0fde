"""Polling, sentence by sentence: what is asked, what is told, and what is no news."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge.app.poll import PolledUpstream, Poller
from bridge.app.ports import FetchResult, PollError, PollLimits
from bridge.core.cadence import FEWEST_MISSES, PollPolicy
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint, Rate
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from tests.fake_lanes import Clock
from tests.fakes import FakeStore, FakeUpstream

LIMITS = PollLimits(
    batch_size=50,
    concurrency=4,
    rate=Rate(per_second=100.0, burst=100.0),
    lease=40.0,
)
ENDPOINTS = [
    Endpoint(name="all", url="http://all/", events=("*",)),
    Endpoint(name="plain", url="http://plain/"),
    Endpoint(name="ends", url="http://ends/", events=("task.succeeded",)),
]
EVERYTHING_BUT_PROGRESS = set(DEFAULT_EVENTS)


def task(status: str | None, progress: int | None = None, **known: Any) -> TaskSnapshot:
    read = None if status is None else TaskStatus(status)
    return TaskSnapshot(**{"id": "1", "status": read, "progress": progress, **known})


@dataclass
class Site:
    """A poller with a fake store and a fake gateway, and a clock that is set by hand."""

    upstream: FakeUpstream = field(default_factory=FakeUpstream)
    store: FakeStore = field(default_factory=FakeStore)
    policy: PollPolicy = field(default_factory=PollPolicy)
    limits: PollLimits = LIMITS
    wakes: int = 0
    rolls: float = 0.0

    def __post_init__(self) -> None:
        self.poller = Poller(
            store=self.store,
            upstreams={
                "u": PolledUpstream(
                    upstream=self.upstream, limits=self.limits, policy=self.policy
                )
            },
            endpoints=ENDPOINTS,
            progress_step=10,
            now=lambda: self.store.clock_.now,
            elapsed=lambda: self.store.clock_.now,
            roll=lambda: self.rolls,
            wake=self.wake,
        )

    async def wake(self) -> None:
        self.wakes += 1

    async def track(self, *ids: str) -> None:
        await self.store.track("u", ids or ["1"], {})

    async def poll(self, *, after: float = 0.0) -> None:
        """Let time pass, and ask about everything that is due then."""
        self.store.clock_.now += after
        await self.poller.poll()
        await self.poller.idle()

    async def see(self, *snapshots: TaskSnapshot, every: float = 5.0) -> None:
        """Poll again and again; the gateway shows one snapshot after the other."""
        for snapshot in snapshots:
            self.upstream.show(snapshot)
            await self.poll(after=every)

    async def fail(self, error: PollError, **more: Any) -> None:
        self.upstream.says = FetchResult(error=error, detail="HTTP 502", **more)
        await self.poll()

    @property
    def told(self) -> list[str]:
        return [kept.event.type for kept in self.store.lanes.kept.values()]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        events = [kept.event for kept in self.store.lanes.kept.values()]
        return [json.loads(one.body)["data"] for one in events if one.type == kind]

    @property
    def active(self) -> bool:
        return self.store.tasks[TaskKey("u", "1")].due is not None


@pytest.fixture
async def site() -> Site:
    made = Site()
    await made.track()
    return made


# --- what is told ---------------------------------------------------------------------


async def test_a_tasks_life_is_told_in_its_order(site: Site) -> None:
    await site.see(
        task("NOT_START"),
        task("SUBMITTED"),
        task("IN_PROGRESS", 0),
        task("IN_PROGRESS", 31),
        task("SUCCESS", 100, image_url="http://x/y.png"),
    )

    assert site.told == [
        "task.submitted",
        "task.started",
        "task.progress",
        "task.succeeded",
    ]
    sequences = [kept.event.sequence for kept in site.store.lanes.kept.values()]
    assert sequences == [1, 2, 3, 4]


async def test_an_event_goes_to_those_who_subscribe_to_it(site: Site) -> None:
    await site.see(task("IN_PROGRESS", 0), task("IN_PROGRESS", 50), task("SUCCESS"))

    to = {kept.event.type: [*kept.states] for kept in site.store.lanes.kept.values()}
    assert to == {
        "task.started": ["all", "plain"],
        "task.progress": ["all"],
        "task.succeeded": ["all", "plain", "ends"],
    }


async def test_the_deliverer_is_woken_when_there_is_news(site: Site) -> None:
    await site.see(task("SUBMITTED"))
    assert site.wakes == 1
    await site.see(task("SUBMITTED"), task("SUBMITTED"))
    assert site.wakes == 1


async def test_a_task_first_seen_in_a_final_state_makes_exactly_one_event(
    site: Site,
) -> None:
    await site.see(task("FAILURE", fail_reason="banned"), task("FAILURE"))

    assert site.told == ["task.failed"]
    assert not site.active


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            task("SUCCESS", 40, image_url="http://x/1.png?rand=1"),
            task("SUCCESS", 40, image_url="http://x/1.png?rand=2"),
            id="rand",
        ),
        pytest.param(
            task("IN_PROGRESS", 40, image_url="http://x/1.png?rand=1"),
            task("IN_PROGRESS", 40, image_url="http://x/1.png?rand=2"),
            id="rand on the way",
        ),
        pytest.param(
            task("IN_PROGRESS", 40), task("IN_PROGRESS", 3), id="a progress that falls"
        ),
        pytest.param(task("IN_PROGRESS", 40), task(None), id="an empty status"),
        pytest.param(
            task("IN_PROGRESS", 40, image_url="http://x/1.png"),
            task("IN_PROGRESS", 40),
            id="an image that vanishes",
        ),
        pytest.param(task("IN_PROGRESS", 40), task("SUBMITTED"), id="a step back"),
    ],
)
async def test_what_is_no_news_makes_no_event(
    site: Site, before: TaskSnapshot, after: TaskSnapshot
) -> None:
    await site.see(before)
    told = list(site.told)
    await site.see(after, before, after)

    assert site.told == told


async def test_a_finished_task_that_is_tracked_again_makes_news_of_another_end_only(
    site: Site,
) -> None:
    await site.see(task("FAILURE"))
    await site.track()
    await site.see(task("FAILURE"))
    await site.track()
    await site.see(task("SUCCESS", 100))

    assert site.told == ["task.failed", "task.corrected"]
    assert site.bodies("task.corrected")[0]["sequence"] == 2


async def test_the_same_change_has_the_same_id(site: Site) -> None:
    other = Site()
    await other.track()
    for one in (site, other):
        await one.see(task("SUBMITTED"), task("SUCCESS", image_url="http://x/1.png"))

    assert list(site.store.lanes.kept) == list(other.store.lanes.kept)


async def test_two_pollers_with_the_same_answer_make_one_event(site: Site) -> None:
    other = Site(store=site.store)
    for one in (site, other):
        one.upstream.gate.clear()
        one.upstream.show(task("IN_PROGRESS"))
    await site.poller.poll()
    site.store.clock_.now += 41.0  # the first one's lease is over
    await other.poller.poll()
    for one in (site, other):
        one.upstream.gate.set()
        await one.poller.idle()

    assert site.told == ["task.started"]


async def test_metadata_and_nothing_unknown_is_told(site: Site) -> None:
    await site.store.track("u", ["2"], {"order": "77"})
    await site.see(task("SUCCESS", id="2"))

    (body,) = site.bodies("task.succeeded")
    assert body["metadata"] == {"order": "77"}


# --- how often ------------------------------------------------------------------------


async def asked_within(site: Site, seconds: float, *, step: float = 1.0) -> int:
    before = len(site.upstream.asked)
    for _ in range(int(seconds / step)):
        await site.poll(after=step)
    return len(site.upstream.asked) - before


@pytest.mark.parametrize(
    ("status", "age", "interval"),
    [
        ("IN_PROGRESS", 0.0, 5.0),
        ("SUBMITTED", 0.0, 5.0),
        ("IN_PROGRESS", 601.0, 10.0),
        ("MODAL", 0.0, 30.0),
        ("MODAL", 601.0, 30.0),
        ("IN_PROGRESS", 3601.0, 60.0),
    ],
)
async def test_a_task_is_looked_at_as_often_as_it_deserves(
    site: Site, status: str, age: float, interval: float
) -> None:
    await site.see(task(status), every=0.0)
    await site.poll(after=age)

    assert await asked_within(site, 10 * interval, step=interval / 5) == 10


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCEL"])
async def test_a_finished_task_is_never_looked_at_again(
    site: Site, status: str
) -> None:
    await site.see(task(status))

    assert await asked_within(site, 10_000.0, step=100.0) == 0


async def test_ids_go_out_unique_and_at_most_a_batch_a_request() -> None:
    site = Site(limits=replace(LIMITS, batch_size=3))
    await site.track(*(str(number) for number in range(8)))
    await site.poll()

    assert [len(ids) for ids in site.upstream.asked] == [3, 3, 2]
    assert len({task_id for ids in site.upstream.asked for task_id in ids}) == 8


async def test_a_hung_upstream_keeps_nobody_from_polling_again(site: Site) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()  # returns
    await site.track("2")
    await site.poller.poll()
    await asyncio.sleep(0)

    assert site.upstream.asked == [["1"], ["2"]]
    site.upstream.gate.set()
    await site.poller.idle()


async def test_a_task_that_there_was_no_time_for_is_neither_missing_nor_late(
    site: Site,
) -> None:
    site.upstream.says = FetchResult(unasked=frozenset({"1"}))
    for _ in range(FEWEST_MISSES + 1):
        await site.poll(after=300.0)
    assert site.told == []

    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=1.0)

    assert site.told == ["task.submitted"]


# --- between two ticks ----------------------------------------------------------------


class RunningClock(Clock):
    """The loop's clock: it goes on by itself."""

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @now.setter
    def now(self, _: float) -> None: ...


def running(**settings: Any) -> Site:
    """A site whose clock goes on by itself, as the poller's timers do."""
    site = Site(**settings)
    site.store.clock_ = RunningClock()
    site.upstream.show(
        *(task("IN_PROGRESS", 5, id=str(number)) for number in range(60))
    )
    return site


async def until_asked(site: Site, times: int) -> float:
    """Wait for requests, and say how many seconds that took."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(10.0):
        while len(site.upstream.asked) < times:
            await asyncio.sleep(0.005)
    return asyncio.get_running_loop().time() - began


async def test_batches_go_out_as_fast_as_the_limit_allows_and_not_tick_by_tick() -> (
    None
):
    rate = Rate(per_second=20.0, burst=1.0)
    site = running(limits=replace(LIMITS, batch_size=5, rate=rate))
    await site.track(*(str(number) for number in range(60)))

    await site.poller.poll()  # the only tick
    took = await until_asked(site, 12)
    await site.poller.stop(1.0)

    assert 11 / 20 <= took < 2.0
    assert {len(ids) for ids in site.upstream.asked} == {5}


async def test_a_task_is_looked_at_when_it_is_due_and_not_at_the_next_tick() -> None:
    site = running(policy=PollPolicy(poll_interval=0.3))
    await site.track("1")

    await site.poller.poll()  # the only tick
    took = await until_asked(site, 4)
    await site.poller.stop(1.0)

    assert 3 * 0.3 <= took < 3.0


async def test_who_has_stopped_does_not_look_again() -> None:
    site = running(policy=PollPolicy(poll_interval=0.1))
    await site.track("1")
    await site.poller.poll()
    await until_asked(site, 2)

    await site.poller.stop(1.0)
    asked = len(site.upstream.asked)
    await asyncio.sleep(0.5)  # several looks' worth

    assert len(site.upstream.asked) == asked


# --- missing and too old --------------------------------------------------------------


async def until_over(site: Site, *, every: float = 5.0, most: int = 1000) -> float:
    """Poll until the task is given up; returns after how many seconds."""
    for count in range(most):
        if not site.active:
            return count * every
        await site.poll(after=every)
    return float("inf")


async def test_a_task_that_is_missing_for_too_long_is_lost(site: Site) -> None:
    await site.see(task("IN_PROGRESS", 40))
    site.upstream.show()

    assert await until_over(site) == pytest.approx(305.0, abs=10.0)
    assert site.told == ["task.started", "task.lost"]
    (body,) = site.bodies("task.lost")
    assert body["failReason"].startswith("missing:")
    assert (body["status"], body["progress"]) == ("IN_PROGRESS", 40)


async def test_a_task_that_was_never_seen_is_lost_too(site: Site) -> None:
    site.upstream.show()
    await until_over(site)

    (body,) = site.bodies("task.lost")
    assert (body["id"], body["status"]) == ("1", None)


async def test_it_takes_at_least_5_valid_answers_without_a_task_to_lose_it() -> None:
    site = Site(policy=PollPolicy(poll_interval=100.0, missing_after=1.0))
    await site.track()
    site.upstream.show()

    assert await until_over(site, every=100.0) >= 400.0


async def test_a_task_that_comes_back_in_time_is_not_lost(site: Site) -> None:
    site.upstream.show()
    for _ in range(50):
        await site.poll(after=5.0)
    await site.see(task("IN_PROGRESS"))
    site.upstream.show()
    for _ in range(50):
        await site.poll(after=5.0)

    assert site.active
    assert site.told == ["task.started"]


async def test_a_task_that_never_ends_is_lost_when_it_is_too_old() -> None:
    site = Site(policy=PollPolicy(max_age=900.0))
    await site.track()
    site.upstream.show(task("IN_PROGRESS", 40))

    assert await until_over(site) == pytest.approx(900.0, abs=20.0)
    (body,) = site.bodies("task.lost")
    assert body["failReason"].startswith("expired:")


async def test_a_look_that_brings_the_end_is_not_too_late() -> None:
    site = Site(policy=PollPolicy(max_age=20.0))
    await site.track()
    await site.see(*[task("IN_PROGRESS", 1)] * 4, task("SUCCESS", 100))

    assert site.told == ["task.started", "task.succeeded"]


async def test_the_clocks_stand_still_while_the_upstream_fails() -> None:
    site = Site(policy=PollPolicy(max_age=600.0, missing_after=60.0))
    await site.track()
    await site.see(task("IN_PROGRESS", 1), task("IN_PROGRESS", 1))
    for error in (*PollError, *PollError):
        site.store.clock_.now += 4000.0
        await site.fail(error)
    assert site.active
    await site.see(task("IN_PROGRESS", 1), every=4000.0)

    assert site.active
    assert site.told.count("task.lost") == 0


async def test_what_the_last_look_saw_of_a_task_that_is_given_up_is_kept() -> None:
    site = Site(policy=PollPolicy(max_age=20.0))
    await site.track()
    await site.see(*[task("IN_PROGRESS", 40)] * 5, task("IN_PROGRESS", 80))

    (body,) = site.bodies("task.lost")
    kept = await site.store.snapshot(TaskKey("u", "1"))
    assert body["progress"] == 80
    assert kept is not None
    assert (kept.progress, kept.fail_reason) == (80, None)


async def test_what_an_upstream_refuses_to_be_asked_about_is_lost_in_time(
    site: Site,
) -> None:
    await site.track("2")
    site.upstream.says = FetchResult(
        tasks={"2": task("IN_PROGRESS", 1, id="2")}, poison_ids=frozenset({"1"})
    )
    for _ in range(70):
        await site.poll(after=5.0)

    assert site.told == ["task.started", "task.lost"]
    assert site.store.tasks[TaskKey("u", "2")].due is not None


# --- an upstream that fails -----------------------------------------------------------


@pytest.mark.parametrize("error", list(PollError))
async def test_an_answer_that_is_not_valid_is_no_event_about_tasks(
    site: Site, error: PollError
) -> None:
    await site.see(task("IN_PROGRESS", 1))
    for _ in range(10):
        site.store.clock_.now += 3601.0
        await site.fail(error)

    assert [kind for kind in site.told if kind.startswith("task.")] == ["task.started"]


@pytest.mark.parametrize("error", list(PollError))
async def test_an_answer_that_is_not_valid_changes_nothing_about_a_missing_task(
    site: Site, error: PollError
) -> None:
    site.upstream.show()
    await site.poll()
    await site.poll(after=5.0)
    kept = site.store.tasks[TaskKey("u", "1")]
    missed = kept.misses, kept.missed_clock
    site.store.clock_.now += 5.0
    await site.fail(error, retry_after=40.0)

    assert (kept.misses, kept.missed_clock) == missed == (2, missed[1])
    assert kept.due == site.store.clock_.now + 40.0


async def test_the_waits_for_an_upstream_that_fails_grow(site: Site) -> None:
    waits = []
    await site.fail(PollError.BROKEN)
    for _ in range(6):
        asked, waited = len(site.upstream.asked), 0.0
        while len(site.upstream.asked) == asked:
            site.store.clock_.now += 1.0
            waited += 1.0
            await site.fail(PollError.BROKEN)
        waits.append(waited)

    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


async def test_retry_after_makes_a_wait_longer(site: Site) -> None:
    await site.fail(PollError.THROTTLED, retry_after=77.0)
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=76.0)
    assert site.told == []
    await site.poll(after=1.5)
    assert site.told == ["task.submitted"]


async def test_a_short_retry_after_makes_no_wait_shorter(site: Site) -> None:
    await site.fail(PollError.THROTTLED, retry_after=0.5)
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=4.9)
    assert site.told == []
    await site.poll(after=0.2)
    assert site.told == ["task.submitted"]


async def test_those_who_failed_together_do_not_come_back_together(site: Site) -> None:
    site.rolls = 0.5
    await site.fail(PollError.BROKEN)
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=5.2)
    assert site.told == []
    await site.poll(after=0.1)
    assert site.told == ["task.submitted"]


async def test_an_upstream_cannot_ask_to_be_left_alone_for_ever(site: Site) -> None:
    await site.fail(PollError.THROTTLED, retry_after=1e9)
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=3601.0)

    assert site.told == ["task.submitted"]


async def test_that_it_is_unhealthy_and_well_again_is_told_once_each(
    site: Site,
) -> None:
    began = site.store.clock_.now
    for _ in range(6):
        await site.fail(PollError.BROKEN)
        site.store.clock_.now += 100.0
    site.upstream.show(task("SUBMITTED"))
    for _ in range(3):
        await site.poll(after=5.0)

    assert site.told == ["upstream.unhealthy", "upstream.recovered", "task.submitted"]
    (unhealthy,) = site.bodies("upstream.unhealthy")
    (recovered,) = site.bodies("upstream.recovered")
    assert unhealthy["upstream"] == "u"
    assert unhealthy["reason"] == "HTTP 502"
    assert unhealthy["since"] == recovered["since"]
    assert began == 1_750_000_000.0
    assert unhealthy["since"] == "2025-06-15T15:06:40Z"


async def test_a_refused_key_is_told_at_once(site: Site) -> None:
    await site.fail(PollError.REFUSED)

    assert site.told == ["upstream.unhealthy"]


async def test_a_hiccup_is_not_told(site: Site) -> None:
    for _ in range(2):
        await site.fail(PollError.BROKEN)
        site.store.clock_.now += 100.0
    await site.see(task("SUBMITTED"))

    assert site.told == ["task.submitted"]


async def test_each_outage_is_told(site: Site) -> None:
    for _ in range(2):
        site.store.clock_.now += 1000.0
        await site.fail(PollError.REFUSED)
        site.store.clock_.now += 1000.0
        await site.see(task("SUBMITTED"))

    assert site.told.count("upstream.unhealthy") == 2
    assert site.told.count("upstream.recovered") == 2


async def test_one_upstream_that_fails_is_no_reason_not_to_poll_another() -> None:
    store, other = FakeStore(), FakeUpstream(task("SUBMITTED"))
    site = Site(store=store)
    site.poller._upstreams = {
        **site.poller._upstreams,
        "v": PolledUpstream(upstream=other, limits=LIMITS, policy=PollPolicy()),
    }
    for name in "uv":
        await store.track(name, ["1"], {})
    await site.fail(PollError.BROKEN)

    assert site.told == ["task.submitted"]


# --- crashes, and a store that is away ------------------------------------------------


async def test_what_a_dead_poller_left_behind_is_polled_when_its_lease_ends(
    site: Site,
) -> None:
    await site.store.claim_tasks("u", LIMITS)
    site.upstream.show(task("SUBMITTED"))
    await site.poll(after=39.0)
    assert site.told == []
    await site.poll(after=1.1)
    assert site.told == ["task.submitted"]


async def test_a_store_that_is_away_is_met_again_at_the_next_tick(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.store.away = True
    await site.poll()
    site.store.away = False
    await site.poll()

    assert site.told == ["task.submitted"]


async def test_an_answer_is_kept_for_a_store_that_is_away(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    site.store.away = True
    site.upstream.gate.set()
    await asyncio.sleep(0.02)
    site.store.away = False
    await site.poller.idle()

    assert site.told == ["task.submitted"]
    assert len(site.upstream.asked) == 1


async def test_stopping_does_not_wait_for_a_store_that_is_away(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    site.store.away = True
    site.upstream.gate.set()
    await site.poller.stop(0.1)
    site.store.away = False

    # What is lost with the process is seen again when the lease ends.
    other = Site(store=site.store, upstream=site.upstream)
    await other.poll(after=41.0)
    assert other.told == ["task.submitted"]


async def test_stopping_waits_for_what_is_under_way(site: Site) -> None:
    site.upstream.show(task("SUBMITTED"))
    site.upstream.gate.clear()
    await site.poller.poll()
    stopping = asyncio.create_task(site.poller.stop(5.0))
    await asyncio.sleep(0)
    site.upstream.gate.set()
    await stopping

    assert site.told == ["task.submitted"]


async def test_stopping_does_not_wait_for_ever(site: Site) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()
    await site.poller.stop(0.01)

    assert site.told == []
    await site.poller.poll()
    assert len(site.upstream.asked) == 1


async def test_what_was_not_asked_in_time_is_left_to_whoever_comes_next(
    site: Site,
) -> None:
    site.upstream.gate.clear()
    await site.poller.poll()
    await site.poller.stop(0.01)
    site.upstream.gate.set()

    other = Site(store=site.store, upstream=site.upstream)
    site.upstream.show(task("SUBMITTED"))
    await other.poll()

    assert other.told == ["task.submitted"]


class Unreadable(FakeStore):
    """A store in which the snapshot of one task cannot be read."""

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        if key.id == "1":
            raise ValueError(key)
        return await super().snapshot(key)


async def test_one_bad_task_never_costs_the_others() -> None:
    site = Site(store=Unreadable())
    await site.track("1", "2")
    site.upstream.show()
    for _ in range(80):
        await site.poll(after=5.0)

    assert [body["id"] for body in site.bodies("task.lost")] == ["2"]


def test_the_kinds_of_endpoints_here_are_what_they_seem() -> None:
    names: Sequence[str] = [one.name for one in ENDPOINTS]

    assert names == ["all", "plain", "ends"]
    assert "task.progress" not in EVERYTHING_BUT_PROGRESS
