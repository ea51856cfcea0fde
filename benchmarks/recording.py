"""Recording events the way the poller does, without an upstream."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.adapters.store.tasks import StoredTasks
from bridge.app.ports import DueTask, PollLimits, PollResult, Publication
from bridge.core.cadence import PollPolicy
from bridge.core.change import ChangeType, TaskState
from bridge.core.endpoint import Rate
from bridge.core.event import Event
from bridge.core.task import TaskStatus

LIMITS = PollLimits(
    batch_size=500, concurrency=100, rate=Rate(per_second=1e6, burst=1e6), lease=60.0
)
PATIENCE = PollPolicy()
ENDED = TaskState(
    status=TaskStatus.SUCCESS, progress=100, reported=100, ended=ChangeType.SUCCEEDED
)


async def claim_all(store: StoredTasks, upstream: str = "default") -> list[DueTask]:
    """Claim every due task."""
    found: list[DueTask] = []
    while claim := (await store.claim_tasks(upstream, LIMITS)).tasks:
        found.extend(claim)
    return found


def ended(due: DueTask, event: Event, endpoints: Sequence[str]) -> PollResult:
    """The look that finds a task done."""
    publication = Publication(event=event, endpoints=tuple(endpoints))
    return PollResult(due=due, task_state=ENDED, next_in=None, publication=publication)
