"""`bridge.sandbox.simulated_gateway`: it answers as a new-api server does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.gateways import NOON, gateway

EXAMPLE = json.loads(
    (Path(__file__).parents[1] / "data" / "quickrouter-example.json").read_text()
)


def shape(value: Any) -> Any:
    """What kind of thing stands where, in which order."""
    if isinstance(value, dict):
        return [(name, shape(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value)


async def test_a_finished_row_is_the_documented_example_field_for_field() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig --v 6.1")
        gw.done()
        row = await gw.row(task_id)

    example = EXAMPLE[0] if isinstance(EXAMPLE, list) else EXAMPLE
    assert shape(row) == shape(example)
    assert [button["label"] for button in row["buttons"]] == [
        button["label"] for button in example["buttons"]
    ]
    fixed = (
        "action",
        "prompt",
        "promptEn",
        "description",
        "status",
        "progress",
        "properties",
    )
    assert {name: row[name] for name in fixed} == {
        name: example[name] for name in fixed
    }


async def test_a_submission_is_answered_with_a_sixteen_digit_id() -> None:
    async with gateway() as gw:
        answer = await gw.client.post("/mj/submit/imagine", json={"prompt": "pig"})

    said = answer.json()
    assert re.fullmatch(rf"{int(NOON * 1000)}\d{{3}}", said.pop("result"))
    assert said == {"code": 1, "description": "Submit success", "properties": {}}


async def test_a_new_row_holds_zero_values_and_the_state_it_was_given() -> None:
    async with gateway() as gw:
        row = await gw.row(await gw.imagine("pig", state="order-77"))

    assert row["state"] == "order-77"
    assert (row["status"], row["progress"], row["imageUrl"]) == ("NOT_START", "", "")
    assert (row["startTime"], row["finishTime"], row["buttons"]) == (0, 0, None)


async def test_unknown_ids_are_left_out_and_none_at_all_is_an_empty_array() -> None:
    async with gateway() as gw:
        known = await gw.imagine("pig")

        assert [row["id"] for row in await gw.rows("1", known, "2")] == [known]
        assert await gw.rows() == []
        answer = await gw.client.post("/mj/task/list-by-condition", json={"ids": None})
        assert answer.json() == []


async def test_the_order_of_an_answer_is_not_the_order_of_the_request() -> None:
    async with gateway() as gw:
        ids = [await gw.imagine(f"pig {number}") for number in range(20)]
        answered = [row["id"] for row in await gw.rows(*ids)]

    assert answered != ids
    assert sorted(answered) == sorted(ids)


async def test_numbers_are_no_ids() -> None:
    async with gateway() as gw:
        answer = await gw.ask(1730621826053455)

    assert answer.status_code == 400
    assert answer.json() == {
        "description": "do_request_failed ",
        "type": "upstream_error",
        "code": 4,
    }


@pytest.mark.parametrize(
    "prefix", ["/mj", "/mj-fast/mj", "/mj-relax/mj", "/mj-turbo/mj"]
)
async def test_every_mode_has_the_same_routes(prefix: str) -> None:
    async with gateway() as gw:
        made = await gw.client.post(f"{prefix}/submit/imagine", json={"prompt": "pig"})
        body = {"ids": [made.json()["result"]]}
        listed = await gw.client.post(f"{prefix}/task/list-by-ids", json=body)

    assert [row["prompt"] for row in listed.json()] == ["pig"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer sk-right"}, 200),
        ({"authorization": "right"}, 200),
        ({"mj-api-secret": "sk-right"}, 200),
        ({"authorization": "midjourney-proxy", "mj-api-secret": "right"}, 200),
        ({"x-api-key": "right"}, 200),
        ({"authorization": "Bearer sk-wrong"}, 401),
    ],
)
async def test_a_key_is_taken_in_the_forms_that_the_gateway_knows(
    headers: dict[str, str], status: int
) -> None:
    async with gateway(key="sk-right", headers=headers) as gw:
        answer = await gw.ask("1")

    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"]["type"] == "new_api_error"


async def test_a_wrong_path_is_a_web_page_with_status_200() -> None:
    async with gateway(headers={}) as gw:
        for path in ("/", "/task/list-by-condition", "/mj/tasks"):
            answer = await gw.client.post(path, json={"ids": ["1"]})

            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        wrong_method = await gw.client.get("/mj/task/list-by-condition")
        assert wrong_method.text.startswith("<!doctype html>")
        assert (await gw.client.post("/v1/mj")).status_code == 404


async def test_the_front_page_shows_prompts_as_text() -> None:
    async with gateway() as gw:
        await gw.imagine("<script>alert(1)</script>")
        gw.later(5)
        page = (await gw.client.get("/")).text

    assert "&lt;script&gt;" in page
    assert "<script>" not in page


async def test_one_task_is_fetched_alone_and_an_unknown_one_is_an_error() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig")
        known = await gw.client.get(f"/mj/task/{task_id}/fetch")
        unknown = await gw.client.get("/mj/task/1/fetch")

    assert known.json()["prompt"] == "pig"
    assert (unknown.status_code, unknown.json()["description"]) == (
        400,
        "task_no_found ",
    )


async def test_a_picture_is_there_for_everyone_as_soon_as_its_url_is() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig")
        missing = await gw.client.get(
            f"/mj/image/{task_id}", headers={"authorization": ""}
        )
        gw.later(8)
        preview = await gw.client.get((await gw.row(task_id))["imageUrl"])
        gw.done()
        final = await gw.client.get((await gw.row(task_id))["imageUrl"])

    assert missing.status_code == 400
    assert preview.content.startswith(b"\x89PNG")
    assert final.content.startswith(b"\x89PNG")
    assert preview.content != final.content


async def test_every_image_of_a_grid_has_a_picture_of_its_own() -> None:
    async with gateway() as gw:
        grid = await gw.imagine("pig")
        gw.done()
        images = [
            await gw.submit(
                "action", taskId=grid, customId=f"MJ::JOB::upsample::{n}::x"
            )
            for n in (1, 2, 3, 4)
        ]
        gw.done()
        pictures = {
            (await gw.client.get(f"/mj/image/{task_id}")).content
            for task_id in (grid, *images)
        }

    assert len(pictures) == 5
    assert all(len(png) <= 30_000 for png in pictures)


async def test_a_prompt_has_a_light_of_its_own() -> None:
    async with gateway() as gw:
        tasks = [await gw.imagine(prompt) for prompt in ("pig", "pig", "fox")]
        gw.done()
        first, again, other = [
            (await gw.client.get(f"/mj/image/{task_id}")).content for task_id in tasks
        ]

    assert first == again
    assert first != other


async def test_an_upscale_is_made_by_pressing_its_button_when_the_grid_is_done() -> (
    None
):
    async with gateway() as gw:
        grid = await gw.imagine("pig")
        button = "MJ::JOB::upsample::3::whatever"
        press = {"taskId": grid, "customId": button}
        early = await gw.client.post("/mj/submit/action", json=press)
        gw.done()
        upscale = await gw.submit("action", **press)
        gw.done()
        row = await gw.row(upscale)

    assert early.json()["description"] == "task_status_not_success "
    assert (row["action"], row["customId"], row["prompt"]) == ("UPSCALE", button, "pig")
    assert "Custom Zoom" in [pressed["label"] for pressed in row["buttons"]]


@pytest.mark.parametrize(
    "change",
    [
        {"action": "UPSCALE", "index": 3},
        {"action": "VARIATION", "index": 4},
        {"action": "REROLL"},
    ],
    ids=lambda one: one["action"],
)
async def test_clients_of_old_change_a_picture_by_its_number(
    change: dict[str, object],
) -> None:
    async with gateway() as gw:
        grid = await gw.imagine("pig --sandbox instant")
        changed = await gw.submit("change", taskId=grid, **change)
        nothing = {"taskId": grid, "action": "VARIATION", "index": 5}
        refused = await gw.client.post("/mj/submit/change", json=nothing)
        row = await gw.row(changed)

    assert row["action"] == change["action"]
    assert refused.json()["description"] == "unknown_action:MJ::JOB::variation::5:: "


async def test_a_custom_zoom_waits_for_its_modal_and_keeps_its_id() -> None:
    async with gateway() as gw:
        grid = await gw.imagine("pig --sandbox instant")
        body = {"taskId": grid, "customId": "MJ::CustomZoom::whatever"}
        answer = (await gw.client.post("/mj/submit/action", json=body)).json()
        waiting = await gw.row(answer["result"])
        gw.later(1000)
        confirmed = await gw.submit(
            "modal", taskId=answer["result"], prompt="pig --zoom 1.5"
        )
        going_on = await gw.row(confirmed)
        gw.done()
        done = await gw.row(confirmed)

    assert answer["code"] == 21
    assert (waiting["status"], waiting["action"]) == ("MODAL", "CUSTOM_ZOOM")
    assert confirmed == answer["result"]
    assert going_on["status"] == "SUBMITTED"
    assert (done["status"], done["prompt"]) == ("SUCCESS", "pig --zoom 1.5")


async def test_buttons_that_new_api_does_not_know_are_refused() -> None:
    async with gateway() as gw:
        body = {"taskId": "1", "customId": "MJ::BOOKMARK::whatever"}
        answer = await gw.client.post("/mj/submit/action", json=body)

    assert answer.status_code == 400
    assert answer.json()["description"] == "unknown_action:MJ::BOOKMARK::whatever "


async def test_a_banned_prompt_fails_with_its_reason() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("something banned")
        gw.done()
        row = await gw.row(task_id)

    assert row["status"] == "FAILURE"
    assert row["failReason"].startswith("[Banned prompt detected]")
    assert row["finishTime"] > row["submitTime"]


@pytest.mark.parametrize(("what", "count"), [("describe", 4), ("shorten", 5)])
async def test_text_is_the_result_of_describing_and_shortening(
    what: str, count: int
) -> None:
    async with gateway() as gw:
        task_id = await gw.submit(
            what, prompt="a pig in a very long coat", base64="data:…"
        )
        gw.done()
        row = await gw.row(task_id)

    assert len(row["promptEn"].split("\n\n")) == count
    assert row["properties"]["finalPrompt"] == row["promptEn"]
    assert bool(row["imageUrl"]) == (what == "describe")


async def test_a_video_has_addresses_of_films() -> None:
    async with gateway() as gw:
        task_id = await gw.submit("video", prompt="pig", image="https://…")
        gw.done()
        row = await gw.row(task_id)

    assert [film["url"].endswith(".mp4") for film in row["videoUrls"]] == [True] * 4


async def test_a_running_task_can_be_cancelled_and_a_finished_one_cannot() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig")
        first = (await gw.client.post(f"/mj/task/{task_id}/cancel")).json()
        second = (await gw.client.post(f"/mj/task/{task_id}/cancel")).json()
        row = await gw.row(task_id)

    assert (first["code"], second["code"]) == (1, 4)
    assert row["status"] == "CANCEL"


async def test_lost_tasks_are_left_out() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig --sandbox lost")
        before = await gw.rows(task_id)
        gw.done()

        assert len(before) == 1
        assert await gw.rows(task_id) == []


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (b"{", "bind_request_body_failed "),
        (b"[]", "bind_request_body_failed "),
        (b"{}", "prompt_is_required "),
        (b'{"prompt": 7}', "prompt_is_required "),
    ],
)
async def test_a_bad_submission_is_refused_as_new_api_does(
    body: bytes, description: str
) -> None:
    async with gateway() as gw:
        answer = await gw.client.post("/mj/submit/imagine", content=body)

    assert (answer.status_code, answer.json()["description"]) == (400, description)


async def test_tasks_outlive_a_restart_and_go_on_meanwhile(tmp_path: Path) -> None:
    async with gateway(data_dir=tmp_path) as gw:
        task_id = await gw.imagine("pig")
        before = await gw.row(task_id)
    async with gateway(data_dir=tmp_path, speed=0.001) as gw:
        assert await gw.row(task_id) == before
        gw.later(20)
        after = await gw.row(task_id)

    assert after["status"] == "SUCCESS"
    assert after["submitTime"] == before["submitTime"]


async def test_injected_rows_are_answered_word_for_word() -> None:
    rows = [
        {"id": "0191304188213322", "status": "odd", "progress": None, "more": [1.5]},
        {"id": "0191304188213322", "status": "SUCCESS"},
        None,
        "nonsense",
        {"status": "SUCCESS"},
    ]
    async with gateway() as gw:
        await gw.client.post("/sandbox/tasks", json=rows)
        answered = await gw.rows("0191304188213322")
        await gw.client.post(
            "/sandbox/tasks", json={"tasks": [{"id": "0191304188213322"}]}
        )
        replaced = await gw.rows("0191304188213322")
        await gw.client.request(
            "DELETE", "/sandbox/tasks", json={"ids": ["0191304188213322"]}
        )
        forgotten = await gw.rows("0191304188213322")
        await gw.client.delete("/sandbox/tasks")
        emptied = await gw.rows("0191304188213322")

    assert answered == rows
    assert replaced == [{"id": "0191304188213322"}, *rows[2:]]
    assert forgotten == rows[2:]
    assert emptied == []


async def test_requests_are_counted_and_keys_are_not_kept() -> None:
    async with gateway() as gw:
        await gw.ask("1", "2")
        await gw.ask("3")
        told = await gw.client.get("/sandbox/requests")
        await gw.client.delete("/sandbox/requests")
        cleared = (await gw.client.get("/sandbox/requests")).json()

    seen = told.json()
    assert (seen["total"], seen["batches"], seen["largestBatch"]) == (2, [2, 1], 2)
    assert seen["last"]["ids"] == ["3"]
    assert seen["last"]["headers"]["authorization"] == "Bearer ***"
    assert "sk-test" not in told.text
    assert cleared["total"] == 0
