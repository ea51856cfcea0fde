"""Questions through the gateway: shared, answered as the upstream does, and recorded first."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from tests.gateways import Asked, Gateway, says
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, SHOWN, Stage
from tests.web.site import TOKEN

DONE = {
    "id": "7",
    "action": "IMAGINE",
    "status": "SUCCESS",
    "progress": "100%",
    "imageUrl": "https://cdn.example/7.png?ex=1&",
    "state": "order-77",
}
U1 = {"customId": "MJ::JOB::upsample::1::3f", "label": "U1", "type": 2, "style": 2}
FETCH = "/mj/task/7/fetch"
LIST = "/mj/task/list-by-condition"


async def track(stage: Stage, *ids: str) -> None:
    answer = await stage.site.http.post("/api/v1/tasks", json={"ids": ids})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("path", "asked", "answer"),
    [
        (FETCH, None, DONE),
        ("/mj-fast" + FETCH, None, DONE),
        (LIST, {"ids": ["7", "8"]}, [DONE]),
        (LIST, {"ids": [7, 8]}, [DONE]),
        (LIST, {"ids": ["7"]}, DONE),
        ("/mj/task/list-by-ids", {"ids": ["7"]}, [{"id": "8"}, DONE]),
    ],
)
async def test_what_an_answer_says_is_known_to_the_bridge_before_its_client(
    stage: Stage, path: str, asked: object, answer: object
) -> None:
    await track(stage, "7")
    raw = json.dumps(answer, indent=1).encode()
    stage.upstream.script = lambda _: says(raw, content_type="text/plain")
    got = await (stage.post(path, asked) if asked else stage.get(path))

    assert (got.content, got.headers["content-type"]) == (raw, "text/plain")
    task = await stage.task("7")
    assert task is not None
    assert (task["status"], task["active"], task["state"]) == (
        *("SUCCESS", False),
        "order-77",
    )
    assert [event["type"] for event in task["events"]] == ["task.succeeded"]


async def test_an_answer_that_leaves_a_task_out_is_no_word_about_it(
    stage: Stage,
) -> None:
    await track(stage, "7")
    stage.upstream.script = lambda _: says([])
    for _ in range(3):
        await stage.post(LIST, {"ids": ["7"]})
    task = await stage.task("7")
    assert task is not None
    assert (task["active"], task["events"]) == (True, [])


async def test_a_task_that_is_not_tracked_stays_so(stage: Stage) -> None:
    stage.upstream.script = lambda _: says(DONE)
    assert (await stage.get(FETCH)).json() == DONE
    assert await stage.task("7") is None


async def test_an_error_is_no_word_about_a_task(stage: Stage) -> None:
    await track(stage, "7")
    for status, body in ((400, {"description": "task_no_found "}), (200, b"<html>")):
        stage.upstream.script = lambda _, to=body, code=status: says(to, code)  # type: ignore[misc]
        assert (await stage.get(f"{FETCH}?{status}")).status_code == status
    task = await stage.task("7")
    assert task is not None
    assert task["events"] == []


async def test_a_packed_answer_is_passed_back_packed_and_read(stage: Stage) -> None:
    await track(stage, "7")
    packed = gzip.compress(json.dumps(DONE).encode())
    stage.upstream.script = lambda _: says(packed, content_encoding="gzip")
    async with stage.site.http.stream("GET", FETCH, headers=SHOWN) as got:
        assert b"".join([piece async for piece in got.aiter_raw()]) == packed
    task = await stage.task("7")
    assert task is not None
    assert task["status"] == "SUCCESS"


# --- shared -----------------------------------------------------------------------------


async def test_equal_questions_within_the_window_are_one(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    upstream.script = lambda _: says(DONE)
    async with open_stage(gateway={"collapse": 10}) as stage:
        answers = await asyncio.gather(*(stage.get(FETCH) for _ in range(20)))
        await stage.get(FETCH)
    assert {answer.json()["id"] for answer in answers} == {"7"}
    assert len(upstream.asked) == 1


async def test_what_differs_is_asked_by_itself(stage: Stage) -> None:
    stage.upstream.script = lambda _: says([])
    await asyncio.gather(
        stage.get(FETCH),
        stage.get(FETCH + "?x=1"),
        stage.get("/mj-fast" + FETCH),
        stage.post(LIST, {"ids": ["7"]}),
        stage.post(LIST, {"ids": ["8"]}),
    )
    assert len(stage.upstream.asked) == 5


async def test_lists_that_overlap_are_asked_each_by_itself_and_make_no_event_twice(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    both = asyncio.Barrier(2)

    async def script(asked: Asked) -> web.Response:
        await both.wait()
        ids = json.loads(asked.body)["ids"]
        return says([{**DONE, "id": one} for one in ids])

    upstream.script = script
    async with open_stage() as stage:
        await track(stage, "7", "8", "9")
        asked = [["7", "8"], ["8", "9"]]
        answers = await asyncio.gather(
            *(stage.post(LIST, {"ids": ids}) for ids in asked)
        )
        tasks = [await stage.task(one) for one in ("7", "8", "9")]

    assert [[row["id"] for row in one.json()] for one in answers] == asked
    for task in tasks:
        assert task is not None
        assert [one["type"] for one in task["events"]] == ["task.succeeded"]


# --- rules ------------------------------------------------------------------------------


async def test_what_a_client_is_shown_first_fires_a_rule_once(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    row = {"id": "7", "action": "IMAGINE", "status": "IN_PROGRESS", "progress": "40%"}
    rule = {"where": {"action": "IMAGINE"}, "press": ["U1"]}
    async with open_stage(rules={"upscale": rule}, gateway={"collapse": 0}) as stage:
        await track(stage, "7", "8")
        upstream.script = lambda _: says(row)
        await stage.get(FETCH)
        upstream.script = lambda _: says([{**DONE, "buttons": [U1], "id": "8"}])
        await stage.post(LIST, {"ids": ["8"]})
        upstream.script = lambda _: says({**DONE, "buttons": [U1]})
        await asyncio.gather(*(stage.get(FETCH) for _ in range(20)))
        actions = (await stage.site.http.get("/api/v1/actions")).json()["items"]

    # What was finished when it was first seen, as 8 was, fires nothing.
    found = [(one["taskId"], one["label"], one["by"]) for one in actions]
    assert found == [("7", "U1", "rule:upscale")]


# --- credentials --------------------------------------------------------------------------


async def test_nobody_shares_with_another_key(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    upstream.script = lambda _: says(DONE)
    async with open_stage(api_token=TOKEN, gateway={"collapse": 10}) as stage:
        await asyncio.gather(
            *(
                stage.get(FETCH, {"mj-api-secret": key})
                for key in (KEY, KEY, TOKEN, TOKEN)
            )
        )
    assert len(upstream.asked) == 2


async def test_two_keys_see_two_upstreams(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    keys: Mapping[str, str] = {"a1": "sk-" + "a" * 20, "b1": "sk-" + "b" * 20}
    upstream.script = lambda asked: says({"id": "7", "who": asked.path.split("/")[1]})
    upstreams = {
        name: {"api_key": key, "base_url": f"{upstream.url}/{name}"}
        for name, key in keys.items()
    }
    async with open_stage(upstreams=upstreams) as stage:
        for path in (FETCH, "/mj/image/7"):
            for name, key in keys.items():
                got = await stage.get(path, {"authorization": f"Bearer {key}"})
                assert got.json()["who"] == name


async def test_nothing_is_shared_where_that_is_switched_off(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    upstream.script = lambda _: says(DONE)
    async with open_stage(gateway={"collapse": 0}) as stage:
        await asyncio.gather(*(stage.get(FETCH) for _ in range(5)))
    assert len(upstream.asked) == 5
