"""Keeping pictures, from a recorded end to the disk and the event: real store, real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from bridge.adapters.archive.disk import LocalFiles
from bridge.adapters.archive.incoming import FileStore
from bridge.adapters.archive.keeper import Keeper
from bridge.adapters.archive.s3 import S3Files
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.adapters.store.pictures import StoredPictures
from bridge.app.archive_care import ArchiveCare
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.ports import PollResult, Publication
from bridge.channels import archive, webhook
from bridge.core.archive import ArchiveOptions, endpoint_of
from bridge.core.change import Change, ChangeType, TaskState
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, task_event
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from tests.contract.anatomy import examine
from tests.contract.bench import Bench
from tests.pictures import (
    PAGE,
    SVG,
    VIDEO,
    Handler,
    PictureSite,
    bombing,
    cut_off,
    endless,
    picture,
    picture_site,
    serving,
    status,
    swollen,
    zipped,
)
from tests.resident import MIB, Peak

FILES = "https://bridge.test/files/"
#: Seconds that the chat waits for a picture.
WAIT = 10.0
HOUR = 3600.0
#: Bytes of memory that a picture may take which is not kept: a process has 200 MB.
REFUSING_TAKES = 64 * MIB


def s3_at(port: int, folder: Path) -> S3Files:
    return S3Files(
        bucket="pictures",
        prefix="mj",
        endpoint_url=f"http://127.0.0.1:{port}",
        region="us-east-1",
        access_key="test",
        secret_key="test",
        folder=folder,
    )


@contextmanager
def s3(port: int) -> Iterator[None]:
    """Run a service that speaks S3, with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        httpx.put(f"http://127.0.0.1:{port}/pictures").raise_for_status()
        yield
    finally:
        server.stop()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(kw_only=True)
class Scene:
    """A site with pictures, an archive on disk, and a pump that delivers to it and to `ops`."""

    bench: Bench
    site: PictureSite
    files: LocalFiles
    index: StoredPictures
    keeper: Keeper
    pump: Pump
    endpoints: list[Endpoint]

    async def finish(
        self,
        task: str = "1",
        path: str = "/a.png",
        *videos: str,
        to: list[str] | None = None,
    ) -> Event:
        """Record that a task has succeeded."""
        await self.bench.track(task)
        claim = await self.bench.claim_tasks()
        await self.bench.tasks.poll_succeeded(claim)
        (due,) = [one for one in claim.tasks if one.key.id == task]
        snapshot = TaskSnapshot(
            id=task,
            status=TaskStatus.SUCCESS,
            image_url=self.site.url + path,
            video_urls=tuple(self.site.url + one for one in videos),
        )
        change = Change(type=ChangeType.SUCCEEDED, before=None, after=snapshot)
        event = task_event(
            due.key, change, sequence=due.sequence + 1, metadata={}, at=time.time()
        )
        recipients = to or [one.name for one in self.endpoints if one.wants(event)]
        result = PollResult(
            due=due,
            task_state=TaskState(digest=event.id, status=TaskStatus.SUCCESS),
            snapshot=snapshot,
            poll_again_in=None,
            publication=Publication(event=event, recipients=tuple(recipients)),
        )
        recorded = await self.bench.tasks.record([result])
        assert recorded.applied == [True]
        return event

    async def deliver(self, *, after: float = 0.0) -> None:
        if after:
            await self.bench.let_pass(after)
        self.pump.wake()
        await self.pump.idle()
        await examine(self.bench.client, self.bench.namespace)

    async def told(self, task: str = "1") -> list[dict[str, Any]]:
        """What the events say that a task's pictures were kept."""
        bodies = [
            json.loads(event.body)
            for event in await self.bench.events()
            if event.type == "task.archived"
        ]
        return [body["data"] for body in bodies if body["data"]["id"] == task]

    def kept(self) -> list[str]:
        """The names of all files on the disk, but for what is being written."""
        return sorted(
            path.name
            for path in self.files.folder.rglob("*")
            if path.is_file() and "-" not in path.name
        )


@asynccontextmanager
async def scene(
    bench: Bench, folder: Path, *, service: FileStore | None = None, **more: int
) -> AsyncIterator[Scene]:
    async with picture_site() as site:
        files = LocalFiles(folder)
        index = StoredPictures(bench.keys)
        keeper = Keeper(
            HttpSender(guard=Guard()),
            files=service or files,
            index=index,
            max_bytes=more.get("max_bytes", 4 << 20),
        )
        options = ArchiveOptions(base_url=site.url, files_url=FILES)
        endpoints = [
            replace(endpoint_of("u", options), timeout=5.0),
            Endpoint(name="chat", url=f"{site.url}/chat", wait=WAIT, schedule=(5.0,)),
        ]
        await bench.admin.configure(endpoints)
        runner = AttemptRunner(
            store=bench.deliveries,
            sender=keeper,
            endpoints={one.name: one for one in endpoints},
            channels={"archive": archive, "webhook": webhook},
            now=lambda: time.time() + bench.passed,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )
        pump = Pump(store=bench.deliveries, runner=runner, elapsed=time.monotonic)
        yield Scene(
            bench=bench,
            site=site,
            files=files,
            index=index,
            keeper=keeper,
            pump=pump,
            endpoints=endpoints,
        )
        await keeper.aclose()


@pytest.fixture
async def stage(bench: Bench, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(bench, tmp_path / "pictures") as made:
        yield made


ARCHIVE = ["archive:u"]


async def test_a_picture_is_on_the_disk_and_the_event_says_where(stage: Scene) -> None:
    data = picture(size=(600, 300))
    stage.site.pages["/a.png"] = serving(data, "text/html")
    event = await stage.finish(to=ARCHIVE)
    await stage.deliver()

    (told,) = await stage.told()
    name = f"{sha(data)}.png"
    assert told["archived"] == [
        {
            "url": FILES + name,
            "sha256": sha(data),
            "bytes": len(data),
            "type": "image/png",
            "width": 600,
            "height": 300,
            "source": f"{stage.site.url}/a.png",
        }
    ]
    assert "reason" not in told
    assert stage.files.path(name).read_bytes() == data
    before = json.loads(event.body)["data"]
    assert {**told, "sequence": 1, "archived": None} == before
    assert told["sequence"] == 2


async def test_the_task_and_its_event_know_what_was_kept(stage: Scene) -> None:
    stage.site.pages["/a.png"] = serving(picture(size=(600, 300)))
    await stage.finish(to=ARCHIVE)
    await stage.deliver()

    row = await stage.bench.task("1")
    assert row.sequence == 2
    assert row.archived is not None
    (file,) = row.archived.files
    assert file.thumbnails == (256, 512)
    for size in file.thumbnails:
        assert stage.files.path(f"{file.sha256}-{size}.webp").exists()


async def test_videos_are_kept_beside_the_picture(stage: Scene) -> None:
    stage.site.pages |= {"/a.png": serving(picture()), "/a.mp4": serving(VIDEO)}
    await stage.finish("1", "/a.png", "/a.mp4", to=ARCHIVE)
    await stage.deliver()

    (told,) = await stage.told()
    assert [one["type"] for one in told["archived"]] == ["image/png", "video/mp4"]
    assert [one["width"] for one in told["archived"]] == [64, None]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (serving(PAGE), "a page"),
        (serving(SVG, "image/svg+xml"), "scripts"),
        (serving(picture()[:-20]), "a part of a png"),
        (cut_off(picture(size=(400, 400))), "body broke off"),
        (endless, "more than 4,194,304 bytes"),
        (zipped(picture()), "neither a picture"),
        (swollen, "neither a picture"),
        (bombing, "169 million pixels"),
        (status(404), "HTTP 404"),
        (status(403), "HTTP 403"),
    ],
    ids=[
        "page",
        "svg",
        "truncated",
        "cut",
        "endless",
        "zip",
        "gzip bomb",
        "bomb",
        "404",
        "403",
    ],
)
async def test_what_is_not_kept_is_given_up_with_the_reason(
    stage: Scene, answer: Handler, why: str
) -> None:
    stage.site.pages["/a.png"] = answer
    event = await stage.finish(to=ARCHIVE)
    memory = Peak()
    for _ in range(4):
        await stage.deliver(after=60.0)
    assert memory.grown < REFUSING_TAKES

    (told,) = await stage.told()
    assert told["archived"] == []
    assert why in told["reason"]
    assert stage.kept() == []
    assert await stage.bench.state(event, "archive:u") == "dead"
    assert (await stage.index.usage()).files == 0


async def test_operators_are_not_told_of_each_picture_that_is_not_kept(
    stage: Scene,
) -> None:
    stage.site.pages["/a.png"] = serving(SVG)
    await stage.finish(to=ARCHIVE)
    await stage.deliver()

    assert "delivery.dead" not in [event.type for event in await stage.bench.events()]


async def test_a_host_in_trouble_is_asked_again_until_the_picture_is_there(
    stage: Scene,
) -> None:
    stage.site.pages["/a.png"] = status(502)
    await stage.finish(to=ARCHIVE)
    await stage.deliver()
    assert await stage.told() == []
    stage.site.pages["/a.png"] = serving(picture())
    await stage.deliver(after=5.0)

    (told,) = await stage.told()
    assert len(told["archived"]) == 1


async def test_a_private_address_is_asked_for_at_the_upstreams_own_host_only(
    bench: Bench, tmp_path: Path
) -> None:
    async with scene(bench, tmp_path) as stage, picture_site() as other:
        other.pages["/a.png"] = serving(picture())
        stage.site.pages["/a.png"] = status(
            302, location=other.url.replace("127.0.0.1", "127.0.0.2") + "/a.png"
        )
        await stage.finish(to=ARCHIVE)
        await stage.deliver()

        (told,) = await stage.told()
        assert "address is not allowed" in told["reason"]
        assert other.asked == []


async def test_the_same_picture_is_there_once_and_stays_while_one_task_has_it(
    stage: Scene,
) -> None:
    stage.site.pages |= {"/a.png": serving(picture()), "/b.png": serving(picture())}
    await stage.finish("1", "/a.png", to=ARCHIVE)
    await stage.deliver()
    await stage.bench.let_pass(100.0)
    await stage.finish("2", "/b.png", to=ARCHIVE)
    await stage.deliver()
    assert len(stage.kept()) == 1
    assert (await stage.index.usage()).files == 1

    await care(stage, keep=50.0).tidy()
    assert len(stage.kept()) == 1
    await stage.bench.let_pass(100.0)
    await care(stage, keep=50.0).tidy()
    assert stage.kept() == []
    assert (await stage.index.usage()).bytes == 0


async def test_a_picture_that_went_can_be_kept_again(stage: Scene) -> None:
    stage.site.pages |= {"/a.png": serving(picture()), "/b.png": serving(picture())}
    await stage.finish("1", "/a.png", to=ARCHIVE)
    await stage.deliver()
    await stage.bench.let_pass(100.0)
    await care(stage, keep=50.0).tidy()
    await stage.finish("2", "/b.png", to=ARCHIVE)
    await stage.deliver()

    assert len(stage.kept()) == 1


async def test_beyond_the_quota_the_oldest_go_and_operators_are_told_once(
    stage: Scene,
) -> None:
    data = {name: picture(colour=name) for name in ("red", "green", "blue")}
    for number, (colour, each) in enumerate(data.items()):
        stage.site.pages[f"/{colour}"] = serving(each)
        await stage.finish(str(number), f"/{colour}", to=ARCHIVE)
        await stage.deliver(after=1.0)
    quota = len(data["green"]) + len(data["blue"])
    tidied = care(stage, quota=quota)
    await tidied.tidy()
    await tidied.tidy()

    assert stage.kept() == sorted(f"{sha(data[one])}.png" for one in ("green", "blue"))
    full = [one for one in await stage.bench.events() if one.type == "archive.full"]
    assert len(full) == 1
    assert json.loads(full[0].body)["data"]["archive"] == "archive"


def care(stage: Scene, *, keep: float = 0.0, quota: int = 0) -> ArchiveCare:
    return ArchiveCare(
        index=stage.index,
        files=stage.files,
        keep=keep,
        quota=quota,
        endpoints=stage.endpoints,
        now=time.time,
    )


async def test_an_event_in_between_takes_the_number_and_the_picture_the_next(
    stage: Scene,
) -> None:
    """A task may be tracked again, and corrected, while its picture is on the way."""
    held = asyncio.Event()
    asked = asyncio.Event()
    good = serving(picture())

    async def slow(request: Any) -> Any:
        asked.set()
        await held.wait()
        return await good(request)

    stage.site.pages["/a.png"] = slow
    await stage.finish(to=ARCHIVE)
    stage.pump.wake()
    await asyncio.wait_for(asked.wait(), 5.0)
    await stage.bench.track("1")
    claim = await stage.bench.claim_tasks()
    await stage.bench.tasks.poll_succeeded(claim)
    (due,) = claim.tasks
    event = stage.bench.event("task.corrected", due, at=claim.now)
    publication = Publication(event=event, recipients=())
    await stage.bench.tasks.record(
        [PollResult(due=due, poll_again_in=None, publication=publication)]
    )
    held.set()
    await stage.deliver()

    (told,) = await stage.told()
    assert told["sequence"] == 3
    assert (await stage.bench.task("1")).sequence == 3


async def test_a_poll_that_was_under_way_does_not_take_the_pictures_number(
    stage: Scene,
) -> None:
    stage.site.pages["/a.png"] = serving(picture())
    await stage.finish(to=ARCHIVE)
    await stage.bench.track("1")
    claim = await stage.bench.claim_tasks()
    await stage.bench.tasks.poll_succeeded(claim)
    await stage.deliver()
    (due,) = claim.tasks
    event = stage.bench.event("task.corrected", due, at=claim.now)
    recorded = await stage.bench.tasks.record(
        [PollResult(due=due, publication=Publication(event=event, recipients=()))]
    )

    assert recorded.applied == [False]
    assert [one["sequence"] for one in await stage.told()] == [2]


async def test_asked_for_again_it_is_tried_again_and_has_another_event(
    stage: Scene,
) -> None:
    stage.site.pages["/a.png"] = serving(SVG)
    event = await stage.finish(to=ARCHIVE)
    await stage.deliver()
    stage.site.pages["/a.png"] = serving(picture())
    await stage.bench.redeliver(event.id, "archive:u")
    await stage.deliver()

    first, second = await stage.told()
    assert (first["sequence"], second["sequence"]) == (2, 3)
    assert (len(first["archived"]), len(second["archived"])) == (0, 1)


async def test_what_was_killed_leaves_no_half_file_and_is_done_again(
    stage: Scene,
) -> None:
    """A worker that dies in a download leaves a claim and a temporary file, and nothing else."""
    stage.site.pages["/a.png"] = serving(picture())
    await stage.finish(to=ARCHIVE)
    (claimed,) = await stage.bench.claim()
    left = stage.files.folder / "tmp" / "left"
    left.parent.mkdir(parents=True)
    left.write_bytes(picture()[:20])
    assert claimed.endpoint == "archive:u"
    await stage.deliver(after=170.0)
    await stage.deliver()

    (told,) = await stage.told()
    assert len(told["archived"]) == 1
    assert stage.kept() == sorted([f"{sha(picture())}.png", "left"])
    await stage.files.clean()
    assert left.exists()  # another worker may be at it


async def test_an_archive_that_is_away_for_a_while_loses_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    async with scene(bench, tmp_path) as stage:
        stage.site.pages["/a.png"] = serving(picture())
        (tmp_path / "blobs").write_text("not a folder")
        event = await stage.finish(to=ARCHIVE)
        await stage.deliver()
        await stage.deliver(after=2.0)
        assert await stage.bench.state(event, "archive:u") == "pending"
        (tmp_path / "blobs").unlink()
        await stage.deliver(after=60.0)

        (told,) = await stage.told()
        assert len(told["archived"]) == 1


async def test_a_service_that_is_away_for_an_hour_loses_nothing_and_holds_nobody_up(
    bench: Bench, tmp_path: Path
) -> None:
    with socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and nobody listens there
        port = reserved.getsockname()[1]
        service = s3_at(port, tmp_path)
        async with scene(bench, tmp_path, service=service) as stage:
            stage.site.pages["/chat"] = status(200)
            ended: dict[str, Event] = {}
            while bench.passed < HOUR:
                task = f"{len(ended)}"
                stage.site.pages[f"/{task}.png"] = serving(
                    picture(size=(64, 9 + len(ended)))
                )
                ended[task] = event = await stage.finish(task, f"/{task}.png")
                await stage.deliver()
                assert await bench.state(event, "chat") == "pending"
                await stage.deliver(after=WAIT)
                assert await bench.state(event, "chat") == "delivered"
                for _ in range(12):
                    await stage.deliver(after=60.0)
            states = [await bench.state(one, "archive:u") for one in ended.values()]
            assert states == ["pending"] * len(ended)
            assert [one for task in ended for one in await stage.told(task)] == []

            reserved.close()
            with s3(port):
                back = bench.passed
                while len(
                    kept := [one for task in ended for one in await stage.told(task)]
                ) < len(ended):
                    assert bench.passed < back + 600.0
                    await stage.deliver(after=60.0)
                names = [
                    file["url"].removeprefix(FILES)
                    for one in kept
                    for file in one["archived"]
                ]
                assert len(set(names)) == len(ended)
                assert all([await service.locate(name) for name in names])


# --- chats that wait for it -----------------------------------------------------------


async def test_a_chats_delivery_waits_for_the_picture_and_knows_it_then(
    stage: Scene,
) -> None:
    stage.site.pages["/a.png"] = serving(picture())
    await stage.finish()
    claimed = {one.endpoint: one for one in await stage.bench.claim()}
    assert list(claimed) == ["archive:u"]
    settlement = await runner_of(stage).attempt(claimed["archive:u"])
    await stage.bench.deliveries.settle([settlement])
    await examine(stage.bench.client, stage.bench.namespace)

    (chat,) = await stage.bench.claim()
    assert chat.endpoint == "chat"
    assert chat.archived is not None
    assert [one.type for one in chat.archived.files] == ["image/png"]


def runner_of(stage: Scene) -> AttemptRunner:
    return stage.pump._runner


async def test_a_chats_delivery_waits_no_longer_than_it_may(stage: Scene) -> None:
    await stage.finish()
    (first,) = await stage.bench.claim()
    await stage.bench.let_pass(9.0)
    assert await stage.bench.claim() == []
    await stage.bench.let_pass(1.5)
    (chat,) = await stage.bench.claim()

    assert (first.endpoint, chat.endpoint) == ("archive:u", "chat")
    assert chat.archived is None
    assert chat.crashes == 0


async def test_what_is_not_kept_is_waited_for_no_longer(stage: Scene) -> None:
    stage.site.pages["/a.png"] = serving(SVG)
    await stage.finish()
    (keeping,) = await stage.bench.claim()
    await stage.bench.deliveries.settle([await runner_of(stage).attempt(keeping)])

    (chat,) = await stage.bench.claim()
    assert chat.archived is not None
    assert chat.archived.files == ()


async def test_without_an_archive_nobody_waits(stage: Scene) -> None:
    await stage.finish(to=["chat"])

    (chat,) = await stage.bench.claim()
    assert chat.endpoint == "chat"


async def test_the_key_of_a_task_is_what_its_files_are_held_by(stage: Scene) -> None:
    stage.site.pages["/a.png"] = serving(picture())
    await stage.finish(to=ARCHIVE)
    await stage.deliver()

    kept = await stage.bench.keys.members("kept")
    assert kept == [f"{sha(picture())}.png|{TaskKey('u', '1')}"]
