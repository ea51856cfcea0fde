"""The stream shows everything that happens, once and in its order, to whoever listens."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx
import pytest
import structlog

from bridge.app.ports import Outcome
from bridge.sandbox.server import base_url_of, bind
from bridge.web.http_server import Server
from bridge.web.hub import Hub
from bridge.web.problem_details import Problems
from bridge.web.stream import Stream
from tests.feeds import WrittenFeed, event

PACE = 0.02


@dataclass(kw_only=True)
class Streaming:
    """A stream that is served."""

    feed: WrittenFeed
    hub: Hub
    http: httpx.AsyncClient
    port: int


@asynccontextmanager
async def streaming(feed: WrittenFeed, **options: float) -> AsyncIterator[Streaming]:
    hub = Hub(feed)
    app = Problems(Stream(hub, **{"pace": PACE} | options))
    bound = bind("127.0.0.1", 0)
    url, port = base_url_of(bound), bound.getsockname()[1]
    limits = httpx.Limits(max_connections=None)
    async with (
        Server(app).serving(bound),
        httpx.AsyncClient(base_url=url, timeout=20, limits=limits) as client,
    ):
        try:
            yield Streaming(feed=feed, hub=hub, http=client, port=port)
        finally:
            hub.end()


@dataclass
class Listener:
    """A client; what it was sent, as an `EventSource` understands it."""

    frames: list[dict[str, str]] = field(default_factory=list)
    comments: int = 0
    retries: list[int] = field(default_factory=list)
    last_id: str = ""
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(
        self, site: Streaming, query: str = "", *, until: Callable[[], bool]
    ) -> None:
        """Listen until something is true, or the server ends the stream."""
        headers = {"last-event-id": self.last_id} if self.last_id else {}
        async with site.http.stream("GET", f"/?{query}", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            frame: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    self._take(frame, name, value.removeprefix(" "))
                elif "data" in frame:
                    self.frames.append(frame)
                    frame = {}
                    if until():
                        return
                else:
                    frame = {}
                if until():
                    return

    def _take(self, frame: dict[str, str], name: str, value: str) -> None:
        if name == "":
            self.comments += 1
        elif name == "retry":
            self.retries.append(int(value))
            self.began.set()
        else:
            frame[name] = value
        if name == "id":
            self.last_id = value

    @property
    def numbers(self) -> list[int]:
        return [
            json.loads(one["data"])["data"]["number"]
            for one in self.frames
            if one["event"].startswith("task.")
        ]

    def has(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.frames) >= count


@asynccontextmanager
async def listening(
    site: Streaming, listener: Listener, query: str = "", **how: Any
) -> AsyncIterator[Listener]:
    """Listen meanwhile; at the end, wait until it has what it listens for."""
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(listener.listen(site, query, **how))
        await listener.began.wait()
        yield listener


async def test_an_event_arrives_as_webhooks_get_it() -> None:
    async with streaming(WrittenFeed()) as site:
        listener = Listener()
        async with listening(site, listener, until=listener.has(1)):
            site.feed.add(event(1, type="task.succeeded"))

    [frame] = listener.frames
    assert frame["id"] == "1-0"
    assert frame["event"] == "task.succeeded"
    assert frame["data"] == event(1, type="task.succeeded").body
    assert listener.retries == [2000]


async def test_the_answer_is_one_that_no_proxy_holds_back() -> None:
    async with (
        streaming(WrittenFeed()) as site,
        site.http.stream("GET", "/") as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in answer.headers
        assert answer.headers["x-feed-position"] == "0-0"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("type=task.*", [1, 2, 3, 4]),
        ("type=task.s*", [2, 3]),
        ("type=task.started&type=task.progress", [1, 2, 4]),
        ("type=task.started,task.progress", [1, 2, 4]),
        ("task=b", [2, 4]),
        ("upstream=mirror", [3, 4]),
        ("task=b&upstream=mirror", [4]),
    ],
)
async def test_a_client_is_shown_what_it_asks_for(
    query: str, numbers: list[int]
) -> None:
    async with streaming(WrittenFeed()) as site:
        listener = Listener()
        async with listening(site, listener, query, until=listener.has(len(numbers))):
            site.feed.add(
                event(1, task="a"),
                event(2, task="b", type="task.started"),
                event(3, task="a", type="task.succeeded", upstream="mirror"),
                event(4, task="b", upstream="mirror"),
            )

    assert listener.numbers == numbers


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("deliveries=yes", "/deliveries"),
        ("type=" + "x" * 101, "/type"),
        ("type=" + "x," * 30, "/type"),
        ("typ=task.*", "/typ"),
        ("sk-secret=1", "/"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(query: str, pointer: str) -> None:
    async with streaming(WrittenFeed()) as site:
        answer = await site.http.get(f"/?{query}")

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_only_get_streams() -> None:
    async with streaming(WrittenFeed()) as site:
        head = await site.http.head("/")
        post = await site.http.post("/")

    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert post.status_code == 405
    assert post.headers["allow"] == "GET, HEAD"


async def test_outcomes_of_deliveries_are_shown_on_request() -> None:
    outcome = Outcome(event_id="evt_1", endpoint="me", state="delivered")
    async with streaming(WrittenFeed()) as site:
        asks, does_not = Listener(), Listener()
        async with (
            listening(site, does_not, until=does_not.has(1)),
            listening(site, asks, "deliveries=true", until=asks.has(2)),
        ):
            await asyncio.sleep(0)
            site.feed.add(event(1))
            site.feed.settle(outcome)

    shown = {one["event"]: one for one in asks.frames}
    assert json.loads(shown["delivery"]["data"]) == {
        "eventId": "evt_1",
        "endpoint": "me",
        "state": "delivered",
    }
    assert "id" not in shown["delivery"]
    assert [one["event"] for one in does_not.frames] == ["task.progress"]


# --- going on -------------------------------------------------------------------------


async def test_a_client_that_is_cut_again_and_again_has_each_event_once_in_order() -> (
    None
):
    dice = random.Random(50)
    feed, count = WrittenFeed(), 3000
    feed.add(event(0))
    async with streaming(feed) as site:
        listener = Listener(last_id="1-0")

        async def happen() -> None:
            for number in range(1, count + 1):
                feed.add(event(number))
                if number % 20 == 0:
                    await asyncio.sleep(0.005)

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(happen())
            for _ in range(50):
                enough = len(listener.frames) + dice.randrange(60)
                await listener.listen(site, until=listener.has(enough))
            await listener.listen(site, until=listener.has(count))

    assert listener.numbers == list(range(1, count + 1))


async def test_a_page_and_its_stream_join_without_a_gap() -> None:
    feed = WrittenFeed()
    feed.add(*map(event, range(1, 1201)))
    async with streaming(feed) as site:
        listener = Listener()
        async with listening(site, listener, "after=100-0", until=listener.has(1101)):
            feed.add(event(1201))

    assert listener.numbers == list(range(101, 1202))


async def test_what_a_client_had_last_counts_more_than_where_it_began() -> None:
    feed = WrittenFeed()
    feed.add(event(1), event(2), event(3))
    async with streaming(feed) as site:
        listener = Listener(last_id="2-0")
        await listener.listen(site, "after=0-0", until=listener.has(1))

    assert listener.numbers == [3]


@pytest.mark.parametrize("position", ["1-0", "nonsense", "-", "9" * 50])
async def test_a_position_that_is_not_kept_is_answered_with_one_reset(
    position: str,
) -> None:
    feed = WrittenFeed(kept=100)
    feed.add(*map(event, range(1, 1001)))
    async with streaming(feed) as site:
        listener = Listener()
        async with listening(
            site, listener, f"after={position}", until=listener.has(102)
        ):
            feed.add(event(1001))

    assert [one["event"] for one in listener.frames].count("reset") == 1
    assert listener.frames[0]["event"] == "reset"
    assert listener.numbers == list(range(901, 1002))


async def test_a_client_that_is_shown_little_still_learns_how_far_it_is() -> None:
    feed = WrittenFeed()
    async with streaming(feed) as site:
        listener = Listener()
        async with listening(
            site, listener, "task=rare", until=lambda: listener.last_id != ""
        ):
            feed.add(*map(event, range(1, 1100)))

    assert int(listener.last_id[:-2]) >= 1000
    assert listener.frames == []


# --- many clients, and slow ones ------------------------------------------------------


async def test_many_clients_cost_one_read() -> None:
    feed = WrittenFeed()
    async with streaming(feed) as site:
        listeners = [Listener() for _ in range(50)]
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for one in listeners:
                group.create_task(one.listen(site, until=one.has(10)))
            await asyncio.gather(*(one.began.wait() for one in listeners))
            before = feed.reads
            feed.add(*map(event, range(10)))

    assert feed.reads - before < 10
    assert all(one.numbers == list(range(10)) for one in listeners)


async def test_events_share_a_write() -> None:
    feed = WrittenFeed()
    began = monotonic()
    async with streaming(feed, pace=0.3) as site:
        listener, writes = Listener(), 0
        async with site.http.stream("GET", "/") as answer:
            async for chunk in answer.aiter_raw():
                writes += 1
                listener.last_id = chunk.decode().rpartition("id: ")[2][:5]
                if writes == 1:
                    for number in range(40):
                        feed.add(event(number))
                        await asyncio.sleep(0.01)
                if listener.last_id.startswith("40-0"):
                    break

    assert writes <= 2 + (monotonic() - began) / 0.3


@pytest.mark.parametrize("slow", [30.0, 1.0])
async def test_a_client_that_does_not_read_is_cut_off_and_costs_nobody_else(
    slow: float,
) -> None:
    feed = WrittenFeed()
    with structlog.testing.capture_logs() as logs:
        async with streaming(feed, slow=slow) as site:
            quick, count = Listener(), 1500
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", site.port, limit=1024
            )
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await reader.readline()
            async with listening(site, quick, until=quick.has(count)):
                for number in range(count):
                    feed.add(event(number, size=16 * 1024))
                    while number % 100 == 0 and not quick.has(number)():
                        await asyncio.sleep(0.01)
            rest = b""
            async with asyncio.timeout(60):
                while chunk := await reader.read(1024 * 1024):
                    rest = rest[-10:] + chunk
            writer.close()

    assert quick.numbers == list(range(count))
    assert b"%d-0\n" % count not in rest
    # Another test in this process may have left the store away: that it is back is no matter.
    assert [one for one in logs if one["event"] != "store.back"] == []


async def test_a_silent_stream_stays_alive() -> None:
    async with streaming(WrittenFeed(), keep_alive=0.05) as site:
        listener = Listener()
        await listener.listen(site, until=lambda: listener.comments >= 3)

    assert listener.frames == []


async def test_at_the_end_clients_go_and_come_back_at_different_times() -> None:
    async with streaming(WrittenFeed()) as site:
        listeners = [Listener() for _ in range(20)]
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for one in listeners:
                group.create_task(one.listen(site, until=lambda: False))
            await asyncio.gather(*(one.began.wait() for one in listeners))
            site.hub.end()

    assert len({one.retries[-1] for one in listeners}) > 10


# --- the store ------------------------------------------------------------------------


async def test_without_a_store_there_is_no_stream() -> None:
    feed = WrittenFeed()
    feed.away = True
    async with streaming(feed) as site:
        answer = await site.http.get("/")

    assert answer.status_code == 503


async def test_a_stream_outlives_an_absence_of_the_store() -> None:
    feed = WrittenFeed()
    async with streaming(feed) as site:
        listener = Listener()
        async with listening(site, listener, until=listener.has(2)):
            feed.add(event(1))
            while not listener.frames:
                await asyncio.sleep(0.01)
            feed.away = True
            feed.add(event(2))
            while not feed.refusals:
                await asyncio.sleep(0.01)
            feed.away = False

    assert listener.numbers == [1, 2]
