"""Lists: what they hold, where they go on, and what they cost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.task import TaskStatus
from tests.contract.bench import Bench
from tests.core.tasks import PIG
from tests.web.history import answered, due_tasks, polled
from tests.web.site import Site

RUNNING = replace(PIG, status=TaskStatus.IN_PROGRESS, progress=20, finish_time=None)


async def pages(
    site: Site, path: str, **parameters: Any
) -> AsyncIterator[list[dict[str, Any]]]:
    """Follow a list to its end; yields the items of each page."""
    cursor: str | None = ""
    while cursor is not None:
        asked = {**parameters, **({"cursor": cursor} if cursor else {})}
        answer = await site.http.get(f"/api/v1/{path}", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-feed-position"]
        yield answer.json()["items"]
        cursor = answer.json()["next"]


async def whole(site: Site, path: str, **parameters: Any) -> list[dict[str, Any]]:
    return [one async for page in pages(site, path, **parameters) for one in page]


async def test_tasks_are_listed_by_status_upstream_activity_and_words(
    site: Site, bench: Bench
) -> None:
    fox = replace(RUNNING, id="2", prompt="A red FOX")
    await polled(bench, replace(PIG, id="1"), fox)
    await bench.track("3", upstream="other")

    async def ids(**parameters: Any) -> list[str]:
        return [one["id"] for one in await whole(site, "tasks", **parameters)]

    assert sorted(await ids()) == ["1", "2", "3"]
    assert await ids(status="IN_PROGRESS") == ["2"]
    assert await ids(status="LOST") == []
    assert await ids(upstream="other") == ["3"]
    assert sorted(await ids(active="true")) == ["2", "3"]
    assert await ids(active="false") == ["1"]
    assert await ids(q="fox red") == ["2"]
    assert await ids(q="3") == ["3"]
    assert await ids(q="cat") == []


async def test_events_are_listed_by_type_task_upstream_and_time(
    site: Site, bench: Bench
) -> None:
    await polled(bench, replace(PIG, id="1"), replace(RUNNING, id="2"))
    [first] = await whole(site, "events", type="*.succeeded")

    async def types(**parameters: Any) -> list[str]:
        return sorted(one["type"] for one in await whole(site, "events", **parameters))

    assert first.keys() == {"eventId", "type", "timestamp", "data"}
    assert first["data"]["id"] == "1"
    assert await types() == ["task.started", "task.succeeded"]
    assert await types(type=["task.failed", "task.st*"]) == ["task.started"]
    assert await types(type="task.failed, task.st*") == ["task.started"]
    assert await types(task="2") == ["task.started"]
    assert await types(task="2", upstream="default") == ["task.started"]
    assert await types(task="9") == []
    assert await types(upstream="other") == []
    assert await types(since=first["timestamp"]) == ["task.started", "task.succeeded"]
    unescaped = "/api/v1/events?since=2000-01-01T00:00:00+00:00"
    assert len((await site.http.get(unescaped)).json()["items"]) == 2
    assert await types(since="2999-01-01T00:00:00Z") == []


async def test_deliveries_are_listed_by_endpoint_and_state(
    site: Site, bench: Bench
) -> None:
    await polled(bench, replace(PIG, id="1"), to=("a", "b"))
    for delivery in await bench.claim():
        if delivery.endpoint == "a":
            await bench.succeed(delivery)
        else:
            await bench.kill(delivery)

    rows = await whole(site, "deliveries")

    assert {(one["endpoint"], one["state"]) for one in rows} == {
        ("a", "delivered"),
        ("b", "dead"),
    }
    assert {one["task"] for one in rows} == {"1"}
    [dead] = await whole(site, "deliveries", state="dead")
    assert (dead["endpoint"], dead["reason"]) == ("b", "enough")
    assert await whole(site, "deliveries", endpoint="a", state="pending") == []
    assert await whole(site, "deliveries", endpoint="nobody") == []


@pytest.mark.parametrize(
    "path", ["tasks", "events", "deliveries", "endpoints", "upstreams"]
)
async def test_a_cursor_that_no_list_gave_is_a_problem(site: Site, path: str) -> None:
    for cursor in ("nonsense", "0", "1:2", "%00", "x" * 500):
        answer = await site.http.get(f"/api/v1/{path}", params={"cursor": cursor})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/cursor"


async def test_a_list_goes_on_after_any_id(site: Site, bench: Bench) -> None:
    ids = {"\N{FOX FACE}" * 127 + str(number) for number in range(3)}
    await bench.track(*ids, upstream="default")

    assert {one["id"] for one in await whole(site, "tasks", limit=1)} == ids


async def test_a_list_that_is_followed_while_things_happen_has_each_task_once(
    site: Site, bench: Bench
) -> None:
    running = [replace(RUNNING, id=f"old{number}") for number in range(2_000)]
    await polled(bench, *running)
    claimed = await due_tasks(bench)
    seen: list[str] = []
    ending = iter(running)

    async for page in pages(site, "tasks", limit=100):
        seen += [one["id"] for one in page]
        new = [f"new{len(seen)}-{place}" for place in range(25)]
        ended = [replace(PIG, id=next(ending).id) for _ in range(25)]
        await bench.track(*new, upstream="default")
        assert len(await answered(bench, claimed, ended)) == 25

    kept = [one for one in seen if one.startswith("old")]
    assert len(kept) == len(set(kept)) == len(running)
    assert len(await whole(site, "tasks", active="false", limit=500)) >= 500


async def test_a_page_and_the_stream_join_without_a_gap(
    site: Site, bench: Bench
) -> None:
    await polled(bench, replace(PIG, id="1"))
    listed = await site.http.get("/api/v1/tasks")
    [event] = await polled(bench, replace(PIG, id="2"))

    position = listed.headers["x-feed-position"]
    async with site.http.stream(
        "GET", "/api/v1/stream", params={"after": position}
    ) as stream:
        first = await anext(
            line async for line in stream.aiter_lines() if line.startswith("data:")
        )

    assert first.removeprefix("data:").strip() == event.body
