"""What happened in a deployment before it is looked at: tasks as an upstream shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.app.ports import DueTask, PollResult, Publication
from bridge.core.change import observe
from bridge.core.event import Event, task_event
from bridge.core.task import TaskSnapshot
from tests.contract.bench import LIMITS, Bench

UPSTREAM = "default"


async def polled(
    bench: Bench, *tasks: TaskSnapshot, to: Sequence[str] = ("a",)
) -> list[Event]:
    """
    Record what an upstream answers about tasks, which are tracked if they were not.

    Returns:
        The events of those that changed, which are on their way to some endpoints.
    """
    await bench.track(*(task.id for task in tasks), upstream=UPSTREAM)
    return await answered(bench, await due_tasks(bench), tasks, to=to)


async def due_tasks(bench: Bench) -> Mapping[str, DueTask]:
    """Claim every task that is due, by its id."""
    limits = replace(LIMITS, batch_size=1_000)
    found: dict[str, DueTask] = {}
    while (claim := await bench.claim_tasks(UPSTREAM, limits)).tasks:
        await bench.tasks.poll_succeeded(claim)
        found |= {due.key.id: due for due in claim.tasks}
    return found


async def answered(
    bench: Bench,
    claimed: Mapping[str, DueTask],
    tasks: Sequence[TaskSnapshot],
    *,
    to: Sequence[str] = ("a",),
) -> list[Event]:
    """Record what an upstream answers about tasks that were claimed, as `polled` does."""
    now = await bench.admin.clock()
    results = [
        poll_result(claimed[task.id], task, now, to)
        for task in tasks
        if task.id in claimed
    ]
    for start in range(0, len(results), 1_000):
        await bench.tasks.record(results[start : start + 1_000])
    return [one.publication.event for one in results if one.publication is not None]


def poll_result(
    due: DueTask, seen: TaskSnapshot, now: float, to: Sequence[str]
) -> PollResult:
    """Make what a poll records that has seen a task so, with its event for some endpoints."""
    observed = observe(due.task_state, seen, progress_step=10)
    publication = None
    if observed.change is not None:
        event = task_event(
            due.key,
            observed.change,
            sequence=due.sequence + 1,
            metadata=due.metadata,
            at=now,
        )
        publication = Publication(event=event, recipients=tuple(to))
    return PollResult(
        due=due,
        task_state=observed.task_state,
        snapshot=observed.snapshot,
        poll_again_in=None if observed.done else 0.0,
        publication=publication,
    )


async def is_alive(bench: Bench) -> None:
    """Have a worker been heard of just now."""
    await bench.all_is_well()
