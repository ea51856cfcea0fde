"""The simulated gateway's submissions, when they fail, and the list that shows what came of them."""

from __future__ import annotations

from tests.sandbox.gateways import gateway

PROMPT = {"prompt": "a pig", "state": "mjb-0123456789ab"}


async def test_a_failing_submission_makes_its_task_all_the_same() -> None:
    async with gateway() as gw:
        await gw.faults(submit={"status": 502, "times": 1}, lists=True)
        failed = await gw.client.post("/mj/submit/imagine", json=PROMPT)
        rows = (await gw.client.get("/mj/task/list")).json()
        taken = await gw.client.post("/mj/submit/imagine", json=PROMPT)

    assert (failed.status_code, taken.status_code) == (502, 200)
    assert "html" in failed.headers["content-type"]
    assert [row["state"] for row in rows] == ["mjb-0123456789ab"]


async def test_or_it_makes_none() -> None:
    async with gateway() as gw:
        await gw.faults(submit=504, submit_unmade=True, lists=True)
        failed = await gw.client.post("/mj/submit/imagine", json=PROMPT)
        rows = (await gw.client.get("/mj/task/list")).json()

    assert (failed.status_code, rows) == (504, [])


async def test_new_api_has_no_list_of_all_tasks() -> None:
    async with gateway() as gw:
        answer = await gw.client.get("/mj/task/list")

    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )


async def test_the_list_has_the_newest_hundred_and_wants_a_key() -> None:
    async with gateway() as gw:
        await gw.faults(lists=True)
        made = []
        for _ in range(101):
            made.append(await gw.imagine("a pig"))
            gw.later(1)
        rows = (await gw.client.get("/mj/task/list")).json()
        stranger = await gw.client.get("/mj/task/list", headers={"authorization": ""})

    assert [row["id"] for row in rows] == made[:0:-1]
    assert stranger.status_code == 401
