"""Submissions through the gateway: passed on once, and tracked before the client hears of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.gateways import says
from tests.web.relay.stage import SHOWN, Stage


async def test_a_submission_is_passed_on_and_tracked(stage: Stage) -> None:
    body = {"prompt": "a pale sun", "base64Array": [], "state": "order-77"}
    answer = await stage.post("/mj/submit/imagine?x=1&y=%20", body)

    assert answer.status_code == 200
    assert answer.json()["description"] == "提交成功"
    assert "x-mjbridge" not in answer.headers
    (asked,) = stage.upstream.asked
    assert (asked.method, asked.path) == ("POST", "/mj/submit/imagine?x=1&y=%20")
    assert json.loads(asked.body) == body
    assert asked.headers["authorization"].startswith("Bearer sk-")
    assert "mj-api-secret" not in asked.headers
    assert await stage.task(answer.json()["result"]) is not None


@pytest.mark.parametrize(
    ("path", "answer", "ids"),
    [
        ("/mj/submit/imagine", {"code": 22, "result": "41"}, ["41"]),
        ("/mj/submit/action", {"code": 21, "result": 42}, ["42"]),
        ("/mj/submit/action", {"code": 1, "result": "43,44"}, ["43", "44"]),
        ("/mj/insight-face/swap", {"code": 1, "result": "45"}, ["45"]),
        ("/mj/submit/imagine", {"code": 23, "result": "46"}, []),
        ("/mj/submit/imagine", {"code": 24, "result": "47"}, []),
        ("/mj/submit/upload-discord-images", {"code": 1, "result": "48"}, []),
    ],
)
async def test_what_was_taken_is_tracked_and_nothing_else(
    stage: Stage, path: str, answer: Mapping[str, object], ids: list[str]
) -> None:
    # As new-api answers: JSON that calls itself plain text.
    stage.upstream.script = lambda _: says(
        json.dumps(answer), content_type="text/plain; charset=utf-8"
    )
    got = await stage.post(path, {"prompt": "x"})

    assert got.content == json.dumps(answer).encode()
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    listed = (await stage.site.http.get("/api/v1/tasks")).json()["items"]
    assert sorted(row["id"] for row in listed) == ids


async def test_a_bookmark_tracks_nothing(stage: Stage) -> None:
    pressed = {"taskId": "7", "customId": "MJ::BOOKMARK::3785da15"}
    await stage.post("/mj/submit/action", pressed)
    assert (await stage.site.http.get("/api/v1/tasks")).json()["items"] == []


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 503])
async def test_an_answer_comes_back_as_it_is(stage: Stage, status: int) -> None:
    body = b'{"code": 4,  "description": "prompt_is_required "}\n'
    stage.upstream.script = lambda _: says(body, status, retry_after="7")
    answer = await stage.post("/mj/submit/imagine", {})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["retry-after"] == "7"
    assert len(stage.upstream.asked) == 1


async def test_what_is_the_clients_own_stays_here(stage: Stage) -> None:
    answer = await stage.post(
        "/mj/submit/imagine",
        {"prompt": "x"},
        {**SHOWN, "cookie": "a=b", "x-forwarded-for": "10.0.0.1"},
    )
    assert answer.status_code == 200
    (asked,) = stage.upstream.asked
    assert not {"cookie", "x-forwarded-for", "mj-api-secret"} & asked.headers.keys()
