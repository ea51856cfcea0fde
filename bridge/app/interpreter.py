"""What an upstream's answer means: for the upstream itself, and for each task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from bridge.app.operator_events import published
from bridge.app.ports import (
    DueTask,
    FetchResult,
    PollClaim,
    PollError,
    PollFailure,
    PollResult,
    Publication,
)
from bridge.core.backoff import poll_backoff
from bridge.core.cadence import Loss, PollPolicy, next_poll_in, why_lost
from bridge.core.change import Change, Observation, lose, observe
from bridge.core.endpoint import Endpoint
from bridge.core.event import NoticeType, notice, task_event
from bridge.core.task import TaskKey, TaskSnapshot

log = structlog.get_logger(__name__)

#: Failures in a row that are reported to operators. A refused key needs no second try.
FAILURES_TO_REPORT = 3
#: The longest wait that an upstream can ask for, in seconds.
LONGEST_HOLD = 3600.0
#: Seconds after which a task is due again that there was no time to ask about.
ASK_AGAIN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """
    Decides what follows from an answer; changes nothing.

    Attributes:
        endpoints: Those that may subscribe to the events.

        progress_step: Percentage points between two ``task.progress``.

        now: Returns this machine's time, in seconds since the epoch.

        roll: Returns a random number in ``[0, 1)``.

        kept: Returns the snapshot kept of a task, if it was ever seen.
    """

    endpoints: Sequence[Endpoint]
    progress_step: int
    now: Callable[[], float]
    roll: Callable[[], float]
    kept: Callable[[TaskKey], Awaitable[TaskSnapshot | None]]

    def failure(
        self,
        claim: PollClaim,
        answer: FetchResult,
        error: PollError,
        *,
        policy: PollPolicy,
    ) -> PollFailure:
        """Decide how long to leave an upstream alone (longer each time), and what to report."""
        failures = claim.failures + 1
        since = claim.unhealthy_since if claim.failures else claim.now
        refused = error is PollError.REFUSED
        interval = policy.poll_interval
        hold = poll_backoff(
            failures, interval=interval, refused=refused, roll=self.roll()
        )
        hold = max(hold, min(answer.retry_after or 0.0, LONGEST_HOLD))
        log.warning(
            "upstream.complained",
            upstream=claim.upstream,
            error=error,
            detail=answer.detail,
            failures=failures,
            retry_in=round(hold, 1),
        )
        report = None
        if not claim.unhealthy and (refused or failures >= FAILURES_TO_REPORT):
            report = self._report(
                NoticeType.UPSTREAM_UNHEALTHY, claim, answer.detail, since
            )
        return PollFailure(
            error=error, reason=answer.detail, hold=hold, since=since, notice=report
        )

    def recovery(self, claim: PollClaim) -> Publication | None:
        """Report that an upstream is well again; ``None`` if it was not unhealthy."""
        if not claim.unhealthy:
            return None
        reason, since = "the upstream answers again", claim.unhealthy_since
        return self._report(NoticeType.UPSTREAM_RECOVERED, claim, reason, since)

    def _report(
        self, kind: NoticeType, claim: PollClaim, reason: str, since: float
    ) -> Publication:
        name, at = claim.upstream, self.now()
        event = notice(kind, name=name, reason=reason, since=since, at=at)
        return published(event, self.endpoints)

    async def result(
        self,
        due: DueTask,
        seen: TaskSnapshot | None,
        *,
        claim: PollClaim,
        took: float,
        policy: PollPolicy,
    ) -> PollResult:
        """
        Return what a valid answer changes.

        Args:
            due: The task as it was claimed.

            seen: What the answer says of it; ``None`` if it is missing.

            claim: The claim that it is part of.

            took: Seconds that the answer took.

            policy: The upstream's.
        """
        misses, missed_clock = 0, 0.0
        if seen is None:
            misses = due.misses + 1
            missed_clock = due.missed_clock if due.misses else claim.clock
            observation = Observation(
                task_state=due.task_state, snapshot=None, change=None, done=False
            )
        else:
            observation = observe(
                due.task_state, seen, progress_step=self.progress_step
            )
        if not observation.done:
            loss = why_lost(
                misses=misses,
                missing_for=claim.clock - missed_clock,
                age=claim.clock - due.tracked_clock,
                policy=policy,
            )
            if loss is not None:
                kept = observation.snapshot or await self.kept(due.key)
                observation = _lost(observation, kept, loss)
        next_in = None
        if not observation.done:
            age = max(0.0, claim.now - due.tracked_at)
            status = observation.task_state.status
            next_in = next_poll_in(status, age=age, took=took, policy=policy)
        changed = observation.task_state != due.task_state
        return PollResult(
            due=due,
            task_state=observation.task_state if changed else None,
            snapshot=observation.snapshot,
            misses=misses,
            missed_clock=missed_clock,
            next_in=next_in,
            publication=self._publication(due, observation.change),
        )

    def _publication(self, due: DueTask, change: Change | None) -> Publication | None:
        if change is None:
            return None
        event = task_event(
            due.key,
            change,
            sequence=due.sequence + 1,
            metadata=due.metadata,
            at=self.now(),
        )
        return published(event, self.endpoints)


def not_asked(due: DueTask) -> PollResult:
    """Return the result for a task that there was no time to ask about: nothing is known."""
    return PollResult(
        due=due, misses=due.misses, missed_clock=due.missed_clock, next_in=ASK_AGAIN
    )


def _lost(
    observation: Observation, kept: TaskSnapshot | None, loss: Loss
) -> Observation:
    """
    Give up a task that this answer brought no end to.

    If the answer brought news itself, the end takes its place: one poll makes at most one
    event.
    """
    lost = lose(observation.task_state, kept, loss)
    return replace(lost, snapshot=observation.snapshot)
