"""The feed: every event once and in order, or a word that some may be missing."""

from __future__ import annotations

import asyncio

import pytest

from bridge.app.ports import News, Outcome
from bridge.core.event import Event
from tests.contract.bench import Bench, endpoint


def events_of(news: News) -> list[Event]:
    return [entry.event for entry in news.entries]


async def test_events_are_read_in_the_order_in_which_they_were_recorded(
    bench: Bench,
) -> None:
    assert await bench.feed.position() == "0-0"
    first = await bench.tell("u", "task.submitted")
    begun = await bench.feed.position()
    second = await bench.tell("v", "task.submitted")
    third = await bench.tell("u", "task.started")

    everything = await bench.feed.after("0-0", block=0.0)
    rest = await bench.feed.after(begun, block=0.0)

    assert events_of(everything) == [first, second, third]
    assert events_of(rest) == [second, third]
    assert [entry.position for entry in rest.entries][-1] == rest.position
    assert everything.position == rest.position == await bench.feed.position()
    assert [everything.reset, rest.reset] == [False, False]


async def test_reading_goes_on_where_it_ended(bench: Bench) -> None:
    events = [await bench.tell(f"u{number}") for number in range(7)]
    found: list[Event] = []
    position = "0-0"
    while len(found) < len(events):
        news = await bench.feed.after(position, block=0.0, most=2)
        assert len(news.entries) == min(2, len(events) - len(found))
        found += events_of(news)
        position = news.position

    assert found == events


async def test_notices_are_in_the_feed(bench: Bench) -> None:
    await bench.tell("u")
    notice = bench.notice("delivery.dead", to=())
    position = await bench.feed.position()
    await bench.kill(await bench.claim_one(), notice)

    news = await bench.feed.after(position, block=0.0)

    assert [event.id for event in events_of(news)] == [notice.event.id]


async def test_a_reader_waits_for_what_comes(bench: Bench) -> None:
    await bench.tell("u", "task.submitted")
    position = await bench.feed.position()
    reading = asyncio.create_task(bench.feed.after(position, block=20.0))
    event = await bench.tell("u", "task.started")

    news = await asyncio.wait_for(reading, 30.0)

    assert events_of(news) == [event]


async def test_a_reader_that_waited_in_vain_stays_where_it_is(bench: Bench) -> None:
    await bench.tell("u")
    position = await bench.feed.position()

    news = await bench.feed.after(position, block=0.01)

    assert (news.position, events_of(news), news.reset) == (position, [], False)


@pytest.mark.timeout(120)
async def test_ten_thousand_events_can_be_read_again_and_older_ones_are_reported(
    bench: Bench,
) -> None:
    await bench.tell("old", to=())
    old = await bench.feed.position()
    await bench.tell("first", to=())
    first = await bench.feed.position()
    for _ in range(20):
        await bench.tell_many(500, to=())

    found, position = 0, first
    while (news := await bench.feed.after(position, block=0.0)).entries:
        assert not news.reset
        found += len(news.entries)
        position = news.position
    assert found == 10_000
    for _ in range(2):
        await bench.tell_many(500, to=())
    for passed in (old, "0-0"):
        news = await bench.feed.after(passed, block=0.0)
        assert (news.reset, events_of(news)) == (True, [])
        assert news.position == await bench.feed.position()


@pytest.mark.parametrize("position", ["", "x", "1", "99999999999999-0", "-", "1-1-1"])
async def test_a_position_of_nowhere_is_read_as_too_old(
    bench: Bench, position: str
) -> None:
    await bench.tell("u")

    news = await bench.feed.after(position, block=0.0)

    assert news.reset
    assert news.position == await bench.feed.position()


async def test_what_is_no_longer_kept_is_left_out(bench: Bench) -> None:
    await bench.tell("u", to=())
    await bench.let_pass(700_000.0)
    await bench.housekeeping.tidy(100)
    kept = await bench.tell("v", to=())

    news = await bench.feed.after("0-0", block=0.0)

    assert [event.id for event in events_of(news)] == [kept.id]
    assert not news.reset


async def test_the_end_of_each_delivery_can_be_followed(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    event = await bench.tell("u", "task.submitted")
    nothing, position = await bench.feed.outcomes("")
    await bench.succeed(await bench.claim_one())
    await bench.redeliver(event.id, "a")

    outcomes, position = await bench.feed.outcomes(position)

    assert nothing == ()
    assert outcomes == [
        Outcome(event_id=event.id, endpoint="a", state="delivered"),
        Outcome(event_id=event.id, endpoint="a", state="pending"),
    ]
    assert await bench.feed.outcomes(position) == ([], position)
