"""`Idempotency-Key`: a request that is repeated takes effect once, and gets the first answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.contract.bench import Bench
from tests.core.tasks import PIG
from tests.receivers import Connection, receiver
from tests.web.history import polled
from tests.web.site import Site, open_site

TASKS = "/api/v1/tasks"


async def post(
    site: Site, path: str, body: Mapping[str, Any] | None = None, key: str = "k"
) -> httpx.Response:
    return await site.http.post(path, json=body, headers={"idempotency-key": key})


async def test_a_request_that_is_repeated_gets_the_first_answer(site: Site) -> None:
    first = await post(site, TASKS, {"ids": ["1"]})
    again = await post(site, TASKS, {"ids": ["1"]})
    other = await post(site, TASKS, {"ids": ["1"]}, key="other")

    assert first.json()["tracked"] == ["1"]
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert other.json()["known"] == ["1"]


async def test_a_refusal_is_an_answer_too(site: Site) -> None:
    first = await post(site, TASKS, {"ids": ["a b"]})
    again = await post(site, TASKS, {"ids": ["a b"]})

    assert first.status_code == 422
    assert again.content == first.content  # to the instance
    assert again.headers["content-type"] == "application/problem+json"


async def test_a_key_that_was_sent_with_another_body_is_refused(site: Site) -> None:
    await post(site, TASKS, {"ids": ["1"]})

    other = await post(site, TASKS, {"ids": ["2"]})

    assert other.status_code == 422
    assert (await site.http.get(f"{TASKS}/2")).status_code == 404


async def test_a_key_belongs_to_its_path(site: Site, bench: Bench) -> None:
    await polled(bench, PIG, to=("a",))

    paused = await post(site, "/api/v1/endpoints/a/pause")
    resumed = await post(site, "/api/v1/endpoints/a/resume")

    assert paused.json()["state"] == "paused"
    assert resumed.json()["state"] == "up"


@pytest.mark.parametrize(
    "key", ["", "a key with blanks", "x" * 256], ids=["empty", "blanks", "too long"]
)
async def test_a_key_that_is_not_one_is_a_problem(site: Site, key: str) -> None:
    answer = await post(site, TASKS, {"ids": ["1"]}, key=key)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/idempotency-key"
    assert (await site.http.get(f"{TASKS}/1")).status_code == 404


async def test_a_hundred_equal_requests_at_once_have_one_effect(site: Site) -> None:
    body = {"ids": [str(number) for number in range(1_200)]}

    async def insist() -> httpx.Response:
        while (answer := await post(site, TASKS, body)).status_code == 409:
            await asyncio.sleep(0.05)
        return answer

    answers_ = await asyncio.gather(*(insist() for _ in range(100)))

    assert {one.content for one in answers_} == {answers_[0].content}
    assert answers_[0].json()["tracked"] == body["ids"]


async def reads_and_waits(connection: Connection) -> None:
    await connection.request()
    await asyncio.get_running_loop().create_future()


async def test_a_request_in_work_is_a_conflict(redis_url: str, namespace: str) -> None:
    async with receiver(reads_and_waits) as slow:
        endpoints = {"slow": {"url": slow.url, "timeout": 2}}
        async with open_site(redis_url, namespace, endpoints=endpoints) as site:
            path = "/api/v1/endpoints/slow/test"
            first = asyncio.create_task(post(site, path))
            while not slow.requests:
                await asyncio.sleep(0.01)
            meanwhile = await post(site, path)
            answered = await first
            again = await post(site, path)

    assert meanwhile.status_code == 409
    assert meanwhile.headers["retry-after"]
    assert answered.json()["outcome"] == "timeout"
    assert again.content == answered.content
    assert len(slow.requests) == 1


async def test_a_request_that_was_cut_off_after_its_effect_gets_the_first_answer(
    site: Site, bench: Bench
) -> None:
    """The claim of the process that was killed is still there, and so is what it did."""
    body = {"ids": [str(number) for number in range(700)]}
    first = await post(site, TASKS, body)
    [key] = [
        one async for one in bench.client.scan_iter(f"*{bench.namespace}*request:*")
    ]
    await bench.client.hdel(key, "status", "media_type", "body")
    await bench.client.hset(key, mapping={"holder": "killed", "until": 4e9})

    again = await post(site, TASKS, body)

    assert again.content == first.content
    assert "idempotency-replayed" not in again.headers


async def test_a_request_that_was_cut_off_between_two_effects_is_completed(
    site: Site, bench: Bench
) -> None:
    body = {"ids": [str(number) for number in range(700)]}
    await post(site, TASKS, body)
    [key] = [
        one async for one in bench.client.scan_iter(f"*{bench.namespace}*request:*")
    ]
    await bench.client.hdel(key, "status", "media_type", "body", "reply:track:500")
    for number in range(500, 700):
        task = f"{{{bench.namespace}}}:task:default:{number}"
        await bench.client.delete(task)

    again = await post(site, TASKS, body)

    assert again.json()["tracked"] == body["ids"]


async def test_dead_deliveries_are_counted_under_the_request_that_sends_them_again(
    site: Site, bench: Bench
) -> None:
    await polled(bench, PIG, to=("a",))
    await bench.kill(await bench.claim_one())
    path, body = "/api/v1/endpoints/a/redeliver", {"since": "2024-11-03T08:00:00Z"}
    first = await post(site, path, body)
    [key] = [
        one async for one in bench.client.scan_iter(f"*{bench.namespace}*request:*")
    ]
    await bench.client.hdel(key, "status", "media_type", "body")

    again = await post(site, path, body)

    assert first.json() == again.json() == {"count": 1}
