"""`/api/v1/actions` and `/tasks/{id}/actions`: pressing, submitting, listing and undoing over HTTP."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.action import ActionState
from bridge.core.button import Button
from bridge.core.task import TaskKey
from tests.contract.bench import Bench
from tests.web.dashboard.scene import Scene, succeeded
from tests.web.pressing import FakeActions
from tests.web.site import Site, open_site

BUTTONS = (
    Button.of("MJ::JOB::upsample::1::3f", "U1", None),
    Button.of("MJ::JOB::variation::1::3f", "V1", None),
    Button.of("MJ::CustomZoom::3f", "Custom Zoom", None),
)
PRESS = "/api/v1/tasks/1/actions"
FIELDS = {
    *("id", "taskId", "upstream", "kind", "customId", "label", "state", "childId"),
    *("code", "reason", "by", "createdAt", "sentAt", "endedAt"),
}


@pytest.fixture
async def site(site: Site, bench: Bench) -> Site:
    """A site with a task that can be pressed."""
    await Scene(bench).see(replace(succeeded("1"), buttons=BUTTONS))
    return site


async def press(site: Site, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await site.http.post(PRESS, json=body, headers=named)
    assert answer.status_code in {200, 202}, answer.text
    action: dict[str, Any] = answer.json()
    return action | {"status": answer.status_code}


async def test_a_press_is_202_and_the_same_press_200(site: Site) -> None:
    first = await press(site, {"button": "U1"})
    again = await press(site, {"customId": "MJ::JOB::upsample::1::3f"})

    assert first.keys() - {"status"} == FIELDS
    assert (first.pop("status"), again.pop("status")) == (202, 200)
    assert first == again
    assert (first["state"], first["by"], first["label"]) == ("pending", "api", "U1")
    assert (first["taskId"], first["kind"]) == ("1", "press")


async def test_an_idempotency_key_makes_another_press_and_the_same_answer(
    site: Site,
) -> None:
    plain = await press(site, {"button": "U1"})
    keyed = [await press(site, {"button": "U1"}, idempotency_key="k") for _ in range(2)]

    assert keyed[0] == keyed[1]
    assert keyed[0]["id"] != plain["id"]


async def test_our_own_pages_say_that_they_ask(site: Site) -> None:
    action = await press(site, {"button": "U1"}, x_requested_with="mjbridge-dashboard")

    assert action["by"] == "dashboard"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"button": "U9"}, "it has: U1, V1, Custom Zoom"),
        ({}, "Name either the button or its customId."),
        ({"button": "U1", "customId": "x"}, "Name either the button or its customId."),
        ({"button": "U1", "maskBase64": "!"}, "A mask is a picture, as base64."),
        ({"button": "U1", "notifyHook": "ftp://a/"}, "begins with http"),
        ({"button": "U1", "Prompt": "a"}, "There is no field of this name."),
    ],
)
async def test_a_press_that_cannot_work_is_422_and_says_why(
    site: Site, body: dict[str, Any], words: str
) -> None:
    answer = await site.http.post(PRESS, json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert (await site.http.get("/api/v1/actions")).json()["items"] == []


async def test_a_mask_may_be_a_large_picture_and_no_other_body_may(
    bench: Bench, redis_url: str, tmp_path: Path
) -> None:
    mask = b"\x89PNG" + bytes(8_000_000)
    body = {"button": "Custom Zoom", "maskBase64": b64encode(mask).decode()}
    await Scene(bench).see(replace(succeeded("1"), buttons=BUTTONS))
    async with open_site(redis_url, bench.namespace, data_dir=tmp_path) as site:
        pressed = await press(site, body)
        larger = await site.http.post(PRESS, json={**body, "prompt": "x" * 7_000_000})
        elsewhere = await site.http.post("/api/v1/actions", json=body)

    [kept] = (tmp_path / "masks").glob(f"{pressed['id']}-*")
    assert kept.read_bytes() == mask
    assert (larger.status_code, elsewhere.status_code) == (413, 413)


async def test_a_task_that_is_not_known_is_404(site: Site) -> None:
    answers = [
        await site.http.post("/api/v1/tasks/404/actions", json={"button": "U1"}),
        await site.http.get("/api/v1/actions/act_404"),
        await site.http.get("/api/v1/actions/\u00e4"),
        await site.http.delete("/api/v1/actions/act_404"),
    ]

    assert [one.status_code for one in answers] == [404] * 4
    pressed = await site.http.get("/api/v1/actions?task=404")
    assert pressed.json() == {"items": [], "next": None}


async def test_a_submission_is_202_and_each_is_another_without_a_key(
    site: Site,
) -> None:
    body = {"submit": "imagine", "body": {"prompt": "a pig"}, "metadata": {"a": 1}}
    answers = [await site.http.post("/api/v1/actions", json=body) for _ in range(2)]
    keyed = [
        await site.http.post(
            "/api/v1/actions", json=body, headers={"idempotency-key": "k"}
        )
        for _ in range(2)
    ]

    assert [one.status_code for one in answers + keyed] == [202] * 4
    assert len({one.json()["id"] for one in answers}) == 2
    assert keyed[0].json() == keyed[1].json()
    shown = answers[0].json()
    assert (shown["kind"], shown["label"], shown["taskId"]) == (
        "submit",
        "imagine",
        None,
    )
    assert "a pig" not in keyed[0].text


@pytest.mark.parametrize(
    "body",
    [
        {"submit": "../task/list", "body": {}},
        {"submit": "imagine", "body": {"prompt": "x" * 1_000_001}},
        {"submit": "imagine", "body": {}, "upstream": "nobody"},
        {"submit": "imagine"},
        {"submit": "imagine", "body": []},
    ],
    ids=["path", "large", "upstream", "no body", "list"],
)
async def test_what_cannot_be_submitted_is_422(
    site: Site, body: dict[str, Any]
) -> None:
    answer = await site.http.post("/api/v1/actions", json=body)

    assert answer.status_code == 422


async def test_actions_are_listed_by_task_and_state_and_undone(site: Site) -> None:
    first = await press(site, {"button": "U1"})
    second = await press(site, {"button": "V1"})
    undone = await site.http.delete(f"/api/v1/actions/{first['id']}")
    again = await site.http.delete(f"/api/v1/actions/{first['id']}")

    async def listed(query: str) -> list[str]:
        answer = await site.http.get(f"/api/v1/actions?{query}")
        assert answer.headers["x-feed-position"]
        return [one["id"] for one in answer.json()["items"]]

    assert (undone.status_code, undone.json()["state"]) == (200, "cancelled")
    assert again.json() == undone.json()
    assert await listed("") == [second["id"], first["id"]]
    assert await listed("task=1") == [second["id"], first["id"]]
    assert await listed("state=pending") == [second["id"]]
    assert await listed("task=1&state=cancelled") == [first["id"]]
    assert await listed("state=unknown") == []
    shown = await site.http.get(f"/api/v1/actions/{second['id']}")
    assert shown.json()["state"] == "pending"
    page = (await site.http.get("/api/v1/actions?limit=1")).json()
    assert await listed(f"cursor={page['next']}") == [first["id"]]
    assert (await site.http.get("/api/v1/actions?state=nonsense")).status_code == 422


async def test_what_was_sent_is_not_undone_any_more_409(
    redis_url: str, namespace: str
) -> None:
    actions = FakeActions()
    button = "MJ::JOB::upsample::1::3f"
    action, _ = await actions.press(TaskKey("default", "1"), button, by="api")
    actions.comes_to(action.id, state=ActionState.SENDING)

    async with open_site(redis_url, namespace, actions=actions) as site:
        answer = await site.http.delete(f"/api/v1/actions/{action.id}")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "it cannot be undone any more: it is sending"


async def test_a_hook_inside_a_submission_is_taken_as_the_gateway_takes_it(
    site: Site,
) -> None:
    body = {"submit": "imagine", "body": {"prompt": "a pig", "notifyHook": "ftp://a/"}}
    refused = await site.http.post("/api/v1/actions", json=body)
    body["body"] = {"prompt": "a pig", "notifyHook": ""}
    none = await site.http.post("/api/v1/actions", json=body)

    assert refused.json()["errors"][0]["pointer"] == "/notifyHook"
    assert none.status_code == 202
