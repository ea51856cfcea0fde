"""Delivering to hooks: what differs from endpoints that somebody has configured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.housekeeping import sweep
from bridge.channels import midjourney, webhook
from bridge.channels.sample import sample_event
from bridge.channels.webhook import WebhookOptions
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.hook import Hook, HookFormat, HookPolicy
from bridge.core.http import AnyRequest, Request, Response
from tests.contract.bench import RETENTION, Bench
from tests.contract.test_hooks import ORIGIN, change, hook, track
from tests.fakes import answered

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = HookPolicy(
    endpoint=Endpoint(
        name="hook",
        url="",
        schedule=(5.0,),
        guarded=True,
        options=WebhookOptions(secrets=(SECRET,)),
    )
)
OPERATORS = Endpoint(name="ops", url="https://ops.example/", events=("*.*",))


@dataclass
class Receivers:
    """
    Receivers that answer by URL, 200 unless told otherwise.

    Attributes:
        answering: Set while hooks answer; clear it to have them hang.
    """

    says: Mapping[str, Response] = field(default_factory=dict)
    sent: list[tuple[Endpoint, Request]] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answering.set()

    async def send(self, endpoint: Endpoint, request: AnyRequest) -> Response:
        assert isinstance(request, Request)
        self.sent.append((endpoint, request))
        if endpoint != OPERATORS:
            await self.answering.wait()
        return self.says.get(request.url, answered(200))

    async def aclose(self) -> None:
        """Close nothing."""

    @property
    def urls(self) -> list[str]:
        """Where hooks were sent something, in order."""
        return [request.url for to, request in self.sent if to != OPERATORS]


def pump_of(
    bench: Bench,
    sender: Receivers,
    *,
    hooks: HookPolicy | None = POLICY,
    window: int = 200,
) -> Pump:
    runner = AttemptRunner(
        store=bench.deliveries,
        sender=sender,
        endpoints={OPERATORS.name: OPERATORS},
        channels={"webhook": webhook, midjourney.KIND: midjourney},
        hooks=hooks,
        now=lambda: time.time() + bench.passed,
        elapsed=time.monotonic,
        roll=lambda: 0.0,
    )
    return Pump(
        store=bench.deliveries, runner=runner, elapsed=time.monotonic, window=window
    )


async def deliver(
    bench: Bench, sender: Receivers, *, hooks: HookPolicy | None = POLICY
) -> None:
    pump = pump_of(bench, sender, hooks=hooks)
    pump.wake()
    await pump.idle()


async def fate(bench: Bench, event: Event) -> tuple[str, str | None]:
    row = await bench.queries.event(event.id)
    assert row is not None
    (delivery,) = (one for one in row.deliveries if one.endpoint == ORIGIN)
    return delivery.state, delivery.reason


async def test_a_hook_is_sent_the_signed_event_at_its_own_url(bench: Bench) -> None:
    await track(bench, "1")
    await track(bench, "2", to=hook("other"))
    events = await change(bench, "1", "2")
    receivers = Receivers()
    await deliver(bench, receivers)

    assert sorted(receivers.urls) == sorted([hook().url, hook("other").url])
    for endpoint, request in receivers.sent:
        assert endpoint.name == ORIGIN
        assert endpoint.guarded
        assert request.headers["webhook-signature"].startswith("v1,")
    assert {request.headers["webhook-id"] for _, request in receivers.sent} == {
        event.id for event in events.values()
    }


async def test_a_hook_in_the_protocols_form_is_sent_the_task(bench: Bench) -> None:
    await track(bench, "1", to=Hook(url=hook().url, format=HookFormat.MIDJOURNEY))
    event = sample_event("task.succeeded", time.time())
    await change(bench, "1", body=event.body)
    receivers = Receivers()
    await deliver(bench, receivers)

    ((endpoint, request),) = receivers.sent
    assert endpoint.kind == "midjourney"
    assert json.loads(request.body)["progress"] == "100%"


async def test_410_ends_one_tasks_hook_and_is_told_as_a_death(bench: Bench) -> None:
    await bench.admin.configure([OPERATORS])
    await track(bench, "1")
    await track(bench, "2", to=hook("other"))
    first = await change(bench, "1", "2")
    receivers = Receivers({hook().url: answered(410)})
    await deliver(bench, receivers)
    second = await change(bench, "1", "2")
    await deliver(bench, receivers)

    assert await fate(bench, first["1"]) == ("dead", "the receiver answered 410 Gone")
    assert await bench.state(second["1"], ORIGIN) is None
    assert await fate(bench, second["2"]) == ("delivered", None)
    assert receivers.urls.count(hook().url) == 1
    notices = [
        json.loads(request.body)
        for endpoint, request in receivers.sent
        if endpoint == OPERATORS
    ]
    assert [one["type"] for one in notices] == ["delivery.dead"]
    assert notices[0]["data"]["endpoint"] == ORIGIN


async def test_what_waited_for_a_hook_that_ended_is_dead_and_says_why(
    bench: Bench,
) -> None:
    await track(bench, "1")
    first = await change(bench, "1")
    second = await change(bench, "1")
    receivers = Receivers({hook().url: answered(410)})
    await deliver(bench, receivers)

    assert (await fate(bench, first["1"]))[0] == "dead"
    assert await fate(bench, second["1"]) == (
        "dead",
        "the task has no hook there any more",
    )
    assert receivers.urls == [hook().url]


async def test_an_address_that_is_not_allowed_costs_one_attempt(bench: Bench) -> None:
    await track(bench, "1")
    event = (await change(bench, "1"))["1"]
    refused = "the receiver's address is not allowed"
    receivers = Receivers(
        {hook().url: Response(fault=Fault.ADDRESS_BLOCKED, detail=refused)}
    )
    await deliver(bench, receivers)

    assert await fate(bench, event) == ("dead", refused)


async def test_a_hook_that_fails_is_tried_again_and_then_given_up(bench: Bench) -> None:
    await track(bench, "1")
    event = (await change(bench, "1"))["1"]
    receivers = Receivers({hook().url: answered(500)})
    await deliver(bench, receivers)
    assert await fate(bench, event) == ("pending", None)
    await bench.let_pass(6.0)
    await deliver(bench, receivers)

    assert await fate(bench, event) == ("dead", "every attempt failed (HTTP 500)")
    assert receivers.urls == [hook().url] * 2


async def test_hooks_wait_where_a_worker_does_not_deliver_to_them(bench: Bench) -> None:
    await track(bench, "1")
    event = (await change(bench, "1"))["1"]
    receivers = Receivers()
    await deliver(bench, receivers, hooks=None)
    assert await fate(bench, event) == ("held", None)
    await sweep(bench.housekeeping, [], hooks=POLICY, upstreams=[], retention=RETENTION)
    await deliver(bench, receivers)

    assert await fate(bench, event) == ("delivered", None)


async def test_the_origin_of_a_hook_is_configured_as_long_as_its_task_is_kept(
    bench: Bench,
) -> None:
    await track(bench, "1")
    event = (await change(bench, "1"))["1"]
    for _ in range(3):
        await sweep(
            bench.housekeeping, [], hooks=POLICY, upstreams=[], retention=RETENTION
        )
        await bench.let_pass(3000.0)
    assert await fate(bench, event) == ("pending", None)
    await bench.let_pass(3000.0)
    await sweep(bench.housekeeping, [], upstreams=[], retention=RETENTION)

    assert await fate(bench, event) == ("dead", "endpoint removed")


async def test_hanging_hooks_leave_the_window_to_others(bench: Bench) -> None:
    await bench.admin.configure([OPERATORS])
    hanging = [hook(host=f"{number}.example") for number in range(20)]
    for number, one in enumerate(hanging):
        await track(bench, str(number), to=one, max_origins=20)
    receivers = Receivers()
    receivers.answering.clear()
    await change(bench, *map(str, range(20)), recipients=(OPERATORS.name,))
    pump = pump_of(bench, receivers, window=20)
    pump.wake()

    async with asyncio.timeout(30.0):
        while len(receivers.sent) - len(receivers.urls) < 20:
            await asyncio.sleep(0.01)
    assert len(receivers.urls) == 5
    receivers.answering.set()
    await pump.idle()
    assert len(receivers.urls) == 20
