"""`bridge.app.delivery.attempt`: several requests in the time of one attempt, and state saved in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.app.delivery.attempt import StateNotSaved, run_exchange
from bridge.channels.base import (
    DeliveryContext,
    Exchange,
    ExchangeResult,
    SaveState,
)
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import AnyRequest, ChannelState, Request, Response
from tests.app.test_deliver import Site, endpoint
from tests.contract.bench import Bench
from tests.fakes import FakeSender, answered

DELIVERED = Attempt(started=0.0, duration=0.0, platform_result=AttemptResult.DELIVERED)
#: What channels mark before they post what must not be posted twice.
MARK = SaveState(channel_state={"posting": True})
PLACE = Endpoint(name="a", url="http://a.test/", timeout=10.0)


def request(path: str = "", **more: float) -> Request:
    return Request(url=f"http://a.test/{path}", timeout=more.get("timeout"))


class Clock:
    """A clock that goes forward by itself with every request."""

    def __init__(self, step: float) -> None:
        self.now = 100.0
        self._step = step

    async def send(self, endpoint: Endpoint, request: AnyRequest) -> Response:
        del endpoint
        self.asked = [*getattr(self, "asked", []), request]
        self.now += self._step
        return Response(duration=self._step, status=200)

    async def aclose(self) -> None:
        """Close nothing."""


async def run(
    exchange: Exchange,
    sender: Clock,
    *,
    save_state: Callable[[ChannelState], bool] = lambda _: True,
) -> ExchangeResult:
    async def saved(channel_state: ChannelState) -> bool:
        return save_state(channel_state)

    return await run_exchange(
        exchange,
        PLACE,
        sender=sender,
        save_state=saved,
        now=lambda: 5.0,
        elapsed=lambda: sender.now,
    )


def asking(*requests: Request | SaveState) -> Exchange:
    """An exchange that asks for this and that, whatever is answered."""
    last = Response(duration=0.0)
    for one in requests:
        last = yield one
    return ExchangeResult(
        attempt=replace(
            DELIVERED, status=last.status, fault=last.fault, detail=last.detail
        )
    )


# --- time -----------------------------------------------------------------------------


async def test_the_first_request_may_take_all_the_time_and_the_next_what_is_left() -> (
    None
):
    sender = Clock(step=4.0)
    await run(asking(request(), request(), request(timeout=1.0)), sender)

    assert [one.timeout for one in sender.asked] == [None, 6.0, 1.0]


async def test_a_request_for_which_no_time_is_left_is_not_sent() -> None:
    sender = Clock(step=9.99)
    result = await run(asking(request(), request()), sender)

    assert len(sender.asked) == 1
    assert result.attempt.fault is Fault.TIMEOUT
    assert result.attempt.detail == "no time was left for another request"


async def test_answers_say_when_they_came() -> None:
    seen = []

    def looking() -> Exchange:
        seen.append((yield request()).received_at)
        return ExchangeResult(attempt=DELIVERED)

    await run(looking(), Clock(step=1.0))

    assert seen == [5.0]


# --- channel state ---------------------------------------------------------------------------


async def test_state_is_saved_before_the_request_that_follows_it() -> None:
    sender, order = Clock(step=1.0), list[object]()

    def save_state(channel_state: ChannelState) -> bool:
        order.append((channel_state, len(getattr(sender, "asked", []))))
        return True

    await run(asking(MARK, request()), sender, save_state=save_state)

    assert order == [({"posting": True}, 0)]


async def test_nothing_is_sent_if_the_mark_for_it_cannot_be_saved() -> None:
    """Somebody else may have posted it, or the store is away and nobody would know."""
    sender = Clock(step=1.0)
    with pytest.raises(StateNotSaved):
        await run(asking(MARK, request()), sender, save_state=lambda _: False)

    assert not hasattr(sender, "asked")


async def test_what_was_begun_is_finished_even_if_its_state_cannot_be_saved() -> None:
    sender = Clock(step=1.0)
    exchange = asking(request("post"), MARK, request("delete"))
    result = await run(exchange, sender, save_state=lambda _: False)

    assert [one.url.rpartition("/")[2] for one in sender.asked] == ["post", "delete"]
    assert result.attempt.succeeded


async def test_nothing_is_begun_when_saving_took_all_the_time() -> None:
    sender = Clock(step=1.0)

    def save_state(_: ChannelState) -> bool:
        sender.now += 11.0
        return True

    with pytest.raises(StateNotSaved):
        await run(asking(MARK, request()), sender, save_state=save_state)


# --- in a pump ------------------------------------------------------------------------


#: Channel state is kept for those only.
CHAT = (endpoint(kind="slack"),)


class Marking:
    """A channel that saves a mark before it posts, and the message's id after."""

    def __init__(self) -> None:
        self.states: list[ChannelState] = []

    def deliver(self, context: DeliveryContext) -> Exchange:
        self.states.append(context.channel_state)
        yield MARK
        response = yield request()
        attempt = Attempt(
            started=context.started, duration=response.duration, status=response.status
        )
        return ExchangeResult(
            attempt=attempt, channel_state={"id": "1"}, hold_progress=30.0
        )

    def sample_response(self, request: Request) -> Response:
        del request
        return Response(status=200)


async def test_the_state_that_one_delivery_leaves_is_there_for_the_next(
    bench: Bench,
) -> None:
    channel = Marking()
    site = await Site.on(bench, FakeSender(), endpoints=CHAT, channel=channel)
    for kind in ("task.started", "task.succeeded"):
        await site.publish(kind=kind)
        await site.deliver()

    assert channel.states == [{}, {"id": "1"}]


async def test_a_mark_outlives_an_attempt_that_did_not_end(bench: Bench) -> None:
    channel = Marking()
    site = await Site.on(bench, FakeSender(), endpoints=CHAT, channel=channel)
    site.sender.gates["a"] = asyncio.Event()
    await site.publish()
    site.pump.wake()
    await site.until(sent=1)
    await site.pump.stop(0.0)
    site.sender.gates["a"].set()
    site.pump = site.new_pump()
    await site.deliver()

    assert channel.states == [{}, MARK.channel_state]


async def test_progress_waits_for_as_long_as_the_channel_asked(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender(), endpoints=CHAT, channel=Marking())
    await site.publish(kind="task.started")
    await site.deliver()
    await site.publish(kind="task.progress")
    await site.deliver(after=27.0)
    assert site.sent == 1
    await site.deliver(after=3.1)
    assert site.sent == 2


async def test_a_store_that_is_away_when_state_must_be_saved_costs_no_attempt(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender(), endpoints=CHAT, channel=Marking())
    event = await site.publish()
    (delivery,) = await site.bench.claim()
    site.bench.keys.away = True
    settlement = await site.runner.attempt(delivery)
    site.bench.keys.away = False
    await site.bench.deliveries.settle([settlement])
    assert (settlement.attempt, site.sent) == (None, 0)

    await site.deliver()

    assert await site.bench.state(event) == "delivered"
    assert await site.bench.attempts(event) == 1


async def test_a_worker_that_lost_its_claim_posts_nothing(
    bench: Bench,
) -> None:
    site = await Site.on(bench, FakeSender(), endpoints=CHAT, channel=Marking())
    await site.publish()
    (late,) = await site.bench.claim()
    await site.bench.let_pass(31.0)
    await site.bench.claim()
    await site.bench.claim(alone=True)

    assert (await site.runner.attempt(late)).verdict is None
    assert site.sent == 0


@pytest.mark.parametrize("status", [200, 500])
async def test_state_is_saved_whether_or_not_the_event_arrived(
    bench: Bench, status: int
) -> None:
    channel = Marking()
    site = await Site.on(
        bench, FakeSender(a=answered(status)), endpoints=CHAT, channel=channel
    )
    await site.publish()
    await site.deliver()
    await site.publish(kind="task.succeeded")
    await site.deliver()

    assert channel.states[1] == {"id": "1"}
