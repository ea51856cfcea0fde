"""The stream over a real store: what is recorded there, every process shows in the same way."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.adapters.gateway.reading import row
from tests.contract.bench import Bench
from tests.web.history import UPSTREAM, answered, due_tasks
from tests.web.site import Site, open_site


async def frames_of(
    site: Site,
    count: int,
    query: str = "",
    *,
    last_id: str = "",
    began: asyncio.Event | None = None,
) -> list[dict[str, str]]:
    """Return the first frames of a stream; *began* is set when nothing is missed any more."""
    headers = {"last-event-id": last_id} if last_id else {}
    found: list[dict[str, str]] = []
    frame: dict[str, str] = {}
    async with (
        asyncio.timeout(20),
        site.http.stream("GET", f"/api/v1/stream?{query}", headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        if began is not None:
            began.set()
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                frame[name] = value
                continue
            if "data" in frame:
                found.append(frame)
            frame = {}
            if len(found) == count:
                return found
    return found


async def test_any_process_goes_on_where_another_one_was(
    site: Site, redis_url: str, namespace: str, bench: Bench
) -> None:
    begun = await bench.feed.position()
    recorded, shown = list[str](), list[dict[str, str]]()

    async def record() -> None:
        for number in range(40):
            event = await bench.tell(f"u{number}")
            recorded.append(event.type)

    async with (
        open_site(redis_url, namespace) as other,
        asyncio.timeout(30),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(record())
        last = begun
        for round_ in range(10):
            one = (site, other)[round_ % 2]
            found = await frames_of(one, 4, last_id=last)
            last = found[-1]["id"]
            shown += found

    news = await bench.feed.after(begun, block=0)
    assert [one["id"] for one in shown] == [one.position for one in news.entries]
    assert [one["data"] for one in shown] == [one.event.body for one in news.entries]
    assert len(recorded) == 40


async def test_a_list_and_the_stream_join_without_a_gap(
    site: Site, bench: Bench
) -> None:
    await bench.tell("before")
    listed = await site.http.get("/api/v1/tasks")
    await bench.tell("after")

    [frame] = await frames_of(site, 1, f"after={listed.headers['x-feed-position']}")

    assert frame["id"] == await bench.feed.position()


async def test_the_end_of_a_delivery_is_shown_on_request(
    site: Site, bench: Bench
) -> None:
    event = await bench.tell("u")
    began = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        frames = frames_of(site, 1, "deliveries=true", began=began)
        reading = group.create_task(frames)
        await began.wait()
        await bench.succeed(await bench.claim_one())

    [frame] = reading.result()
    assert frame["event"] == "delivery"
    assert json.loads(frame["data"]) == {
        "eventId": event.id,
        "endpoint": "a",
        "state": "delivered",
    }


@pytest.mark.parametrize(
    "position", ["x", "-", "1-1-1", "9999999999999-0", "1-" + "9" * 30, "9" * 40 + "-0"]
)
async def test_a_position_of_no_feed_is_answered_with_a_reset(
    site: Site, bench: Bench, position: str
) -> None:
    await bench.tell("u")

    [frame] = await frames_of(site, 1, f"after={position}")

    assert frame["event"] == "reset"
    assert frame["id"] == await bench.feed.position()


async def test_text_that_is_huge_or_broken_is_text_in_lists_the_stream_and_the_page(
    site: Site, bench: Bench
) -> None:
    """A gateway, and whoever tracks, may send halves of characters, and 100 kB of them."""
    broken = "<b>\ud83d {{7*7}} \ud800 " + "\udfff" * 100_000
    button = {"customId": "MJ::JOB::x", "label": broken, "emoji": broken}
    said = {"prompt": broken, "failReason": broken, "buttons": [button]}
    snapshot = row(id="1", status="FAILURE", **said)
    tried = [
        await site.http.post(
            "/api/v1/tasks",
            content=json.dumps({"ids": ["1"], "upstream": UPSTREAM, "metadata": one}),
            headers={"content-type": "application/json"},
        )
        for one in ({"note": broken[:99]}, {"note": "x" * 100_000}, {"note": "<b>"})
    ]
    begun = await bench.feed.position()
    await answered(bench, await due_tasks(bench), [snapshot], to=("a",))

    [frame] = await frames_of(site, 1, f"after={begun}")
    answers = [
        await site.http.get(path)
        for path in (
            "/api/v1/tasks",
            "/api/v1/tasks/1",
            "/api/v1/events",
            "/api/v1/deliveries",
            "/tasks/1",
        )
    ]

    assert [answer.status_code for answer in tried] == [422, 422, 202]
    assert [answer.status_code for answer in answers] == [200] * 5
    for text in (frame["data"], *(answer.text for answer in answers)):
        text.encode()
        assert len(text) < 1_000_000
    streamed = json.loads(frame["data"])["data"]
    listed = answers[0].json()["items"][0]
    assert streamed["prompt"] == listed["prompt"]
    assert streamed["prompt"].startswith("<b>\ufffd {{7*7}} \ufffd")
    assert streamed["failReason"].startswith("<b>\ufffd")
    assert streamed["buttons"][0]["label"].startswith("<b>\ufffd")
    assert "<b>" not in answers[-1].text
