"""A scene: tasks that went through what a page has to show, written by the real scripts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.app.ports import Archival, Publication, Settlement
from bridge.core.archive import Archived
from bridge.core.delivery import Disposition, Verdict
from bridge.core.event import archived_event
from bridge.core.event_data import Json
from bridge.core.media import KeptFile
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.contract.bench import LIMITS, Bench, attempted
from tests.web.history import UPSTREAM, poll_result

#: Endpoints that each event is for.
RECIPIENTS = ("pipeline",)
#: Most tasks that are claimed at once.
BATCH = 500


class Scene:
    """What happens to the tasks of a deployment."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def see(
        self,
        *snapshots: TaskSnapshot,
        to: Sequence[str] = RECIPIENTS,
        metadata: Mapping[str, Json] | None = None,
        upstream: str = UPSTREAM,
    ) -> None:
        """Track tasks, and have a poll see them as they are now."""
        seen = {one.id: one for one in snapshots}
        await self.bench.tasks.track(upstream, list(seen), dict(metadata or {}))
        while seen:
            limits = replace(LIMITS, batch_size=BATCH)
            claim = await self.bench.claim_tasks(upstream, limits)
            assert claim.tasks, "a task that has ended cannot be seen again"
            results = [
                poll_result(due, seen.pop(due.key.id), claim.now, to)
                for due in claim.tasks
                if due.key.id in seen
            ]
            await self.bench.tasks.record(results)
            await self.bench.tasks.poll_succeeded(claim)

    async def deliver(self, *, dead: Sequence[str] = ()) -> None:
        """Attempt what waits: it arrives, and is given up at the endpoints in *dead*."""
        given_up = Verdict(disposition=Disposition.DEAD, reason="enough", failures=1)
        while deliveries := await self.bench.claim():
            for delivery in deliveries:
                if delivery.endpoint in dead:
                    # Not a status that opens the breaker: all of them have their turn.
                    attempt = attempted(delivery, status=404)
                    await self.bench.settle(delivery, attempt, given_up)
                else:
                    await self.bench.succeed(delivery)

    async def keep(self, *files: KeptFile, reason: str = "") -> None:
        """Have the archive keep files of the one task that it was told of, or none."""
        (delivery,) = await self.bench.claim()
        event = archived_event(
            delivery.event,
            files,
            reason,
            sequence=delivery.event.sequence + 1,
            at=time.time(),
        )
        kept = Archived(files=files, reason=reason)
        settlement = Settlement(
            delivery=delivery,
            attempt=attempted(delivery, status=200),
            verdict=Verdict(disposition=Disposition.DELIVERED),
            archival=Archival(
                archived=kept, publication=Publication(event=event, recipients=())
            ),
        )
        settled = await self.bench.deliveries.settle([settlement])
        assert settled.applied == [True]


def waiting(task: str, prompt: str = "pig --v 6.1") -> TaskSnapshot:
    """A task in the gateway's queue."""
    return TaskSnapshot(
        id=task,
        status=TaskStatus.SUBMITTED,
        action="IMAGINE",
        prompt=prompt,
        submit_time=1_730_621_826_053,
    )


def running(
    task: str, progress: int, prompt: str = "pig --v 6.1", image: str | None = None
) -> TaskSnapshot:
    """A task that is worked on."""
    return replace(
        waiting(task, prompt),
        status=TaskStatus.IN_PROGRESS,
        progress=progress,
        image_url=image,
        start_time=1_730_621_828_024,
    )


def succeeded(
    task: str, prompt: str = "pig --v 6.1", image: str | None = None
) -> TaskSnapshot:
    """A task with its picture."""
    return replace(
        running(task, 100, prompt, image),
        status=TaskStatus.SUCCESS,
        finish_time=1_730_621_855_817,
    )


def failed(task: str, reason: str) -> TaskSnapshot:
    """A task that the gateway gave up."""
    return replace(running(task, 50), status=TaskStatus.FAILURE, fail_reason=reason)
