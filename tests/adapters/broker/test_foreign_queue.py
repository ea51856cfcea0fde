"""`bridge.adapters.broker.foreign_queue`: other programs' messages cost next to nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from celery import Celery
from redis import Redis

from bridge.adapters.broker.foreign_queue import QUEUE, ForeignMessage, ForeignQueue
from bridge.adapters.broker.transport import broker_url_for
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from bridge.errors import StoreForbids


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A server of its own: the queue's name is everybody's."""
    with EmbeddedStore(tmp_path / "store", fsync="no") as server:
        yield server


@pytest.fixture
def redis(server: EmbeddedStore) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def producer(server: EmbeddedStore) -> Iterator[Celery]:
    with Celery(broker=broker_url_for(server.url), set_as_current=False) as producer:
        yield producer


@pytest_asyncio.fixture
async def queue(server: EmbeddedStore) -> AsyncIterator[ForeignQueue]:
    client = connect(server.url)
    yield ForeignQueue(client)
    await client.aclose()


async def found(queue: ForeignQueue, *, searches: int) -> list[ForeignMessage]:
    return [one for _ in range(searches) for one in await queue.pending()]


async def test_only_what_is_for_us_is_found_and_only_that_is_taken(
    queue: ForeignQueue, producer: Celery, redis: Redis
) -> None:
    producer.send_task("shop.sell", ["mjbridge.track"])
    hook = "https://studio.example/s3cr3t"
    wanted = {"metadata": {"a": 1}, "hook": hook, "hook_format": "midjourney"}
    producer.send_task("mjbridge.track", [["1", "2"], "art"], wanted)

    [request] = await queue.pending()
    await queue.ack(request)

    assert (request.task, request.args) == ("mjbridge.track", [["1", "2"], "art"])
    assert request.kwargs == wanted
    assert "s3cr3t" not in repr(request)
    assert await queue.pending() == []
    assert redis.llen(QUEUE) == 1


async def test_presses_and_prompts_are_found_with_the_id_that_all_their_copies_have(
    queue: ForeignQueue, producer: Celery
) -> None:
    producer.send_task("mjbridge.press", ["1", "U1"], task_id="a")
    producer.send_task("mjbridge.imagine", ["a pig"], task_id="b")
    producer.send_task("mjbridge.poll", task_id="c")  # nobody else's to send

    found = {one.id: (one.task, one.args) for one in await queue.pending()}

    assert found == {
        "a": ("mjbridge.press", ["1", "U1"]),
        "b": ("mjbridge.imagine", ["a pig"]),
    }


async def test_a_message_without_what_it_should_have_is_found_so_that_it_goes(
    queue: ForeignQueue, redis: Redis
) -> None:
    headers = '{"headers": {"task": "mjbridge.press"}, '
    for rest in ('"body": "no", "properties": {}}', '"body": 7}', '"properties": []}'):
        redis.lpush(QUEUE, headers + rest)

    found = await queue.pending()
    for one in found:
        await queue.ack(one)

    assert [(one.args, one.kwargs) for one in found] == [((), {})] * 3
    assert redis.llen(QUEUE) == 0


async def test_large_messages_of_others_are_not_read_and_hide_no_request(
    queue: ForeignQueue, producer: Celery, redis: Redis
) -> None:
    producer.send_task("mjbridge.track", [["1"]])
    picture = b"x" * 300_000
    for _ in range(100):
        redis.lpush(QUEUE, picture)

    before = redis.info("stats")["total_net_output_bytes"]
    requests = await found(queue, searches=30)
    sent = redis.info("stats")["total_net_output_bytes"] - before

    assert {request.task for request in requests} == {"mjbridge.track"}
    assert sent < 50_000


async def test_a_search_reads_no_more_than_a_megabyte_at_once(
    queue: ForeignQueue, producer: Celery, redis: Redis
) -> None:
    """The server does nothing else meanwhile; what lies deeper is found by a later search."""
    producer.send_task("mjbridge.track", [["1"]])
    for _ in range(8):
        redis.lpush(QUEUE, b"x" * 300_000)

    counts = [len(await queue.pending()) for _ in range(6)]

    assert counts == [0, 0, 1, 0, 0, 1]


async def test_a_message_that_is_not_text_stops_no_search(
    queue: ForeignQueue, producer: Celery, redis: Redis
) -> None:
    producer.send_task("mjbridge.track", [["1"]])
    redis.lpush(QUEUE, b"\xff mjbridge.track")

    assert await found(queue, searches=2)


async def test_a_queue_that_is_something_else_is_left_alone(
    queue: ForeignQueue, redis: Redis
) -> None:
    redis.set(QUEUE, "not a list")

    assert await queue.pending() == []


async def test_a_queue_that_the_user_may_not_read_is_forbidden_and_not_away(
    server: EmbeddedStore, redis: Redis
) -> None:
    redis.acl_setuser(
        "ours",
        enabled=True,
        passwords=["+pw"],
        keys=["{mjb}*"],
        channels=["*"],
        commands=["+@all"],
    )
    client = connect(f"{server.url}?username=ours&password=pw")
    queue = ForeignQueue(client)

    with pytest.raises(StoreForbids):
        await queue.pending()

    await client.aclose()
