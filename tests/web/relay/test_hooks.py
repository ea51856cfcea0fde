"""What becomes of a submission's ``notifyHook``."""

from __future__ import annotations

import json

import pytest

from tests.contract.bench import Bench
from tests.gateways import says
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import SHOWN, Stage

HOOK = "https://studio.example.com/mj/notify"


async def test_it_becomes_the_hook_of_the_task_and_is_not_sent_on(
    stage: Stage, bench: Bench
) -> None:
    body = b'{"prompt" :"x", "notifyHook":"' + HOOK.encode() + b'" ,"state":"77"}'
    answer = await stage.site.http.post(
        "/mj/submit/imagine", content=body, headers=SHOWN
    )

    assert "x-mjbridge" not in answer.headers
    assert stage.upstream.asked[0].body == b'{"prompt" :"x","state":"77"}'
    key = f"{{{bench.namespace}}}:task:default:{answer.json()['result']}"
    assert json.loads(await bench.client.hget(key, "hook") or "") == [
        HOOK,
        "midjourney",
    ]


@pytest.mark.parametrize("given", ["", None])
async def test_an_empty_one_is_none(stage: Stage, given: object) -> None:
    answer = await stage.post("/mj/submit/imagine", {"a": 1, "notifyHook": given})
    assert "x-mjbridge" not in answer.headers
    assert json.loads(stage.upstream.asked[0].body) == {"a": 1}


@pytest.mark.parametrize(
    "given",
    ["http://127.0.0.1:9/x", "http://169.254.169.254/", "ftp://h/", 7, "x" * 20_000],
    ids=lambda one: str(one)[:20],
)
async def test_one_that_is_not_taken_holds_nothing_up(
    stage: Stage, bench: Bench, given: object
) -> None:
    answer = await stage.post("/mj/submit/imagine", {"a": 1, "notifyHook": given})
    assert answer.status_code == 200
    assert answer.headers["x-mjbridge"] == "hook-refused"
    assert json.loads(stage.upstream.asked[0].body) == {"a": 1}
    row = await bench.task(answer.json()["result"], "default")
    assert row.active
    assert row.hook_refused.startswith("a hook")


async def test_where_hooks_are_off_submissions_go_on(
    open_stage: OpenStage, bench: Bench
) -> None:
    async with open_stage(hooks={"enabled": False}) as stage:
        answer = await stage.post("/mj/submit/imagine", {"notifyHook": HOOK})
    assert answer.headers["x-mjbridge"] == "hook-refused"
    row = await bench.task(answer.json()["result"], "default")
    assert "not enabled" in row.hook_refused


async def test_a_task_that_has_another_hook_keeps_it(
    stage: Stage, bench: Bench
) -> None:
    # The modal of a task is answered with the same id.
    stage.upstream.script = lambda _: says({"code": 1, "result": "5"})
    await stage.post("/mj/submit/action", {"notifyHook": HOOK})
    answer = await stage.post("/mj/submit/modal", {"notifyHook": f"{HOOK}/other"})

    assert answer.headers["x-mjbridge"] == "hook-refused"
    row = await bench.task("5", "default")
    assert row.hook_refused == "it is tracked with another hook"
