"""The archive, through a real worker: pictures outlive their URLs, and the worker's death."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.store.connection import connect
from bridge.app.ports import EventRow
from tests.acceptance.harness import NAMESPACE, QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Stage, row
from tests.contract.ageing import let_pass
from tests.pictures import noise
from tests.receivers import Connection, receiver
from tests.waiting import until

TASKS = 12
#: Longer than the lease of a download.
LEASE_OVER = 200.0
#: The side of a picture that is larger than what is written at once: noise does not shrink.
SIDE = 1400


@pytest.fixture
def gallery(stage: Stage, tmp_path: Path) -> Iterator[tuple[Installation, Gateway]]:
    """A deployment with an archive, and a gateway whose pictures are there for a moment."""
    gateway = stage.gateway(speed=30.0)
    gateway.faults(picture_for=5)
    with Installation(
        tmp_path,
        upstreams={"main": {**QUICK_UPSTREAM, "base_url": gateway.url}},
        endpoints={},
        archive=json.dumps({"url": f"file:{tmp_path / 'pictures'}"}),
        public_url="https://bridge.example",
    ) as deployment:
        yield deployment, gateway


def archived(deployment: Installation, task: str) -> list[dict[str, Any]]:
    """What is said to have been kept of a task; empty until something is said."""

    async def read(deployment: Any) -> list[EventRow]:
        return list(await deployment.queries.story(f"main:{task}"))

    events = deployment.deployment(read)
    bodies = [json.loads(one.event.body) for one in events]
    return [body["data"] for body in bodies if body["type"] == "task.archived"]


def test_every_picture_is_there_after_its_url_has_expired(
    gallery: tuple[Installation, Gateway], tmp_path: Path
) -> None:
    deployment, gateway = gallery
    worker = deployment.start_worker(wait=False)
    deployment.start_beat()
    deployment.is_up(worker)
    tasks = [gateway.submit(f"a pig, number {number}") for number in range(TASKS)]
    deployment.track(*tasks, upstream="main")
    for task in tasks:
        until(
            lambda task=task: archived(deployment, task),  # type: ignore[misc]
            within_s=30.0,
            what="the picture is kept",
        )

    for task in tasks:
        (said,) = archived(deployment, task)
        (file,) = said["archived"]
        name = file["url"].removeprefix("https://bridge.example/files/")
        kept = tmp_path / "pictures" / "blobs" / name[:2] / name
        assert kept.stat().st_size == file["bytes"]


class Halting:
    """A host of a picture that stops in the middle, the first time it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, connection: Connection) -> None:
        while await connection.request() is not None:
            self.asked += 1
            picture = noise(SIDE)
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(picture)}\r\n\r\n".encode()
            if self.asked == 1:
                await connection.say(head + picture[: len(picture) // 2])
                await connection.gone()
                return
            await connection.say(head + picture)


def test_what_was_killed_in_the_middle_of_a_picture_keeps_all_of_it_the_next_time(
    gallery: tuple[Installation, Gateway], stage: Stage, tmp_path: Path
) -> None:
    deployment, gateway = gallery
    host = Halting()
    place = stage.enter(receiver(host))
    pictures = tmp_path / "pictures"
    gateway.put(row("1", "IN_PROGRESS", "1%"))
    worker = deployment.start_worker(wait=False)
    deployment.start_beat()
    deployment.is_up(worker)
    deployment.track("1", upstream="main")
    url = f"http://127.0.0.1:{place.port}/1.png"
    gateway.put(row("1", "SUCCESS", imageUrl=url))

    until(
        lambda: any(file.stat().st_size for file in (pictures / "tmp").glob("*")),
        within_s=30.0,
        what="some of it is here",
    )
    worker.kill()
    assert not list((pictures / "blobs").rglob("*.png"))
    # Until its lease is over, nobody can know that it is dead.
    asyncio.run(age(deployment.store.url, LEASE_OVER))
    deployment.start_worker()

    (said,) = until(lambda: archived(deployment, "1"), within_s=30.0, what="it is kept")
    assert len(said["archived"]) == 1, said
    (kept,) = (pictures / "blobs").rglob("*.png")
    assert kept.read_bytes() == noise(SIDE)
    assert host.asked == 2


async def age(url: str, seconds: float) -> None:
    client = connect(url)
    try:
        await let_pass(client, NAMESPACE, seconds)
    finally:
        await client.aclose()
