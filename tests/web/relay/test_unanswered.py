"""Submissions whose answer nobody saw: looked for, never sent again, listed until they are found."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.adapters.local.journal import FileJournal
from bridge.adapters.local.spool import FileSpool
from bridge.adapters.local.whole_files import ABANDONED
from bridge.app.ports import Sent, Submitted
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
    async with asyncio.timeout(30):
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


async def test_a_press_of_a_task_that_nobody_tracks_leaves_nothing_behind(
    open_stage: OpenStage, bench: Bench
) -> None:
    async with (
        shop(first=hangs_up(sells=False)) as upstream,
        open_stage(**at(upstream)) as stage,
    ):
        await stage.post(*SUBMISSIONS[1])
        [action] = await listed(stage)
        assert action["taskId"] == PARENT

    assert await bench.client.keys(f"{{{bench.namespace}}}:presses:*") == []


async def test_what_cannot_be_written_holds_up_nothing_that_was_not_answered(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    journal = FileJournal(tmp_path / "gateway-sent")
    for route, prompt in (
        ("submit/\ud800", "a mistake of ours"),
        ("submit/imagine", "half an emoji \ud83d"),
        ("submit/imagine", "a pig"),
    ):
        sent = Sent(upstream="default", route=route, at=1.0, prompt=prompt)
        journal.begin(sent).close(answered=False)

    async with open_stage() as stage:
        async with asyncio.timeout(10):
            while len(list((tmp_path / "gateway-sent").iterdir())) > 1:
                await asyncio.sleep(0.05)
        assert [one["label"] for one in await listed(stage)] == ["imagine", "imagine"]
    assert [sent.prompt for _, sent in journal.unanswered()] == ["a mistake of ours"]


async def test_files_that_are_no_submissions_are_an_error_once_and_hold_up_none(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    journal = FileJournal(tmp_path / "gateway-sent")
    with structlog.testing.capture_logs() as logs:
        async with open_stage() as stage, asyncio.timeout(20):
            sent = Sent(upstream="default", route="submit/imagine", at=1.0, prompt="p")
            for text in ("{", '"a"', '{"hook": null, "of": "a later version"}'):
                journal.begin(sent).close(answered=False)
                [path] = [
                    one for one in journal.folder.iterdir() if "bad" not in one.name
                ]
                path.rename(path.with_name(f"0-bad{len(text)}.json")).write_text(text)
            for count in (1, 2):
                journal.begin(sent).close(answered=False)
                while len(await listed(stage)) < count:
                    await asyncio.sleep(0.05)

    lines = [one for one in logs if one["event"] == "gateway.journal_unreadable"]
    assert lines[-1]["count"] == 3
    assert len({one["count"] for one in lines}) == len(lines)


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


@contextmanager
def almost_full_disk() -> Iterator[None]:
    """No file of this process becomes longer than a few bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_cannot_be_kept_leaves_nothing_on_disk(tmp_path: Path) -> None:
    journal, spool = FileJournal(tmp_path / "journal"), FileSpool(tmp_path / "spool")
    with almost_full_disk():
        with pytest.raises(OSError, match="too large"):
            journal.begin(Sent(upstream="u", route="submit/imagine", at=1.0))
        with pytest.raises(OSError, match="too large"):
            spool.put(Submitted(upstream="u", ids=("1",)))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_process_never_finished_to_write_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0-old.part").touch()
    (tmp_path / "1-new.part").touch()
    long_ago = (tmp_path / "1-new.part").stat().st_mtime - ABANDONED - 60
    os.utime(tmp_path / "0-old.part", (long_ago, long_ago))

    assert FileJournal(tmp_path).unanswered() == []
    assert FileSpool(tmp_path).waiting() == []
    assert [path.name for path in tmp_path.iterdir()] == ["1-new.part"]


def test_a_journal_tells_what_cannot_be_read_from_what_is_not_there(
    tmp_path: Path,
) -> None:
    journal = FileJournal(tmp_path)
    sent = Sent(upstream="u", route="submit/imagine", at=1.0)
    (tmp_path / "0-unreadable.json").mkdir()
    journal.begin(sent).close(answered=False)

    [(name, found)] = journal.unanswered()  # the others do not wait for it
    journal.forget(name)

    assert found == sent
    with pytest.raises(IsADirectoryError):
        journal.unanswered()
