"""
Change detection: what, if anything, happened between two polls of a task.

Rule 1: whether two polls make news is decided here and nowhere else.
Rule 2: this module knows no clock, no store and no wire format.

A task's life has an order (`TaskStatus.rank`). Steps forward are reported; steps that
were skipped are not invented; steps back are silent, because gateways take them by
mistake: a stale row, a reset counter, a row not yet synchronised. One step back is real:
out of MODAL, where the task waited for a person, into the queue again.

What ended stays ended. A finished task is polled again only if somebody tracks it again,
and then there is one thing left to report: that it turned out to have another end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.core.cadence import Loss
from bridge.core.digest import digest_of
from bridge.core.freshness import kind_of
from bridge.core.task import TaskSnapshot, TaskStatus


class ChangeType(StrEnum):
    """What can happen to a task, as the ``type`` of its event."""

    SUBMITTED = "task.submitted"
    STARTED = "task.started"
    PROGRESS = "task.progress"
    ACTION_REQUIRED = "task.action_required"
    SUCCEEDED = "task.succeeded"
    FAILED = "task.failed"
    CANCELLED = "task.cancelled"
    LOST = "task.lost"
    CORRECTED = "task.corrected"

    @property
    def is_final(self) -> bool:
        """Whether the bridge stops polling a task after this."""
        return self in _FINAL


_TYPE_OF_STATUS = {
    TaskStatus.NOT_START: ChangeType.SUBMITTED,
    TaskStatus.SUBMITTED: ChangeType.SUBMITTED,
    TaskStatus.MODAL: ChangeType.ACTION_REQUIRED,
    TaskStatus.IN_PROGRESS: ChangeType.STARTED,
    TaskStatus.SUCCESS: ChangeType.SUCCEEDED,
    TaskStatus.FAILURE: ChangeType.FAILED,
    TaskStatus.CANCEL: ChangeType.CANCELLED,
}
_FINAL = frozenset(
    {
        ChangeType.SUCCEEDED,
        ChangeType.FAILED,
        ChangeType.CANCELLED,
        ChangeType.LOST,
        ChangeType.CORRECTED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """
    What the bridge remembers of a task to judge the next poll: small, on purpose.

    Attributes:
        status: The furthest status seen; ``None`` if the task was never seen.

        progress: The highest progress seen since the task last waited.

        reported: The progress in the last event.

        ended: How the task ended for the bridge; ``None`` while it is polled.

        digest: A fingerprint of the snapshot last kept, without what gateways
            decorate anew on every answer.

        row_digest: Of the row that this was made of; empty if it is not known.

        kind: See `bridge.core.freshness.kind_of`.
    """

    status: TaskStatus | None = None
    progress: int = 0
    reported: int = 0
    ended: ChangeType | None = None
    digest: str = ""
    row_digest: str = ""
    kind: str = ""


#: The state of a task that was never seen.
NOTHING = TaskState()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One thing that happened to a task, as far as we saw it.

    Attributes:
        before: The status before; ``None`` at first sight.

        after: What the event reports. For a task that was lost before it was ever seen,
            that is the reason and nothing else: not even the id is set.

        loss: Why the task was lost, if it was.
    """

    type: ChangeType
    before: TaskStatus | None
    after: TaskSnapshot
    loss: Loss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    What to keep after a poll, and what to report.

    Attributes:
        task_state: To be remembered for the next poll.

        snapshot: The snapshot to keep, its status and progress never behind those of
            the state; ``None`` if it has nothing new, and nothing needs to be written.

        change: What happened, if anything did.

        done: Whether the task need not be polled any more.
    """

    task_state: TaskState
    snapshot: TaskSnapshot | None
    change: Change | None
    done: bool


def observe(
    task_state: TaskState, seen: TaskSnapshot, *, progress_step: int
) -> Observation:
    """
    Compare what the upstream just answered with what is known.

    Args:
        task_state: What was kept last time; `NOTHING` for a task new to us.

        seen: The fresh snapshot, for the same task.

        progress_step: Percentage points between two ``task.progress``; 1 to 100.
    """
    status = seen.status or task_state.status or TaskStatus.SUBMITTED
    if task_state.ended is not None:
        return _after_the_end(task_state, replace(seen, status=status), status)
    if status.is_final:
        return _report(task_state, seen, status, _TYPE_OF_STATUS[status])
    if task_state.status is None:
        return _report(task_state, seen, status, _TYPE_OF_STATUS[status])
    if task_state.status is TaskStatus.MODAL and status.waits:
        waiting_again = replace(task_state, progress=0, reported=0)
        return _report(waiting_again, seen, status, ChangeType.SUBMITTED)
    if status.rank < task_state.status.rank:
        return _keep(task_state, seen, task_state.status)
    if status is task_state.status:
        if _is_progress(task_state, seen.progress or 0, progress_step):
            return _report(task_state, seen, status, ChangeType.PROGRESS)
        return _keep(task_state, seen, status)
    if status.waits:
        return _keep(task_state, seen, status)
    return _report(task_state, seen, status, _TYPE_OF_STATUS[status])


def known_row(task_state: TaskState, *, progress_step: int) -> str:
    """
    Return the digest of a row that brings no news: `observe` would change nothing.

    It is the row that made the state what it is. Empty if there is none: what ended is to
    end again, and progress may have to be reported since the step was made smaller.

    Args:
        task_state: What was kept last time.

        progress_step: As for `observe`.
    """
    if task_state.ended is not None or _is_progress(
        task_state, task_state.progress, progress_step
    ):
        return ""
    return task_state.row_digest


def lose(task_state: TaskState, kept: TaskSnapshot | None, loss: Loss) -> Observation:
    """
    Give a task up: it is missing, or it outlived its time.

    Args:
        task_state: What was kept last time.

        kept: The whole snapshot kept last time, if there is one.

        loss: Why; its text becomes the event's ``failReason``.
    """
    known = TaskSnapshot(id="", status=None) if kept is None else kept
    after = replace(known, fail_reason=str(loss))
    change = Change(
        type=ChangeType.LOST, before=task_state.status, after=after, loss=loss
    )
    if task_state.ended is not None:
        return Observation(task_state=task_state, snapshot=None, change=None, done=True)
    ended = replace(task_state, ended=ChangeType.LOST)
    return Observation(task_state=ended, snapshot=None, change=change, done=True)


def _is_progress(task_state: TaskState, progress: int, step: int) -> bool:
    """Return whether a running task has come far enough to say so."""
    return (
        task_state.status is TaskStatus.IN_PROGRESS
        and progress >= task_state.reported + step
    )


def _after_the_end(
    task_state: TaskState, seen: TaskSnapshot, status: TaskStatus
) -> Observation:
    if not status.is_final:
        return Observation(
            task_state=task_state, snapshot=None, change=None, done=False
        )
    ended = _TYPE_OF_STATUS[status]
    if ended is task_state.ended:
        return Observation(task_state=task_state, snapshot=None, change=None, done=True)
    observation = _report(task_state, seen, status, ChangeType.CORRECTED)
    return replace(observation, task_state=replace(observation.task_state, ended=ended))


def _report(
    task_state: TaskState, seen: TaskSnapshot, status: TaskStatus, type_: ChangeType
) -> Observation:
    kept = _keep(task_state, seen, status)
    after = _merged(task_state, seen, status)
    reported = (
        kept.task_state.progress if after.progress is not None else task_state.reported
    )
    ended = type_ if type_.is_final else None
    return Observation(
        task_state=replace(kept.task_state, reported=reported, ended=ended),
        snapshot=after,
        change=Change(type=type_, before=task_state.status, after=after),
        done=type_.is_final,
    )


def _keep(task_state: TaskState, seen: TaskSnapshot, status: TaskStatus) -> Observation:
    merged = _merged(task_state, seen, status)
    digest = digest_of(merged)
    if digest == task_state.digest and status is task_state.status:
        # Nothing new, as nearly always: this is the path that a poll's cost is made of.
        return Observation(
            task_state=task_state, snapshot=None, change=None, done=False
        )
    kept = replace(
        task_state,
        status=status,
        progress=merged.progress or 0,
        digest=digest,
        row_digest=seen.row_digest,
        kind=kind_of(merged),
    )
    return Observation(task_state=kept, snapshot=merged, change=None, done=False)


def _merged(
    task_state: TaskState, seen: TaskSnapshot, status: TaskStatus
) -> TaskSnapshot:
    progress = seen.progress
    if status is TaskStatus.FAILURE and progress == 100:
        # new-api says so of whatever failed. How far it came is what was seen before.
        progress = None if task_state.status is None else task_state.progress
    if task_state.progress > (progress or 0):
        progress = task_state.progress
    if status is seen.status and progress == seen.progress:
        return seen
    return replace(seen, status=status, progress=progress)
