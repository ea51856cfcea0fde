"""`bridge.sandbox.gateway_faults`: the ways in which real gateways misbehave, switched on at will."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bridge.sandbox.server import serving
from bridge.sandbox.simulated_gateway import create_gateway
from tests.sandbox.gateways import Gateway, gateway


async def running(gw: Gateway) -> str:
    """A task that is in progress."""
    task_id = await gw.imagine("pig")
    gw.later(8)
    return task_id


async def test_rand_makes_another_address_at_every_look_until_success() -> None:
    async with gateway() as gw:
        await gw.faults(rand=True)
        task_id = await running(gw)
        urls = []
        for _ in range(2):
            urls.append((await gw.row(task_id))["imageUrl"])
            gw.later(0.001)
        gw.done()
        last = (await gw.row(task_id))["imageUrl"]

    assert urls[0] != urls[1]
    assert {url.partition("?rand=")[0] for url in urls} == {last}


async def test_a_row_that_is_not_yet_synced_has_no_status() -> None:
    async with gateway(faults={"empty_status": 4}) as gw:
        task_id = await gw.imagine("pig")
        first = await gw.row(task_id)
        gw.later(5)
        then = await gw.row(task_id)

    assert (first["status"], first["progress"], first["properties"]) == ("", "0%", None)
    assert then["status"] == "IN_PROGRESS"


async def test_duplicates_come_with_the_stale_row_first() -> None:
    async with gateway() as gw:
        await gw.faults(duplicates=True)
        task_id = await running(gw)
        first, second = await gw.rows(task_id)
        fetched = (await gw.client.get(f"/mj/task/{task_id}/fetch")).json()

    assert first["id"] == second["id"]
    assert (first["status"], second["status"]) == ("", "IN_PROGRESS")
    assert fetched == first


async def test_duplicates_of_a_confirmed_modal_still_say_modal_in_the_older_row() -> (
    None
):
    async with gateway() as gw:
        grid = await gw.imagine("pig --sandbox instant")
        zoom = await gw.submit("action", taskId=grid, customId="MJ::CustomZoom::x")
        await gw.submit("modal", taskId=zoom)
        await gw.faults(duplicates=True)
        first, second = await gw.rows(zoom)

    assert (first["status"], first["action"]) == ("MODAL", "CUSTOM_ZOOM")
    assert (second["status"], second["action"]) == ("SUBMITTED", "MODAL")


async def test_some_ids_are_left_out() -> None:
    async with gateway() as gw:
        ids = [await gw.imagine("pig") for _ in range(40)]
        await gw.faults(omit=[ids[0]])
        without_one = await gw.rows(*ids)
        await gw.faults(omit=0.5)
        halves = [len(await gw.rows(*ids)) for _ in range(4)]

    assert len(without_one) == 39
    assert all(0 < half < 40 for half in halves)
    assert len(set(halves)) > 1, "another half at every look"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "无效的令牌"),
        (403, "This token has no access to model "),
        (429, '"code":30'),
        (500, "操作失败"),
        (502, "<html>"),
        (418, ""),
    ],
)
async def test_errors_come_with_the_bodies_of_real_servers(
    status: int, text: str
) -> None:
    async with gateway() as gw:
        await gw.faults(error=status)
        answer = await gw.ask("1")

    assert answer.status_code == status
    assert text in answer.text.replace('": ', '":')


async def test_an_error_can_have_a_body_a_retry_after_and_an_end() -> None:
    async with gateway() as gw:
        error = {"status": 429, "retry_after": 2, "times": 2, "body": ""}
        await gw.faults(error=error)
        answers = [await gw.ask("1") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["2", "2", None]
    assert answers[0].content == b""


async def test_submitting_works_whatever_the_faults_are() -> None:
    async with gateway() as gw:
        await gw.faults(error=500, html=True)

        assert await gw.imagine("pig")


@pytest.mark.parametrize(
    ("faults", "status", "body"),
    [
        ({"html": True}, 200, "<!doctype html>"),
        ({"envelope": True}, 200, '{"success":false,"code":-1'),
        ({"empty": True}, 200, ""),
        ({"empty": "null"}, 200, "null"),
        ({"redirect": True}, 301, ""),
        ({"routes": {"list-by-condition": 405}}, 405, '{"error"'),
    ],
)
async def test_answers_that_are_none(
    faults: dict[str, Any], status: int, body: str
) -> None:
    async with gateway() as gw:
        await gw.faults(**faults)
        answer = await gw.ask("1")

    assert answer.status_code == status
    assert answer.text.startswith(body)


async def test_one_row_comes_bare_or_the_array_in_a_wrapper() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig")
        await gw.faults(object=True)
        bare = (await gw.ask(task_id)).json()
        await gw.faults(object=False, wrapped=True)
        wrapped = (await gw.ask(task_id)).json()

    assert bare["id"] == task_id
    assert [row["id"] for row in wrapped["data"]] == [task_id]


async def test_a_poison_id_spoils_only_the_batches_that_name_it() -> None:
    async with gateway() as gw:
        await gw.faults(poison="13", poison_status=413)

        assert (await gw.ask("12", "13")).status_code == 413
        assert (await gw.ask("12")).status_code == 200


async def test_truncated_json_is_half_of_it() -> None:
    async with gateway() as gw:
        task_id = await gw.imagine("pig")
        whole = (await gw.ask(task_id)).text
        await gw.faults(truncated="json")
        half = (await gw.ask(task_id)).text

    assert whole.startswith(half)
    assert len(half) < len(whole)


async def test_a_truncated_answer_breaks_the_connection() -> None:
    app = create_gateway(faults={"truncated": True})
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers={"authorization": "key"}) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/mj/task/list-by-condition", json={"ids": ["1"]})


async def test_a_slow_gateway_shows_how_many_requests_wait_at_once() -> None:
    app = create_gateway(faults={"slow": 30})
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers={"authorization": "key"}) as client,
    ):
        question = client.post("/mj/task/list-by-condition", json={"ids": ["1"]})
        asking = asyncio.create_task(question)
        async with asyncio.timeout(20):
            while not (seen := await waiting(client))["inFlight"]:
                await asyncio.sleep(0.01)
        asking.cancel()

    assert (seen["inFlight"], seen["maxInFlight"]) == (1, 1)


async def waiting(client: httpx.AsyncClient) -> dict[str, Any]:
    seen: dict[str, Any] = (await client.get("/sandbox/requests")).json()
    return seen


async def test_faults_are_shown_changed_one_by_one_and_switched_off() -> None:
    async with gateway() as gw:
        await gw.faults(rand=True, slow=0.5)
        changed = (await gw.faults(slow=False)).json()
        put = (await gw.client.put("/sandbox/faults", json={"html": True})).json()
        off = (await gw.client.delete("/sandbox/faults")).json()
        shown = (await gw.client.get("/sandbox/faults")).json()

    assert (changed["rand"], changed["slow"]) == (True, 0.0)
    assert (put["rand"], put["html"]) == (False, True)
    assert off == shown
    assert not any(shown[name] for name in ("rand", "html", "error", "poison"))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"randy": True}, "no such fault: randy"),
        ({"slow": "very"}, "slow: "),
        ({"error": {"status": 7}}, "7 is not a status"),
        ({"error": {"sttus": 500}}, "no sttus"),
        ([], "object"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_and_changes_nothing(
    wanted: Any, said: str
) -> None:
    async with gateway() as gw:
        answer = await gw.client.post("/sandbox/faults", json=wanted)

    assert answer.status_code == 400
    assert said in answer.json()["error"]


async def test_a_picture_goes_a_while_after_its_tasks_end() -> None:
    async with gateway() as gw:
        await gw.faults(picture_for=5)
        task_id = await gw.imagine("pig --sandbox instant")
        url = f"/mj/image/{task_id}"
        there = await gw.client.get(url)
        gw.later(6)
        gone = await gw.client.get(url)

    assert (there.status_code, gone.status_code) == (200, 404)
