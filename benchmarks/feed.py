"""Recording events the way the poller does, without an upstream."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from bridge.adapters.store.tasks import StoredTasks
from bridge.app.ports import DueTask, PollLimits, PollResult, Publication
from bridge.core.change import ChangeType, TaskState
from bridge.core.endpoint import Rate
from bridge.core.event import Event
from bridge.core.task import TaskStatus
from bridge.runtime.deployment import Deployment

#: No deployment of ours polls it, so that nobody but the feed claims its tasks.
UPSTREAM = "feed"
LIMITS = PollLimits(
    batch_size=500, concurrency=10_000, rate=Rate(per_second=1e6, burst=1e6), lease=800.0
)  # fmt: skip
ENDED = TaskState(
    status=TaskStatus.SUCCESS, progress=100, reported=100, ended=ChangeType.SUCCEEDED
)
#: Events that are recorded in one call while as many as possible are.
BATCH = 100
#: Such calls under way at once: as many as a poller has by default (`concurrency`).
AT_ONCE = 4
SEED = 20261129
_words = random.Random(SEED)
#: Text that does not repeat itself: what an event is filled with.
_TEXT = " ".join(
    "".join(_words.choices("abcdefghijklmnopqrstuvwxyz", k=_words.randint(2, 9)))
    for _ in range(20_000)
)


def event(number: int, size: int) -> Event:
    """Return an event of so many bytes, of a task of its own."""
    now = time.time()
    task_id = f"{number:016d}"
    missing = max(0, size - _BARE)
    at = _words.randrange(len(_TEXT) - missing)
    return Event(
        id=f"evt_{number:032x}",
        type="task.succeeded",
        subject=f"{UPSTREAM}:{task_id}",
        upstream=UPSTREAM,
        sequence=1,
        at=now,
        body=_body(task_id, _TEXT[at : at + missing]),
    )


def _body(task_id: str, prompt: str) -> str:
    data = {"id": task_id, "upstream": UPSTREAM, "status": "SUCCESS", "prompt": prompt}
    body = {"type": "task.succeeded", "timestamp": "2026-11-29T00:00:00.000Z", "data": data}  # fmt: skip
    return json.dumps(body, separators=(",", ":"))


#: Bytes of an event without a prompt.
_BARE = len(_body("0" * 16, ""))


async def claim_all(store: StoredTasks) -> list[DueTask]:
    """Claim every due task of the feed."""
    found: list[DueTask] = []
    while claim := (await store.claim_tasks(UPSTREAM, LIMITS)).tasks:
        found.extend(claim)
    return found


def ended(due: DueTask, event: Event, endpoints: Sequence[str]) -> PollResult:
    """Return the look that finds a task done."""
    publication = Publication(event=event, recipients=tuple(endpoints))
    return PollResult(
        due=due, task_state=ENDED, poll_again_in=None, publication=publication
    )


class Feed:
    """Records events of tasks that it has tracked and claimed before."""

    def __init__(self, deployment: Deployment, *, first: int = 0) -> None:
        """
        Make a feed that has recorded nothing.

        Args:
            deployment: Where it records.

            first: The number of the first task, behind those of earlier feeds.
        """
        self._deployment = deployment
        self._tracked = first
        self._due: Iterator[DueTask] = iter(())
        #: By event id, when its recording began, and when the store had it.
        self.asked_at: dict[str, float] = {}
        self.recorded_at: dict[str, float] = {}

    async def prepare(self, count: int) -> None:
        """Track and claim so many tasks more, in place of any that are left over."""
        ids = [f"{number:016d}" for number in range(self._tracked, self._tracked + count)]  # fmt: skip
        self._tracked += count
        await self._deployment.tasks.track(UPSTREAM, ids, {})
        self._due = iter(await claim_all(self._deployment.tasks))

    async def record(self, names: Sequence[str], *, size: int = 2000) -> None:
        """Record in one step an event for each of some endpoints."""
        results = [
            ended(due, event(int(due.key.id), size), [name])
            for name, due in zip(names, islice(self._due, len(names)), strict=True)
        ]
        ids = [one.publication.event.id for one in results if one.publication]
        self.asked_at |= dict.fromkeys(ids, time.time())
        await self._deployment.tasks.record(results)
        self.recorded_at |= dict.fromkeys(ids, time.time())

    def forget(self) -> None:
        """Forget when events were recorded until now."""
        self.asked_at, self.recorded_at = {}, {}

    async def flood(self, names: Sequence[str], *, size: int = 2000) -> None:
        """Record an event for each of many endpoints as fast as that goes."""
        starts = iter(range(0, len(names), BATCH))

        async def record_some() -> None:
            for start in starts:
                await self.record(names[start : start + BATCH], size=size)

        await asyncio.gather(*(record_some() for _ in range(AT_ONCE)))

    async def pace(self, names: Sequence[str], *, rate: float) -> None:
        """Record so many a second; what is late is recorded at once, as a poller does."""
        began, done = time.monotonic(), 0
        while done < len(names):
            due = min(len(names), int((time.monotonic() - began) * rate) + 1)
            if due > done:
                await self.record(names[done:due])
                done = due
            await asyncio.sleep(max(0.0, began + done / rate - time.monotonic()))
