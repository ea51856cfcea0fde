"""Delivering: what the pump's event loop adds to the rules of the core and the store."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import pytest
from structlog.testing import capture_logs

from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.ports import (
    ClaimLimits,
    DeliveryClaim,
    DeliveryStore,
    Settled,
    Settlement,
)
from bridge.channels import channel_for
from bridge.channels.base import Channel, DeliveryContext, Exchange, ExchangeResult
from bridge.core.delivery import Attempt
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint
from bridge.core.event import Event
from bridge.core.http import Request, Response
from bridge.logs.terminal import render_for_terminal
from tests.contract.bench import Bench
from tests.fakes import FakeSender, answered

WEBHOOK = channel_for("webhook")


def endpoint(name: str = "a", **settings: object) -> Endpoint:
    made = Endpoint(
        name=name, url=f"http://{name}.test/", schedule=(5.0, 300.0, 1800.0)
    )
    return replace(made, **settings)  # type: ignore[arg-type]


@dataclass(kw_only=True)
class Site:
    """A pump with the real store and fake receivers."""

    bench: Bench
    sender: FakeSender
    endpoints: Sequence[Endpoint]
    channel: Channel
    channels: Mapping[str, Channel]
    window: int

    @classmethod
    async def on(
        cls,
        bench: Bench,
        sender: FakeSender,
        *,
        endpoints: Sequence[Endpoint] = (endpoint(),),
        channel: Channel = WEBHOOK,
        channels: Mapping[str, Channel] = {},
        window: int = 200,
    ) -> Self:
        """Make one whose endpoints the store knows."""
        await bench.admin.configure(endpoints)
        return cls(
            bench=bench,
            sender=sender,
            endpoints=endpoints,
            channel=channel,
            channels=channels,
            window=window,
        )

    def __post_init__(self) -> None:
        self.pump = self.new_pump()

    def new_pump(self) -> Pump:
        """Make another worker's pump, or this one's after a restart."""
        return Pump(
            store=self.bench.deliveries,
            runner=self.runner,
            elapsed=time.monotonic,
            window=self.window,
        )

    @property
    def runner(self) -> AttemptRunner:
        """What makes that worker's attempts."""
        own = dict.fromkeys((one.name for one in self.endpoints), self.channel)
        return AttemptRunner(
            store=self.bench.deliveries,
            sender=self.sender,
            endpoints={one.name: replace(one, kind=one.name) for one in self.endpoints},
            channels={**own, **self.channels},
            now=lambda: time.time() + self.bench.passed,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )

    async def deliver(self, *, after: float = 0.0) -> None:
        """Let time pass, and deliver everything that is due then."""
        if after:
            await self.bench.let_pass(after)
        self.pump.wake()
        await self.pump.idle()

    async def publish(self, lane: str = "u", kind: str = "task.started") -> Event:
        return await self.bench.tell(
            lane, kind, to=[one.name for one in self.endpoints]
        )

    @property
    def sent(self) -> int:
        return len(self.sender.sent)

    async def until(self, *, sent: int) -> None:
        async with asyncio.timeout(30.0):
            while self.sent < sent:
                await asyncio.sleep(0.001)


# --- one delivery -----------------------------------------------------------------------


async def test_every_attempt_has_the_same_id_and_body(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender(a=[answered(500), answered(200)]))
    event = await site.publish()
    await site.deliver()
    await site.deliver(after=5.0)

    requests = [request for _, request in site.sender.sent]
    assert {request.headers["webhook-id"] for request in requests} == {event.id}
    assert len({request.body for request in requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in requests]
    assert stamps[1] - stamps[0] == pytest.approx(5, abs=2)


async def attempts_of(site: Site, *, until: float) -> list[float]:
    """Deliver whenever something is due; returns the seconds after which that was."""
    made: list[float] = []
    while True:
        before, passed = site.sent, site.bench.passed
        await site.deliver()
        made += [passed] * (site.sent - before)
        claim = await site.bench.deliveries.claim_deliveries(
            ClaimLimits(limit=0, slow_limit=0)
        )
        if claim.next_in is None or passed + claim.next_in > until:
            return made
        await site.bench.let_pass(claim.next_in + 0.001)


async def test_retries_come_at_times_counted_from_the_first_attempt(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender(a=answered(404)))
    await site.publish()

    made = await attempts_of(site, until=3000.0)

    assert made == pytest.approx([0.0, 5.0, 305.0, 2105.0], abs=2.0)


# --- one endpoint harms no other ------------------------------------------------------


async def test_a_slow_endpoint_delays_no_other(bench: Bench) -> None:
    site = await Site.on(
        bench, FakeSender(), endpoints=(endpoint("slow"), endpoint("quick")), window=20
    )
    site.sender.gates["slow"] = asyncio.Event()
    for number in range(40):
        await site.publish(f"u{number}")
    site.pump.wake()
    await site.until(sent=45)

    assert len(site.sender.sent_to("quick")) == 40
    site.sender.gates["slow"].set()
    await site.pump.idle()
    assert len(site.sender.sent_to("slow")) == 40


class LateAnswers:
    """A store whose answer that nothing is due arrives after the next settlement's."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store
        self._settled = asyncio.Event()
        self.save_state = store.save_state
        self.claim_when_woken = store.claim_when_woken
        self.return_lost = store.return_lost

    async def claim_deliveries(
        self, limits: ClaimLimits, *, alone: bool = False
    ) -> DeliveryClaim:
        claim = await self._store.claim_deliveries(limits, alone=alone)
        if not claim.deliveries:
            await self._settled.wait()
        return claim

    async def settle(
        self, settlements: Sequence[Settlement], *, claim: ClaimLimits | None = None
    ) -> Settled:
        settled = await self._store.settle(settlements, claim=claim)
        self._settled.set()
        return settled


async def test_what_became_due_while_a_claim_was_asked_is_claimed_at_once(
    bench: Bench,
) -> None:
    one_at_a_time = endpoint(concurrency=1)
    site = await Site.on(bench, FakeSender(), endpoints=(one_at_a_time,))
    for lane in ("u1", "u2"):
        await site.publish(lane)
    pump = Pump(
        store=LateAnswers(bench.deliveries),
        runner=site.runner,
        elapsed=time.monotonic,
        window=20,
    )

    pump.wake()
    await pump.idle()

    assert site.sent == 2


async def test_slow_endpoints_hold_at_most_half_of_the_window_together(
    bench: Bench,
) -> None:
    slow = [endpoint(f"slow{number}", concurrency=50) for number in range(4)]
    late = {one.name: Response(duration=14.0, status=200) for one in slow}
    site = await Site.on(
        bench, FakeSender(**late), endpoints=[*slow, endpoint("quick")], window=20
    )
    await site.publish("first")
    await site.deliver()
    site.sender.sent.clear()
    hang = asyncio.Event()
    site.sender.gates = {one.name: hang for one in slow}
    for number in range(40):
        await site.publish(f"u{number}")
    site.pump.wake()
    await site.until(sent=50)

    assert len(site.sender.sent_to("quick")) == 40
    assert site.sent == 50
    hang.set()
    await site.pump.idle()


async def test_no_more_are_in_flight_than_the_window_has_places(bench: Bench) -> None:
    site = await Site.on(
        bench, FakeSender(), endpoints=[endpoint(concurrency=500)], window=30
    )
    for number in range(100):
        await site.publish(f"u{number}")
    await site.deliver()

    assert site.sent == 100
    assert site.sender.most <= 30


async def test_who_has_no_place_left_leaves_wake_ups_to_others(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender(), endpoints=[endpoint("slow")], window=1)
    site.sender.gates["slow"] = asyncio.Event()
    await site.publish("u")
    site.pump.wake()
    await site.until(sent=1)
    await site.publish("v")
    await site.pump.await_work()

    assert await bench.woken()
    site.sender.gates["slow"].set()
    await site.pump.idle()


async def test_a_place_is_filled_as_soon_as_it_is_free(bench: Bench) -> None:
    site = await Site.on(
        bench,
        FakeSender(),
        endpoints=[endpoint("quick"), endpoint("slow", concurrency=1)],
    )
    site.sender.gates["slow"] = asyncio.Event()
    await site.publish("u")
    site.pump.wake()
    await site.until(sent=2)
    for number in range(50):
        await site.bench.tell(f"v{number}", to=["quick"])
    site.pump.wake()
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
        return ExchangeResult(attempt=Attempt(started=0.0, duration=0.0))

    def sample_response(self, request: Request) -> Response:
        return WEBHOOK.sample_response(request)


class Mumbling:
    """A channel that makes half an emoji of whatever it is told."""

    def deliver(self, context: DeliveryContext) -> Exchange:
        response = yield Request(url=context.endpoint.url)
        attempt = Attempt(
            started=context.started,
            duration=0.0,
            status=response.status,
            detail="\ud83d",
        )
        return ExchangeResult(attempt=attempt)

    def sample_response(self, request: Request) -> Response:
        return WEBHOOK.sample_response(request)


@pytest.mark.parametrize("where", ["render", "read"])
async def test_an_exception_is_a_failed_attempt_like_any_other(
    bench: Bench, where: str
) -> None:
    site = await Site.on(bench, FakeSender(), channel=Broken(where))
    event = await site.publish()
    await site.deliver()
    await site.deliver(after=5.0)

    assert await site.bench.state(event) == "pending"
    assert await site.bench.attempts(event) == 2
    row = await site.bench.queries.event(event.id)
    assert row is not None
    assert row.attempts[0]["fault"] == "rendering"


async def test_an_exception_costs_the_others_nothing(bench: Bench) -> None:
    endpoints = (endpoint("a"), endpoint("b"))
    site = await Site.on(
        bench, FakeSender(), endpoints=endpoints, channels={"a": Broken("render")}
    )
    event = await site.publish()
    await site.deliver()

    assert await site.bench.state(event, "b") == "delivered"


async def crash(site: Site) -> None:
    """Claim what is due and die."""
    await site.bench.deliveries.claim_deliveries(ClaimLimits(limit=100, slow_limit=100))
    await site.bench.let_pass(31.0)


async def test_what_a_dead_worker_left_behind_is_delivered_one_at_a_time(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    events = [await site.publish(f"u{number}") for number in range(5)]
    await crash(site)
    await site.deliver()

    assert [await site.bench.state(event) for event in events] == ["delivered"] * 5
    assert site.sender.most == 1


async def test_suspects_have_nothing_beside_them(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    suspect = await site.publish("u")
    await crash(site)
    for number in range(20):
        await site.publish(f"v{number}")
    site.sender.gates["a"] = asyncio.Event()
    site.pump.wake()
    await site.until(sent=5)
    assert suspect.id not in site.sender.sent_to("a")
    site.sender.gates["a"].set()
    await site.pump.idle()

    assert site.sender.sent_to("a").count(suspect.id) == 1
    assert site.sent == 21


async def test_a_suspect_that_hangs_delays_others_for_a_second_at_most(
    bench: Bench,
) -> None:
    endpoints = (endpoint("hung"), endpoint("fine"))
    site = await Site.on(bench, FakeSender(), endpoints=endpoints)
    site.sender.gates["hung"] = asyncio.Event()
    for number in range(3):
        await site.bench.tell(f"u{number}", to=["hung"])
    await crash(site)
    site.pump.wake()
    await site.until(sent=1)
    await site.bench.tell("v", to=["fine"])

    began = time.monotonic()
    site.pump.wake()
    await site.until(sent=2)
    took = time.monotonic() - began
    site.sender.gates["hung"].set()
    async with asyncio.timeout(30.0):
        while site.sent < 4:  # ticks
            await site.deliver()

    assert took < 5.0
    assert [name for name, _ in site.sender.sent] == ["hung", "fine", "hung", "hung"]


async def test_an_answer_that_cannot_be_written_costs_the_others_nothing(
    bench: Bench,
) -> None:
    odd = Response(status=500, body=b"x")
    site = await Site.on(
        bench,
        FakeSender(a=odd),
        endpoints=(endpoint("a"), endpoint("b")),
        channels={"a": Mumbling()},
    )
    events = [await site.bench.tell(f"u{number}", to=["a", "b"]) for number in range(5)]
    await site.deliver()

    assert {await site.bench.state(event, "b") for event in events} == {"delivered"}
    assert {await site.bench.state(event, "a") for event in events} == {"pending"}
    assert await site.bench.attempts(events[0]) == 2


async def test_a_poison_delivery_costs_three_claims_and_is_dead_then(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.publish("u", "task.submitted")
    after = await site.publish("u", "task.started")
    await crash(site)
    for _ in range(2):
        await site.bench.deliveries.claim_deliveries(ClaimLimits(limit=1, slow_limit=1))
        await site.bench.deliveries.claim_deliveries(
            ClaimLimits(limit=1, slow_limit=1), alone=True
        )
        await site.bench.let_pass(31.0)
    await site.deliver()

    assert await site.bench.state(event) == "dead"
    row = await site.bench.queries.event(event.id)
    assert row is not None
    assert row.deliveries[0].reason == "crashed the worker"
    assert site.sender.sent_to("a") == [after.id]


async def test_an_endpoint_that_is_not_configured_here_is_left_to_others(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.bench.tell("u", to=["unknown"])
    await site.deliver()

    assert await site.bench.state(event, "unknown") == "held"
    assert site.sent == 0


# --- stopping, and a store that is away -----------------------------------------------


async def test_stopping_lets_attempts_in_flight_end(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.publish()
    site.pump.wake()
    await site.until(sent=1)
    stopping = asyncio.create_task(site.pump.stop(5.0))
    await asyncio.sleep(0)
    site.sender.gates["a"].set()
    await stopping

    assert await site.bench.state(event) == "delivered"


async def test_stopping_hands_back_what_does_not_end_in_time(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.publish()
    site.pump.wake()
    await site.until(sent=1)
    await site.pump.stop(0.01)

    again = await site.bench.claim_one()
    assert (again.event.id, again.attempts, again.crashes) == (event.id, 0, 0)


async def test_stopping_before_an_attempt_has_begun_hands_it_back_too(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.publish()
    site.pump._launch(await site.bench.claim_one())
    for attempt in site.pump._flight:
        attempt.cancel()
    await site.pump.stop(1.0)

    assert site.sent == 0
    assert await site.bench.claimed() == [event.id]


async def test_a_stopped_pump_claims_nothing(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    await site.pump.stop(1.0)
    event = await site.publish()
    await site.deliver()

    assert site.sent == 0
    assert await site.bench.claimed() == [event.id]


async def test_what_is_claimed_while_stopping_is_handed_back(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.publish()
    bench.keys.gate.clear()
    bench.keys.asked.clear()
    site.pump.wake()
    await bench.keys.asked.wait()
    stopping = asyncio.create_task(site.pump.stop(1.0))
    await asyncio.sleep(0)
    bench.keys.gate.set()
    await stopping

    assert site.sent == 0
    assert await bench.claimed() == [event.id]


async def test_settling_is_tried_again_until_the_store_is_back(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    event = await site.publish()
    site.pump.wake()
    await site.until(sent=1)
    site.bench.keys.away = True
    site.bench.keys.asked.clear()
    site.sender.gates["a"].set()
    await site.bench.keys.asked.wait()  # to settle, in vain
    site.bench.keys.away = False
    await site.pump.idle()

    assert await site.bench.state(event) == "delivered"
    assert site.sent == 1


async def test_what_comes_due_later_needs_no_second_wake_up(bench: Bench) -> None:
    site = await Site.on(
        bench,
        FakeSender(a=[answered(500), answered(200)]),
        endpoints=(endpoint(schedule=(1.1,)),),
    )
    event = await site.publish()
    await site.deliver()
    assert site.sent == 1
    await site.until(sent=2)
    await site.pump.idle()

    assert await site.bench.state(event) == "delivered"


async def test_a_store_that_is_away_ends_the_work_until_the_next_kick(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.publish()
    site.bench.keys.away = True
    await site.deliver()
    site.bench.keys.away = False
    await site.deliver()

    assert await site.bench.state(event) == "delivered"


async def test_an_event_that_arrives_while_the_pump_works_is_delivered_at_once(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender())
    site.sender.gates["a"] = asyncio.Event()
    await site.publish("u")
    site.pump.wake()
    await site.until(sent=1)
    await site.publish("v")
    site.pump.wake()
    await site.until(sent=2)

    site.sender.gates["a"].set()
    await site.pump.idle()


# --- what operators hear --------------------------------------------------------------


def operators() -> Endpoint:
    return endpoint("ops", events=("endpoint.*", "delivery.*"))


def heard(site: Site) -> list[tuple[str, dict[str, object]]]:
    bodies = [json.loads(sent.body) for to, sent in site.sender.sent if to == "ops"]
    return [(body["type"], body["data"]) for body in bodies]


async def test_a_dead_delivery_is_told(bench: Bench) -> None:
    site = await Site.on(
        bench,
        FakeSender(a=answered(422)),
        endpoints=[endpoint("a", schedule=(10.0, 10.0, 10.0)), operators()],
    )
    event = await site.bench.tell("u")
    for _ in range(4):
        await site.deliver(after=11.0)

    ((kind, data),) = heard(site)
    assert kind == "delivery.dead"
    assert (data["endpoint"], data["event"]["id"]) == ("a", event.id)  # type: ignore[index]


async def test_an_attempt_that_disables_its_endpoint_names_no_next_one(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender(a=[answered(410)]))
    await bench.tell("u")

    with capture_logs() as lines:
        await site.deliver()

    [attempted] = [one for one in lines if one["event"] == "delivery.attempted"]
    assert attempted["disabled"] is True
    assert attempted["retry_in"] is None
    shown = re.sub(r"\x1b\[\d+m|\s+", " ", render_for_terminal(None, "", attempted))
    assert "held until mjbridge endpoints resume a" in " ".join(shown.split())


async def test_what_was_disabled_and_recovered_is_told_once_each(bench: Bench) -> None:
    site = await Site.on(
        bench,
        FakeSender(a=[answered(410), answered(200)]),
        endpoints=[endpoint("a"), operators()],
    )
    for lane in "uv":
        await site.bench.tell(lane)
    await site.deliver()
    await site.bench.admin.switch("a", "resume")
    await site.deliver()
    await site.bench.tell("w")
    await site.deliver()

    assert [kind for kind, _ in heard(site)] == [
        "endpoint.disabled",
        "endpoint.recovered",
    ]


async def test_that_operators_could_not_be_told_is_not_told_in_turn(
    bench: Bench,
) -> None:
    site = await Site.on(
        bench,
        FakeSender(a=answered(422), ops=answered(422)),
        endpoints=[
            endpoint("a", schedule=(10.0, 10.0, 10.0)),
            replace(operators(), schedule=(10.0, 10.0, 10.0)),
        ],
    )
    await site.bench.tell("u")
    for _ in range(20):
        await site.deliver(after=11.0)

    assert len(heard(site)) == 3
    assert DEFAULT_EVENTS  # nobody else subscribes to them by default
    assert not any(kind.startswith("delivery") for kind in DEFAULT_EVENTS)


# --- sending again --------------------------------------------------------------------


async def test_a_redelivery_is_marked_and_sent_once(bench: Bench) -> None:
    site = await Site.on(bench, FakeSender())
    event = await site.publish()
    await site.deliver()
    for _ in range(2):
        await site.bench.redeliver(event.id, "a")
    await site.deliver()

    marks = [sent.headers.get("webhook-redelivery") for _, sent in site.sender.sent]
    assert marks == [None, "true"]
    assert site.sender.sent_to("a") == [event.id, event.id]
