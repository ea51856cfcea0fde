"""Submissions while the store is away: the client gets its answer, and the task is tracked later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.local.spool import FileSpool
from bridge.app.intake import Intake
from bridge.app.ports import Submitted, Tracked
from bridge.app.tracking import Tracking
from bridge.core.hook import Hook, HookFormat
from bridge.errors import BridgeError, StoreUnavailable
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import Stage

HOOK = "https://studio.example.com/mj/notify"


async def is_tracked(stage: Stage, task_id: str) -> None:
    async with asyncio.timeout(30):
        while await stage.task(task_id) is None:
            await asyncio.sleep(0.05)


async def test_what_is_submitted_while_the_store_is_away_is_tracked_when_it_is_back(
    open_stage: OpenStage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with EmbeddedStore(folder) as store:
        url = store.url
        async with open_stage(redis_url=url, data_dir=tmp_path) as stage:
            await stage.post("/mj/submit/imagine", {"prompt": "before"})
            store.stop()
            with capture_logs() as logs:
                answers = [
                    await stage.post("/mj/submit/imagine", {"notifyHook": HOOK})
                    for _ in range(3)
                ]
                assert [one.status_code for one in answers] == [200] * 3
                assert {one.headers["x-mjbridge"] for one in answers} == {"later"}
                assert len(list((tmp_path / "gateway").glob("*.json"))) == 3
                with EmbeddedStore(folder) as again:
                    assert again.url == url
                    for answer in answers:
                        await is_tracked(stage, answer.json()["result"])
                    async with asyncio.timeout(30):
                        while list((tmp_path / "gateway").iterdir()):
                            await asyncio.sleep(0.05)
                assert len(stage.upstream.asked) == 4
    alerts = [one for one in logs if one["log_level"] in {"error", "critical"}]
    assert [one["event"] for one in alerts] == ["gateway.later"]
    caught_up = [one for one in logs if one["event"] == "gateway.caught_up"]
    assert [one["submissions"] for one in caught_up] == [3]


class Unsteady(Tracking):
    """Tracks, but for what is raised first by the next calls."""

    def __init__(self) -> None:
        self.fails: list[BridgeError | None] = []

    async def take_in(self, submitted: Submitted) -> Tracked:
        if self.fails and (error := self.fails.pop(0)):
            raise error
        return Tracked(tracked=submitted.ids, known=())


async def test_each_outage_is_told_once_whoever_tracks_what_waited(
    tmp_path: Path,
) -> None:
    tracking, away = Unsteady(), StoreUnavailable()
    ours, anothers = (Intake(tracking, FileSpool(tmp_path)) for _ in range(2))
    submitted = Submitted(upstream="u", ids=("1",))
    with capture_logs() as logs:
        tracking.fails = [away, away]
        await ours.take(submitted)
        await ours.take(submitted)
        tracking.fails = [None, away]
        with pytest.raises(StoreUnavailable):
            await ours.catch_up()
        await ours.catch_up()
        for catching_up in (anothers, ours):
            tracking.fails = [away]
            await ours.take(submitted)
            await catching_up.catch_up()
            await ours.catch_up()

    assert [(one["event"], one.get("submissions")) for one in logs] == [
        ("gateway.later", None),
        ("gateway.caught_up", 2),
        ("gateway.later", None),
        ("gateway.caught_up", 1),
        ("gateway.later", None),
        ("gateway.caught_up", 1),
    ]


async def test_what_an_earlier_process_left_is_tracked(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    spool = FileSpool(tmp_path / "gateway")
    spool.put(Submitted(upstream="default", ids=("1", "2")))
    spool.put(Submitted(upstream="gone", ids=("3",)))
    (tmp_path / "gateway" / "0-half.json").write_text('{"ids": ["4"')
    with capture_logs() as logs:
        async with open_stage() as stage:
            await is_tracked(stage, "1")
            await is_tracked(stage, "2")
            assert await stage.task("3") is None
    left = sorted(file.suffix for file in (tmp_path / "gateway").iterdir())
    assert left == [".refused", ".refused"]
    [unread] = [one for one in logs if one["event"] == "gateway.not_read"]
    assert (unread["log_level"], unread["file"]) == ("error", "0-half.json")


async def test_a_submission_that_cannot_be_read_now_is_left_for_later(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    spool = FileSpool(tmp_path / "gateway")
    spool.put(Submitted(upstream="default", ids=("1",)))
    unreadable = tmp_path / "gateway" / "0-unreadable.json"
    unreadable.mkdir()
    with capture_logs() as logs:
        async with open_stage() as stage:
            await is_tracked(stage, "1")
            unreadable.rmdir()
            spool.put(Submitted(upstream="default", ids=("2",)))
            await is_tracked(stage, "2")
    assert list((tmp_path / "gateway").iterdir()) == []
    [away] = [one for one in logs if one["event"] == "gateway.folder_away"]
    assert (away["path"], away["reason"]) == (str(unreadable), "is a directory")


@pytest.mark.parametrize("folder", ["gateway", "gateway-sent"])
async def test_a_folder_that_cannot_be_used_is_logged_once_and_used_as_soon_as_it_can_be(
    open_stage: OpenStage, tmp_path: Path, folder: str
) -> None:
    in_the_way = tmp_path / folder
    in_the_way.touch()

    async def said(event: str) -> None:
        async with asyncio.timeout(30):
            while event not in [one["event"] for one in logs]:
                await asyncio.sleep(0.05)

    with capture_logs() as logs:
        async with open_stage():
            await said("gateway.folder_away")
            in_the_way.unlink()
            await said("gateway.folder_back")
    about = [one for one in logs if one["event"].startswith("gateway.")]
    assert [one["event"] for one in about] == [
        "gateway.folder_away",
        "gateway.folder_back",
    ]
    assert about[0]["path"] == str(in_the_way)
    assert about[0]["reason"] == "not a directory"


async def test_what_cannot_be_tracked_holds_up_nothing_else(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    spool = FileSpool(tmp_path / "gateway")
    spool.put(Submitted(upstream="default", ids=("1",), hook_refused="\ud800"))
    spool.put(Submitted(upstream="default", ids=("2",)))
    async with open_stage() as stage:
        await is_tracked(stage, "2")
    assert len(spool.waiting()) == 1


def test_a_spool_returns_what_was_put_in_its_order(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path / "x")
    assert spool.waiting() == []
    hook = Hook(url=HOOK, format=HookFormat.MIDJOURNEY)
    put = [
        Submitted(upstream="u", ids=("1", "2"), hook=hook),
        Submitted(upstream="u", ids=("3",), hook_refused="a reason"),
    ]
    for one in put:
        spool.put(one)
    assert [spool.read(name) for name in spool.waiting()] == put
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "x").iterdir()} == {
        0o600
    }
    for name in spool.waiting():
        spool.discard(name)
        spool.discard(name)
        assert spool.read(name) is None
    assert spool.waiting() == []
