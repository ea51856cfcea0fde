"""Submissions whose answer nobody saw: looked for, never sent again, listed until they are found."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.adapters.local.journal import FileJournal
from bridge.app.ports import Sent
from bridge.core.action import ActionState
from bridge.core.hook import Hook, HookFormat
from tests.actions.shop import PARENT, Manner, Shop, hangs_up, says, shop
from tests.actions.stand import UPSTREAM, stand
from tests.contract.bench import Bench
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, Stage

#: Seconds after which a first look has been made.
LOOKED = 30.0


def at(upstream: Shop) -> dict[str, Any]:
    return {"upstreams": {UPSTREAM: {"api_key": KEY, "base_url": upstream.url}}}


async def listed(stage: Stage) -> list[dict[str, Any]]:
    """Wait until an action is listed."""
    async with asyncio.timeout(10):
        while not (
            found := (await stage.site.http.get("/api/v1/actions")).json()["items"]
        ):
            await asyncio.sleep(0.05)
    rows: list[dict[str, Any]] = found
    return rows


SUBMISSIONS: list[tuple[str, dict[str, str]]] = [
    ("/mj/submit/imagine", {"prompt": "a pig", "state": "order-77"}),
    (
        "/mj/submit/action",
        {"customId": "MJ::JOB::upsample::1::3f", "taskId": PARENT},
    ),
]


@pytest.mark.parametrize("submission", SUBMISSIONS, ids=["submit", "press"])
async def test_what_broke_off_is_looked_for_and_its_task_followed(
    open_stage: OpenStage,
    bench: Bench,
    tmp_path: Path,
    submission: tuple[str, dict[str, str]],
) -> None:
    async with (
        shop(first=hangs_up(sells=True)) as upstream,
        stand(bench, upstream.url) as worker,
        open_stage(**at(upstream)) as stage,
    ):
        answer = await stage.post(*submission)
        assert answer.status_code == 502
        [action] = await listed(stage)
        kind = "press" if "customId" in submission[1] else "submit"
        assert (action["by"], action["kind"]) == ("gateway", kind)

        await bench.let_pass(LOOKED)
        found = await worker.settle(action["id"], within_s=LOOKED)

        sold = upstream.sold[0]["id"]
        assert (found.state, found.child_id) == (ActionState.ACCEPTED, sold)
        assert len(upstream.submissions) == 1
        task = await bench.task(sold, UPSTREAM)
        assert (task.active, task.lineage.by) == (True, "gateway")
    assert list((tmp_path / "gateway-sent").iterdir()) == []


async def test_what_is_not_found_stays_unknown_and_is_never_sent(
    open_stage: OpenStage, bench: Bench
) -> None:
    async with (
        shop(first=hangs_up(sells=False)) as upstream,
        stand(bench, upstream.url) as worker,
        open_stage(**at(upstream)) as stage,
    ):
        await stage.post("/mj/submit/imagine", {"prompt": "a pig"})
        [action] = await listed(stage)
        found = await worker.settle(action["id"])

        assert found.state is ActionState.UNKNOWN
        assert "its answer was not seen" in str(found.reason)
        assert len(upstream.submissions) == 1


@pytest.mark.parametrize(
    "manner",
    [
        says({"code": 1, "result": "77"}),
        says({"code": 24, "description": "banned"}),
        says(b"<html>", "502 Bad Gateway"),
    ],
    ids=["taken", "refused", "a page"],
)
async def test_what_was_answered_is_not_looked_for(
    open_stage: OpenStage, tmp_path: Path, manner: Manner
) -> None:
    async with shop(first=manner) as upstream, open_stage(**at(upstream)) as stage:
        await stage.post("/mj/submit/imagine", {"prompt": "a pig"})
        assert list((tmp_path / "gateway-sent").iterdir()) == []
        assert (await stage.site.http.get("/api/v1/actions")).json()["items"] == []


async def test_what_could_not_be_sent_is_not_looked_for(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    nowhere = {"u": {"api_key": KEY, "base_url": "http://127.0.0.1:1"}}
    async with open_stage(upstreams=nowhere) as stage:
        await stage.post("/mj/submit/imagine", {"prompt": "a pig"})
    assert list((tmp_path / "gateway-sent").iterdir()) == []


async def test_what_cannot_be_noted_is_sent_and_the_log_says_where_there_is_no_place(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    (tmp_path / "gateway-sent").touch()
    async with shop() as upstream, open_stage(**at(upstream)) as stage:
        with structlog.testing.capture_logs() as logs:
            answer = await stage.post(*SUBMISSIONS[0])

    [line] = [line for line in logs if line["event"] == "gateway.not_noted"]
    assert answer.status_code == 200
    assert line["folder"] == str(tmp_path / "gateway-sent")


def test_a_journal_shows_what_no_process_waits_for(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "x")
    assert journal.unanswered() == []
    hook = Hook(url="https://studio.example/s", format=HookFormat.MIDJOURNEY)
    first = Sent(upstream="u", route="submit/imagine", at=1.0, prompt="a", hook=hook)
    second = Sent(upstream="u", route="submit/action", at=2.0, task_id="7")
    entries = [journal.begin(first), journal.begin(second), journal.begin(first)]
    assert journal.unanswered() == []  # each is waited for

    entries[0].close(answered=False)
    entries[1].close(answered=True)
    (tmp_path / "x" / "0-broken.json").write_text("{")

    [(name, found)] = journal.unanswered()
    assert found == first
    assert {
        file.stat().st_mode & 0o777 for file in (tmp_path / "x").glob(f"{name}*")
    } == {0o600}
    journal.forget(name)
    assert journal.unanswered() == []
    entries[2].close(answered=True)
