"""Delivering, sentence by sentence: what is promised of a webhook and of its endpoint."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from bridge.app.delivery.attempt import AttemptRunner, Recipient
from bridge.app.delivery.pump import Pump
from bridge.app.ports import DeliveryClaim, Settled, Settlement
from bridge.channels import channel_for
from bridge.channels.base import Channel, DeliveryContext, Exchange, ExchangeResult
from bridge.core.delivery import Attempt, Fault
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint
from bridge.core.event import Event
from bridge.core.http import Request, Response
from tests.contract.bench import Bench
from tests.fakes import FakeSender, FakeStore, answered

WEBHOOK = channel_for("webhook")


def endpoint(name: str = "a", **settings: object) -> Endpoint:
    made = Endpoint(name=name, url=f"http://{name}.test/", retry=(5.0, 300.0, 1800.0))
    return replace(made, **settings)  # type: ignore[arg-type]


@dataclass
class Site:
    """A pump with a fake store and fake receivers, and a clock that is set by hand."""

    sender: FakeSender
    store: FakeStore = field(default_factory=FakeStore)
    endpoints: Sequence[Endpoint] = (endpoint(),)
    channel: Channel = WEBHOOK
    channels: Mapping[str, Channel] = field(default_factory=dict)
    window: int = 200
    roll: float = 0.0

    def __post_init__(self) -> None:
        self.runner = self.new_courier()
        self.pump = self.new_pump()
        self.bench = Bench(
            name="fake",
            store=self.store,
            admin=self.store,
            queries=self.store,
            let_pass=self.let_pass,
        )
        self.store.lanes.configure(self.endpoints)

    def new_pump(self) -> Pump:
        """Make another worker's pump, or this one's after a restart."""
        return Pump(
            store=self.store,
            runner=self.new_courier(),
            elapsed=time.monotonic,
            window=self.window,
        )

    def new_courier(self) -> AttemptRunner:
        """Make what makes that worker's attempts."""
        receivers: Mapping[str, Recipient] = {
            one.name: Recipient(
                endpoint=one, channel=self.channels.get(one.name, self.channel)
            )
            for one in self.endpoints
        }
        return AttemptRunner(
            store=self.store,
            sender=self.sender,
            receivers=receivers,
            now=lambda: self.store.clock_.now,
            elapsed=time.monotonic,
            roll=lambda: self.roll,
        )

    async def let_pass(self, seconds: float) -> None:
        self.store.clock_.now += seconds

    async def deliver(self, *, after: float = 0.0) -> None:
        """Let time pass, and deliver everything that is due then."""
        await self.let_pass(after)
        self.pump.kick()
        await self.pump.idle()

    async def tell(self, lane: str = "u", kind: str = "task.started") -> Event:
        return await self.bench.tell(
            lane, kind, to=[one.name for one in self.endpoints]
        )

    @property
    def sent(self) -> int:
        return len(self.sender.sent)

    async def until(self, *, sent: int) -> None:
        deadline = time.monotonic() + 5.0
        while self.sent < sent:
            assert time.monotonic() < deadline, f"{self.sent} of {sent} sent"
            await asyncio.sleep(0.001)


# --- success and failure --------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success_is_any_2xx(status: int) -> None:
    site = Site(FakeSender(a=answered(status)))
    event = await site.tell()
    await site.deliver()
    await site.deliver(after=100_000.0)

    assert await site.bench.state(event) == "delivered"
    assert site.sent == 1


@pytest.mark.parametrize("status", [199, 301, 302, 307, 401, 403, 404, 408, 500, 503])
async def test_everything_else_is_a_failed_attempt_and_is_retried(status: int) -> None:
    site = Site(FakeSender(a=[answered(status), answered(200)]))
    event = await site.tell()
    await site.deliver()
    assert await site.bench.state(event) == "pending"
    await site.deliver(after=5.0)

    assert await site.bench.state(event) == "delivered"
    assert site.sent == 2


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CONNECTION, Fault.FORBIDDEN])
async def test_no_answer_is_a_failed_attempt(fault: Fault) -> None:
    site = Site(FakeSender(a=[Response(took=1.0, fault=fault), answered(200)]))
    event = await site.tell()
    await site.deliver()
    await site.deliver(after=5.0)

    assert await site.bench.state(event) == "delivered"


async def test_every_attempt_has_the_same_id_and_body() -> None:
    site = Site(FakeSender(a=[answered(500), answered(200)]))
    event = await site.tell()
    await site.deliver()
    await site.deliver(after=5.0)

    requests = [request for _, request in site.sender.sent]
    assert {request.headers["webhook-id"] for request in requests} == {event.id}
    assert len({request.body for request in requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in requests]
    assert stamps[1] - stamps[0] == 5


# --- the schedule ---------------------------------------------------------------------


async def attempts_of(site: Site, *, until: float) -> list[float]:
    """Deliver whenever something is due; returns when attempts were made, in whole seconds."""
    began, made = site.store.clock_.now, []
    while True:
        before = site.sent
        await site.deliver()
        passed = site.store.clock_.now - began
        made += [round(passed, 1)] * (site.sent - before)
        claim = await site.store.claim_deliveries(limit=0, slow_limit=0)
        if claim.next_in is None or passed + claim.next_in > until:
            return made
        await site.let_pass(claim.next_in + 0.001)


async def test_retries_come_at_times_counted_from_the_first_attempt() -> None:
    site = Site(FakeSender(a=answered(404)))
    await site.tell()

    made = await attempts_of(site, until=3000.0)

    assert made == [0.0, 5.0, 305.0, 2105.0]


async def test_jitter_adds_up_to_10_percent_of_the_delay() -> None:
    site = Site(FakeSender(a=answered(404)), roll=1.0)
    await site.tell()

    made = await attempts_of(site, until=3000.0)

    assert made == [0.0, 5.5, 335.0, 2285.0]


async def test_a_delivery_is_given_up_when_its_last_scheduled_attempt_failed() -> None:
    site = Site(FakeSender(a=answered(404)))
    event = await site.tell()
    await attempts_of(site, until=2000.0)
    assert await site.bench.state(event) == "pending"
    await attempts_of(site, until=3000.0)

    assert await site.bench.state(event) == "dead"
    row = await site.store.event(event.id)
    assert row is not None
    assert row.deliveries[0].reason == "every attempt failed (HTTP 404)"
    await site.deliver(after=100_000.0)
    assert site.sent == 4


async def test_a_delivery_is_given_up_when_it_is_older_than_the_whole_schedule() -> (
    None
):
    site = Site(FakeSender(a=answered(404)))
    event = await site.tell()
    await site.deliver()
    await site.store.switch("a", "pause")
    await site.let_pass(10_000.0)
    await site.store.switch("a", "resume")
    await site.deliver()

    assert site.sent == 2
    assert await site.bench.state(event) == "dead"


async def test_a_delivery_that_never_failed_is_not_given_up_for_its_age() -> None:
    site = Site(FakeSender(a=answered(404)))
    event = await site.tell()
    await site.store.switch("a", "pause")
    await site.let_pass(10_000.0)
    await site.store.switch("a", "resume")
    await site.deliver()

    assert await site.bench.state(event) == "pending"
    assert await attempts_of(site, until=10.0) == [5.0]


async def test_early_attempts_use_nothing_up() -> None:
    site = Site(FakeSender(a=answered(404)))
    event = await site.tell("u", "task.submitted")
    await site.deliver()
    await site.deliver(after=5.0)
    for kind in ("task.started", "task.action_required"):
        await site.let_pass(40.0)
        await site.tell("u", kind)
        await site.deliver()  # too early by far
    assert site.sender.sent_to("a") == [event.id] * 4

    # What was planned still is: 305 s and 2105 s after the first attempt.
    made = await attempts_of(site, until=2500.0)
    assert site.sender.sent_to("a")[:6] == [event.id] * 6
    assert made[:2] == [220.0, 2020.0]


# --- refusals, 410 --------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_an_answer_that_refuses_this_event_kills_it_after_3_attempts(
    status: int,
) -> None:
    site = Site(FakeSender(a=[*[answered(status)] * 3, answered(200)]))
    refused = await site.tell("u", "task.submitted")
    after = await site.tell("u", "task.started")
    await attempts_of(site, until=310.0)

    assert await site.bench.state(refused) == "dead"
    assert await site.bench.state(after) == "delivered"
    assert site.sender.sent_to("a") == [refused.id] * 3 + [after.id]


async def test_410_disables_the_endpoint_at_once() -> None:
    site = Site(FakeSender(a=answered(410)))
    event = await site.tell()
    await site.deliver()
    await site.tell("v")
    await site.deliver(after=100_000.0)

    assert (await site.bench.health()).state == "disabled"
    assert await site.bench.state(event) == "held"
    assert site.sent == 1


async def test_a_disabled_endpoint_that_is_resumed_gets_what_it_missed() -> None:
    site = Site(FakeSender(a=[answered(410), answered(200)]))
    event = await site.tell()
    await site.deliver()
    collected = await site.tell("v")
    await site.store.switch("a", "resume")
    await site.deliver()

    assert await site.bench.state(event) == "delivered"
    assert await site.bench.state(collected) == "delivered"


# --- Retry-After ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503, 500, 404])
async def test_retry_after_holds_the_endpoint_that_long(status: int) -> None:
    site = Site(FakeSender(a=[answered(status, retry_after="120"), answered(200)]))
    event = await site.tell()
    await site.deliver()
    other = await site.tell("v")
    await site.deliver(after=119.0)
    assert site.sent == 1
    await site.deliver(after=1.5)

    assert await site.bench.state(event) == "delivered"
    assert await site.bench.state(other) == "delivered"


async def test_retry_after_may_be_a_date() -> None:
    site = Site(FakeSender())
    site.store.clock_.now = 1_750_000_000.0
    date = "Sun, 15 Jun 2025 15:08:20 GMT"  # 100 s later
    site.sender.says["a"] = [answered(429, retry_after=date), answered(200)]
    await site.tell()
    await site.deliver()
    await site.deliver(after=99.0)
    assert site.sent == 1
    await site.deliver(after=2.0)

    assert site.sent == 2


async def test_retry_after_holds_for_a_day_at_most() -> None:
    site = Site(FakeSender(a=[answered(429, retry_after="999999"), answered(200)]))
    await site.tell()
    await site.deliver()
    await site.deliver(after=86_401.0)

    assert site.sent == 2


async def test_retry_after_uses_up_no_attempt() -> None:
    site = Site(FakeSender(a=answered(429, retry_after="100")))
    event = await site.tell()
    for _ in range(10):
        await site.deliver(after=101.0)
    assert site.sent == 10
    site.sender.says["a"] = answered(404)
    await attempts_of(site, until=3000.0)

    # The place at 2105 s was still there to be used; those before it were missed.
    assert await site.bench.state(event) == "dead"
    assert site.sent == 12


# --- order and supersession -----------------------------------------------------------


async def test_events_of_a_task_arrive_in_their_order_whatever_fails() -> None:
    site = Site(
        FakeSender(a=[answered(500), answered(200), answered(500), answered(200)])
    )
    told = [
        await site.tell("u", f"task.{kind}")
        for kind in ("submitted", "started", "succeeded")
    ]
    await attempts_of(site, until=20.0)

    arrived = list(dict.fromkeys(site.sender.sent_to("a")))
    assert arrived == [event.id for event in told]
    assert [await site.bench.state(event) for event in told] == ["delivered"] * 3


async def test_a_progress_that_is_not_in_flight_is_superseded_by_any_newer_event() -> (
    None
):
    site = Site(FakeSender(a=answered(500)))
    progress = await site.tell("u", "task.progress")
    await site.deliver()
    done = await site.tell("u", "task.succeeded")
    site.sender.says["a"] = answered(200)
    await site.deliver()

    assert await site.bench.state(progress) == "superseded"
    assert site.sender.sent_to("a") == [progress.id, done.id]


async def test_a_new_event_makes_its_waiting_lane_try_at_once() -> None:
    site = Site(FakeSender(a=[answered(500), answered(200)]))
    first = await site.tell("u", "task.submitted")
    await site.deliver()
    second = await site.tell("u", "task.started")
    await site.deliver()

    assert site.sender.sent_to("a") == [first.id, first.id, second.id]


async def test_the_first_success_after_failures_makes_all_lanes_try() -> None:
    site = Site(FakeSender(a=[*[answered(500)] * 5, answered(200)]))
    for number in range(5):
        await site.tell(f"u{number}")
        await site.deliver()
    await site.tell("v")
    await site.deliver()

    assert site.sent == 11


# --- one endpoint harms no other ------------------------------------------------------


async def test_a_slow_endpoint_delays_no_other() -> None:
    site = Site(
        FakeSender(), endpoints=(endpoint("slow"), endpoint("quick")), window=20
    )
    site.sender.gates["slow"] = asyncio.Event()
    for number in range(40):
        await site.tell(f"u{number}")
    site.pump.kick()
    await site.until(sent=45)

    assert len(site.sender.sent_to("quick")) == 40
    site.sender.gates["slow"].set()
    await site.pump.idle()
    assert len(site.sender.sent_to("slow")) == 40


async def test_slow_endpoints_hold_at_most_half_of_the_window_together() -> None:
    slow = [endpoint(f"slow{number}", concurrency=50) for number in range(4)]
    late = {one.name: Response(took=14.0, status=200) for one in slow}
    site = Site(FakeSender(**late), endpoints=[*slow, endpoint("quick")], window=20)
    await site.tell("first")
    await site.deliver()
    site.sender.sent.clear()
    hang = asyncio.Event()
    site.sender.gates = {one.name: hang for one in slow}
    for number in range(40):
        await site.tell(f"u{number}")
    site.pump.kick()
    await site.until(sent=50)

    assert len(site.sender.sent_to("quick")) == 40
    assert site.sent == 50
    hang.set()
    await site.pump.idle()


async def test_no_more_are_in_flight_than_the_window_has_places() -> None:
    site = Site(FakeSender(), endpoints=[endpoint(concurrency=500)], window=30)
    for number in range(100):
        await site.tell(f"u{number}")
    await site.deliver()

    assert site.sent == 100
    assert site.sender.most <= 30


async def test_a_place_is_filled_as_soon_as_it_is_free() -> None:
    site = Site(
        FakeSender(), endpoints=[endpoint("quick"), endpoint("slow", concurrency=1)]
    )
    site.sender.gates["slow"] = asyncio.Event()
    await site.tell("u")
    site.pump.kick()
    await site.until(sent=2)
    for number in range(50):
        await site.bench.tell(f"v{number}", to=["quick"])
    site.pump.kick()
    await site.until(sent=52)

    site.sender.gates["slow"].set()
    await site.pump.idle()


# --- rendering, crashes, suspects -----------------------------------------------------


class Broken:
    """A channel that cannot speak, or cannot read."""

    def __init__(self, where: str) -> None:
        self._where = where

    def deliver(self, context: DeliveryContext) -> Exchange:
        if self._where == "render":
            raise KeyError(context.endpoint.url)
        talk = WEBHOOK.deliver(context)
        response = yield next(talk)
        if self._where == "read":
            raise KeyError(str(response))
        return ExchangeResult(attempt=Attempt(started=0.0, took=0.0))

    def sample_response(self, request: Request) -> Response:
        return WEBHOOK.sample_response(request)


class Mumbling:
    """A channel that makes half an emoji of whatever it is told."""

    def deliver(self, context: DeliveryContext) -> Exchange:
        response = yield Request(url=context.endpoint.url)
        attempt = Attempt(
            started=context.started, took=0.0, status=response.status, detail="\ud83d"
        )
        return ExchangeResult(attempt=attempt)

    def sample_response(self, request: Request) -> Response:
        return WEBHOOK.sample_response(request)


@pytest.mark.parametrize("where", ["render", "read"])
async def test_an_exception_is_a_failed_attempt_like_any_other(where: str) -> None:
    site = Site(FakeSender(), channel=Broken(where))
    event = await site.tell()
    await site.deliver()
    await site.deliver(after=5.0)

    assert await site.bench.state(event) == "pending"
    assert await site.bench.attempts(event) == 2
    row = await site.store.event(event.id)
    assert row is not None
    assert row.attempts[0]["fault"] == "rendering"


async def test_an_exception_costs_the_others_nothing() -> None:
    endpoints = (endpoint("a"), endpoint("b"))
    site = Site(FakeSender(), endpoints=endpoints, channels={"a": Broken("render")})
    event = await site.tell()
    await site.deliver()

    assert await site.bench.state(event, "b") == "delivered"


async def crash(site: Site) -> None:
    """Claim what is due and die."""
    await site.store.claim_deliveries(limit=100, slow_limit=100)
    await site.let_pass(31.0)


async def test_what_a_dead_worker_left_behind_is_delivered_one_at_a_time() -> None:
    site = Site(FakeSender())
    events = [await site.tell(f"u{number}") for number in range(5)]
    await crash(site)
    await site.deliver()

    assert [await site.bench.state(event) for event in events] == ["delivered"] * 5
    assert site.sender.most == 1


async def test_suspects_have_nothing_beside_them() -> None:
    site = Site(FakeSender())
    suspect = await site.tell("u")
    await crash(site)
    for number in range(20):
        await site.tell(f"v{number}")
    site.sender.gates["a"] = asyncio.Event()
    site.pump.kick()
    await site.until(sent=5)
    assert suspect.id not in site.sender.sent_to("a")
    site.sender.gates["a"].set()
    await site.pump.idle()

    assert site.sender.sent_to("a").count(suspect.id) == 1
    assert site.sent == 21


async def test_a_suspect_that_hangs_delays_others_for_a_second_at_most() -> None:
    endpoints = (endpoint("hung"), endpoint("fine"))
    site = Site(FakeSender(), endpoints=endpoints)
    site.sender.gates["hung"] = asyncio.Event()
    for number in range(3):
        await site.bench.tell(f"u{number}", to=["hung"])
    await crash(site)
    site.pump.kick()
    await site.until(sent=1)
    await site.bench.tell("v", to=["fine"])

    began = time.monotonic()
    site.pump.kick()
    await site.until(sent=2)
    took = time.monotonic() - began
    site.sender.gates["hung"].set()
    await site.pump.idle()

    assert took < 5.0
    assert [name for name, _ in site.sender.sent] == ["hung", "fine", "hung", "hung"]


class Unwritable(FakeStore):
    """A store that cannot write what one receiver said."""

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        for one in settlements:
            if one.attempt is not None and "\ud83d" in one.attempt.detail:
                one.attempt.detail.encode()
        return await super().settle(settlements)


async def test_an_answer_that_cannot_be_written_costs_the_others_nothing() -> None:
    odd = Response(took=0.0, status=500, body=b"x")
    site = Site(
        FakeSender(a=odd),
        store=Unwritable(),
        endpoints=(endpoint("a"), endpoint("b")),
        channels={"a": Mumbling()},
    )
    events = [await site.bench.tell(f"u{number}", to=["a", "b"]) for number in range(5)]
    await site.deliver()

    assert {await site.bench.state(event, "b") for event in events} == {"delivered"}
    assert {await site.bench.state(event, "a") for event in events} == {"pending"}
    assert await site.bench.attempts(events[0]) == 2


async def test_a_poison_delivery_costs_three_claims_and_is_dead_then() -> None:
    site = Site(FakeSender())
    event = await site.tell("u", "task.submitted")
    after = await site.tell("u", "task.started")
    await crash(site)
    for _ in range(2):
        await site.store.claim_deliveries(limit=1, slow_limit=1)
        await site.store.claim_deliveries(limit=1, slow_limit=1, alone=True)
        await site.let_pass(31.0)
    await site.deliver()

    assert await site.bench.state(event) == "dead"
    row = await site.store.event(event.id)
    assert row is not None
    assert row.deliveries[0].reason == "crashed the worker"
    assert site.sender.sent_to("a") == [after.id]


async def test_an_endpoint_that_is_not_configured_here_is_left_to_others() -> None:
    site = Site(FakeSender())
    event = await site.bench.tell("u", to=["unknown"])
    await site.deliver()

    assert await site.bench.state(event, "unknown") == "held"
    assert site.sent == 0


# --- stopping, and a store that is away -----------------------------------------------


async def test_stopping_lets_attempts_in_flight_end() -> None:
    site = Site(FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.tell()
    site.pump.kick()
    await site.until(sent=1)
    stopping = asyncio.create_task(site.pump.stop(5.0))
    await asyncio.sleep(0)
    site.sender.gates["a"].set()
    await stopping

    assert await site.bench.state(event) == "delivered"


async def test_stopping_hands_back_what_does_not_end_in_time() -> None:
    site = Site(FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.tell()
    site.pump.kick()
    await site.until(sent=1)
    await site.pump.stop(0.01)

    again = await site.bench.claim_one()
    assert (again.event.id, again.attempts, again.crashes) == (event.id, 0, 0)


async def test_stopping_before_an_attempt_has_begun_hands_it_back_too() -> None:
    site = Site(FakeSender())
    event = await site.tell()
    site.pump._launch(await site.bench.claim_one())
    for attempt in site.pump._flight:
        attempt.cancel()
    await site.pump.stop(1.0)

    assert site.sent == 0
    assert await site.bench.claimed() == [event.id]


async def test_a_stopped_pump_claims_nothing() -> None:
    site = Site(FakeSender())
    await site.pump.stop(1.0)
    event = await site.tell()
    await site.deliver()

    assert site.sent == 0
    assert await site.bench.claimed() == [event.id]


class Slowed(FakeStore):
    """A store whose claims take until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def claim_deliveries(self, **how: Any) -> DeliveryClaim:
        self.asked.set()
        await self.gate.wait()
        return await super().claim_deliveries(**how)


async def test_what_is_claimed_while_stopping_is_handed_back() -> None:
    store = Slowed()
    site = Site(FakeSender(), store=store)
    event = await site.tell()
    site.pump.kick()
    await store.asked.wait()
    stopping = asyncio.create_task(site.pump.stop(1.0))
    await asyncio.sleep(0)
    store.gate.set()
    await stopping

    assert site.sent == 0
    assert await site.bench.claimed() == [event.id]


async def test_settling_is_tried_again_until_the_store_is_back() -> None:
    site = Site(FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.tell()
    site.pump.kick()
    await site.until(sent=1)
    site.store.away = True
    site.sender.gates["a"].set()
    await asyncio.sleep(0.05)
    site.store.away = False
    await site.pump.idle()

    assert await site.bench.state(event) == "delivered"
    assert site.sent == 1


async def test_a_store_that_is_away_ends_the_work_until_the_next_kick() -> None:
    site = Site(FakeSender())
    event = await site.tell()
    site.store.away = True
    await site.deliver()
    site.store.away = False
    await site.deliver()

    assert await site.bench.state(event) == "delivered"


async def test_a_success_that_was_settled_is_never_sent_again() -> None:
    site = Site(FakeSender())
    await site.tell()
    await site.deliver()
    other = site.new_pump()
    await site.let_pass(1_000_000.0)
    other.kick()
    await other.idle()

    assert site.sent == 1


async def test_an_event_that_arrives_while_the_pump_works_is_delivered_at_once() -> (
    None
):
    site = Site(FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    await site.tell("u")
    site.pump.kick()
    await site.until(sent=1)
    await site.tell("v")
    site.pump.kick()
    await site.until(sent=2)

    site.sender.gates["a"].set()
    await site.pump.idle()


# --- what operators hear --------------------------------------------------------------


def operators() -> Endpoint:
    return endpoint("ops", events=("endpoint.*", "delivery.*"))


def heard(site: Site) -> list[tuple[str, dict[str, object]]]:
    bodies = [json.loads(sent.body) for to, sent in site.sender.sent if to == "ops"]
    return [(body["type"], body["data"]) for body in bodies]


async def test_a_dead_delivery_is_told() -> None:
    site = Site(
        FakeSender(a=answered(422)),
        endpoints=[endpoint("a", retry=(10.0, 10.0, 10.0)), operators()],
    )
    event = await site.bench.tell("u")
    for _ in range(4):
        await site.deliver(after=11.0)

    ((kind, data),) = heard(site)
    assert kind == "delivery.dead"
    assert (data["endpoint"], data["event"]["id"]) == ("a", event.id)  # type: ignore[index]


async def test_what_was_disabled_and_recovered_is_told_once_each() -> None:
    site = Site(
        FakeSender(a=[answered(410), answered(200)]),
        endpoints=[endpoint("a"), operators()],
    )
    for lane in "uv":
        await site.bench.tell(lane)
    await site.deliver()
    await site.store.switch("a", "resume")
    await site.deliver()
    await site.bench.tell("w")
    await site.deliver()

    assert [kind for kind, _ in heard(site)] == [
        "endpoint.disabled",
        "endpoint.recovered",
    ]


async def test_that_operators_could_not_be_told_is_not_told_in_turn() -> None:
    site = Site(
        FakeSender(a=answered(422), ops=answered(422)),
        endpoints=[
            endpoint("a", retry=(10.0, 10.0, 10.0)),
            replace(operators(), retry=(10.0, 10.0, 10.0)),
        ],
    )
    await site.bench.tell("u")
    for _ in range(20):
        await site.deliver(after=11.0)

    assert len(heard(site)) == 3
    assert DEFAULT_EVENTS  # nobody else subscribes to them by default
    assert not any(kind.startswith("delivery") for kind in DEFAULT_EVENTS)


# --- sending again --------------------------------------------------------------------


async def test_a_redelivery_is_marked_and_sent_once() -> None:
    site = Site(FakeSender())
    event = await site.tell()
    await site.deliver()
    for _ in range(2):
        await site.store.redeliver(event.id, "a")
    await site.deliver()

    marks = [sent.headers.get("webhook-redelivery") for _, sent in site.sender.sent]
    assert marks == [None, "true"]
    assert site.sender.sent_to("a") == [event.id, event.id]


async def test_a_dead_delivery_can_be_sent_again_while_its_task_goes_on() -> None:
    site = Site(FakeSender(a=[*[answered(422)] * 3, answered(200)]))
    event = await site.tell("u", "task.submitted")
    await attempts_of(site, until=310.0)
    assert await site.bench.state(event) == "dead"
    after = await site.tell("u", "task.started")
    await site.store.redeliver(event.id, "a")
    await site.deliver()

    assert await site.bench.state(event) == "delivered"
    assert await site.bench.state(after) == "delivered"


def test_the_times_of_the_standard_schedule_grow() -> None:
    delays = Endpoint(name="a", url="http://a/").retry

    assert all(sooner < later for sooner, later in pairwise(delays))
