"""`bridge.app.delivery.exchange`: several requests in the time of one attempt, and a memory in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.app.delivery.exchange import StateNotSaved, talk
from bridge.channels.base import (
    DeliveryContext,
    Exchange,
    ExchangeResult,
    SaveState,
)
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import ChannelState, Request, Response
from tests.app.test_deliver import Site, endpoint
from tests.fakes import FakeSender, answered

DELIVERED = Attempt(started=0.0, took=0.0, platform_result=AttemptResult.DELIVERED)
#: What channels mark before they post what must not be posted twice.
MARK = SaveState(channel_state={"posting": True})
PLACE = Endpoint(name="a", url="http://a.test/", timeout=10.0)


def request(path: str = "", **more: float) -> Request:
    return Request(url=f"http://a.test/{path}", within=more.get("within"))


class Clock:
    """A clock that goes forward by itself with every request."""

    def __init__(self, step: float) -> None:
        self.now = 100.0
        self._step = step

    async def send(self, endpoint: Endpoint, asked: Request) -> Response:
        del endpoint
        self.asked = [*getattr(self, "asked", []), asked]
        self.now += self._step
        return Response(took=self._step, status=200)

    async def aclose(self) -> None:
        """Close nothing."""


async def held(
    exchange: Exchange,
    sender: Clock,
    *,
    save_state: Callable[[ChannelState], bool] = lambda _: True,
) -> ExchangeResult:
    async def kept(channel_state: ChannelState) -> None:
        if not save_state(channel_state):
            raise StateNotSaved

    return await talk(
        exchange,
        PLACE,
        sender=sender,
        save_state=kept,
        now=lambda: 5.0,
        elapsed=lambda: sender.now,
    )


def asking(*requests: Request | SaveState) -> Exchange:
    """A conversation that asks for this and that, whatever is answered."""
    last = Response(took=0.0)
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
    await held(asking(request(), request(), request(within=1.0)), sender)

    assert [one.within for one in sender.asked] == [None, 6.0, 1.0]


async def test_a_request_for_which_no_time_is_left_is_not_sent() -> None:
    sender = Clock(step=9.99)
    outcome = await held(asking(request(), request()), sender)

    assert len(sender.asked) == 1
    assert outcome.attempt.fault is Fault.TIMEOUT
    assert outcome.attempt.detail == "no time was left for another request"


async def test_answers_say_when_they_came() -> None:
    seen = []

    def looking() -> Exchange:
        seen.append((yield request()).at)
        return ExchangeResult(attempt=DELIVERED)

    await held(looking(), Clock(step=1.0))

    assert seen == [5.0]


# --- memory ---------------------------------------------------------------------------


async def test_what_is_to_be_remembered_is_kept_before_anything_is_sent() -> None:
    sender, order = Clock(step=1.0), list[object]()

    def save_state(channel_state: ChannelState) -> bool:
        order.append((channel_state, len(getattr(sender, "asked", []))))
        return True

    await held(asking(MARK, request()), sender, save_state=save_state)

    assert order == [({"posting": True}, 0)]


async def test_nothing_is_sent_if_the_mark_for_it_cannot_be_kept() -> None:
    """Somebody else may have posted it, or the store is away and nobody would know."""
    sender = Clock(step=1.0)
    with pytest.raises(StateNotSaved):
        await held(asking(MARK, request()), sender, save_state=lambda _: False)

    assert not hasattr(sender, "asked")


async def test_what_was_begun_is_finished_even_if_it_cannot_be_remembered() -> None:
    sender = Clock(step=1.0)
    exchange = asking(request("post"), MARK, request("delete"))
    outcome = await held(exchange, sender, save_state=lambda _: False)

    assert [one.url.rpartition("/")[2] for one in sender.asked] == ["post", "delete"]
    assert outcome.attempt.succeeded


async def test_nothing_is_begun_when_remembering_took_all_the_time() -> None:
    sender = Clock(step=1.0)

    def save_state(_: ChannelState) -> bool:
        sender.now += 11.0
        return True

    with pytest.raises(StateNotSaved):
        await held(asking(MARK, request()), sender, save_state=save_state)


# --- in a pump ------------------------------------------------------------------------


class Marking:
    """A channel that marks before it posts, and remembers what it has posted."""

    def __init__(self) -> None:
        self.memories: list[ChannelState] = []

    def deliver(self, context: DeliveryContext) -> Exchange:
        self.memories.append(context.channel_state)
        yield MARK
        response = yield request()
        attempt = Attempt(
            started=context.started, took=response.took, status=response.status
        )
        return ExchangeResult(attempt=attempt, channel_state={"id": "1"}, edit_in=30.0)

    def sample_response(self, request: Request) -> Response:
        del request
        return Response(took=0.0, status=200)


async def test_what_a_conversation_leaves_is_there_for_the_next_one() -> None:
    channel = Marking()
    site = Site(FakeSender(), channel=channel)
    for kind in ("task.started", "task.succeeded"):
        await site.tell(kind=kind)
        await site.deliver()

    assert channel.memories == [{}, {"id": "1"}]


async def test_a_mark_outlives_an_attempt_that_did_not_end() -> None:
    channel = Marking()
    site = Site(FakeSender(), channel=channel)
    site.sender.gates["a"] = asyncio.Event()
    await site.tell()
    site.pump.kick()
    await site.until(sent=1)
    await site.pump.stop(0.0)
    site.sender.gates["a"].set()
    site.pump = site.new_pump()
    await site.deliver()

    assert channel.memories == [{}, MARK.channel_state]


async def test_progress_waits_for_as_long_as_the_conversation_said() -> None:
    site = Site(FakeSender(), channel=Marking())
    await site.tell(kind="task.started")
    await site.deliver()
    await site.tell(kind="task.progress")
    await site.deliver(after=29.0)
    assert site.sent == 1
    await site.deliver(after=1.1)
    assert site.sent == 2


async def test_a_store_that_is_away_when_it_must_remember_costs_no_attempt() -> None:
    site = Site(FakeSender(), channel=Marking())
    event = await site.tell()
    (delivery,) = await site.bench.claim()
    site.store.away = True
    settlement = await site.runner.attempt(delivery)
    site.store.away = False
    await site.store.settle([settlement])
    assert (settlement.attempt, site.sent) == (None, 0)

    await site.deliver()

    assert await site.bench.state(event) == "delivered"
    assert await site.bench.attempts(event) == 1


async def test_who_lost_its_claim_posts_nothing() -> None:
    site = Site(FakeSender(), channel=Marking())
    await site.tell()
    (late,) = await site.bench.claim()
    await site.let_pass(31.0)
    await site.bench.claim()
    await site.bench.claim(alone=True)

    assert (await site.runner.attempt(late)).verdict is None
    assert site.sent == 0


@pytest.mark.parametrize("status", [200, 500])
async def test_what_is_remembered_is_kept_whether_or_not_it_arrived(
    status: int,
) -> None:
    channel = Marking()
    site = Site(FakeSender(a=answered(status)), channel=channel)
    site.endpoints = (endpoint(),)
    await site.tell()
    await site.deliver()
    await site.tell(kind="task.succeeded")
    await site.deliver()

    assert channel.memories[1] == {"id": "1"}
