"""What an upstream's answer means: for the upstream itself, and for each task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from bridge.app.ports import (
    DueTask,
    FetchResult,
    NewAction,
    PollClaim,
    PollError,
    PollFailure,
    PollResult,
    Publication,
)
from bridge.app.rule_presses import rule_presses
from bridge.core.backoff import poll_backoff
from bridge.core.cadence import Loss, PollPolicy, next_poll_in, why_lost
from bridge.core.change import (
    Change,
    ChangeType,
    Observation,
    TaskState,
    known_row,
    lose,
    observe,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event import NoticeType, event_with, notice, task_data
from bridge.core.hook import HookPolicy
from bridge.core.rule_book import RuleBook
from bridge.core.task import TaskKey, TaskSnapshot

log = structlog.get_logger(__name__)

#: Failures in a row that are reported to operators. A refused key needs no second try.
FAILURES_TO_REPORT = 3
#: The longest wait that an upstream can ask for, in seconds.
MAX_HOLD = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """
    Decides what follows from an answer; changes nothing.

    Attributes:
        endpoints: Those that may subscribe to the events.

        hooks: Which events tasks' hooks are sent; ``None`` if they are sent none.

        progress_step: Percentage points between two ``task.progress``.

        now: Returns this machine's time, in seconds since the epoch.

        roll: Returns a random number in ``[0, 1)``.

        kept: Returns the snapshot kept of a task, if it was ever seen.

        rules: What presses buttons by itself.
    """

    endpoints: Sequence[Endpoint]
    hooks: HookPolicy | None = None
    progress_step: int
    now: Callable[[], float]
    roll: Callable[[], float]
    kept: Callable[[TaskKey], Awaitable[TaskSnapshot | None]]
    rules: RuleBook = field(default_factory=RuleBook)

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
        hold = max(hold, min(answer.retry_after or 0.0, MAX_HOLD))
        log.warning(
            "poll.failed",
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
        if claim.failures:
            log.warning(
                "poll.recovered",
                upstream=claim.upstream,
                failures=claim.failures,
                after_s=round(max(0.0, claim.now - claim.unhealthy_since)),
            )
        if not claim.unhealthy:
            return None
        reason, since = "the upstream answers again", claim.unhealthy_since
        return self._report(NoticeType.UPSTREAM_RECOVERED, claim, reason, since)

    def _report(
        self, type_: NoticeType, claim: PollClaim, reason: str, since: float
    ) -> Publication:
        name, at = claim.upstream, self.now()
        event = notice(type_, name=name, reason=reason, since=since, at=at)
        return Publication.of(event, self.endpoints)

    def known_rows(self, claim: PollClaim) -> Mapping[str, str]:
        """Return the digests of the rows that would bring no news, by the tasks' ids."""
        step = self.progress_step
        return {
            due.key.id: digest
            for due in claim.tasks
            if (digest := known_row(due.task_state, progress_step=step))
        }

    def wait_of_unchanged(
        self, due: DueTask, *, claim: PollClaim, duration: float, policy: PollPolicy
    ) -> float | None:
        """
        Return in how many seconds to poll a task again whose row is as it was.

        It is what `result` would say, told more quickly; ``None`` if that would say more.
        """
        if due.misses or claim.clock - due.tracked_clock >= policy.max_age:
            return None
        return _poll_again_in(
            due, due.task_state, claim=claim, duration=duration, policy=policy
        )

    async def result(
        self,
        due: DueTask,
        seen: TaskSnapshot | None,
        *,
        unchanged: bool = False,
        claim: PollClaim,
        duration: float,
        policy: PollPolicy,
    ) -> PollResult:
        """
        Return what a valid answer changes.

        Args:
            due: The task as it was claimed.

            seen: What the answer says of it; ``None`` if it is missing, or unchanged.

            unchanged: Whether its row is the one that `known_rows` names.

            claim: The claim that it is part of.

            duration: Seconds that the answer took.

            policy: The upstream's.
        """
        misses, missed_clock = 0, 0.0
        observation = Observation(
            task_state=due.task_state, snapshot=None, change=None, done=False
        )
        if seen is not None:
            observation = observe(
                due.task_state, seen, progress_step=self.progress_step
            )
        elif not unchanged:
            misses = due.misses + 1
            missed_clock = due.missed_clock if due.misses else claim.clock
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
        poll_again_in = None
        if not observation.done:
            poll_again_in = _poll_again_in(
                due,
                observation.task_state,
                claim=claim,
                duration=duration,
                policy=policy,
            )
        changed = observation.task_state != due.task_state
        publication, presses = self._news(due, observation.change)
        return PollResult(
            due=due,
            task_state=observation.task_state if changed else None,
            snapshot=observation.snapshot,
            misses=misses,
            missed_clock=missed_clock,
            poll_again_in=poll_again_in,
            publication=publication,
            actions=presses,
            learned=_learned(observation, age=claim.now - due.tracked_at),
        )

    def _news(
        self, due: DueTask, change: Change | None
    ) -> tuple[Publication | None, tuple[NewAction, ...]]:
        """Return what reports a change, and what rules press because of it."""
        if change is None:
            return None, ()
        key, sequence = due.key, due.sequence + 1
        data = task_data(
            key,
            change,
            sequence=sequence,
            metadata=due.metadata,
            lineage=due.lineage,
        )
        event = event_with(data, key, change, sequence=sequence, at=self.now())
        hook = () if self.hooks is None else self.hooks.formats(event)
        presses = rule_presses(
            self.rules, due, change, event, data=data, endpoints=self.endpoints
        )
        publication = replace(Publication.of(event, self.endpoints), hook=hook)
        return publication, tuple(presses)


def _poll_again_in(
    due: DueTask,
    task_state: TaskState,
    *,
    claim: PollClaim,
    duration: float,
    policy: PollPolicy,
) -> float:
    return next_poll_in(
        task_state.status,
        age=max(0.0, claim.now - max(due.tracked_at, due.resumed_at)),
        duration=duration,
        policy=policy,
        kind=task_state.kind,
        shared=len(claim.tasks),
        due_count=claim.due_count,
    )


def _learned(observation: Observation, *, age: float) -> tuple[str, float] | None:
    """Return what was learned of how long tasks take, if it was seen how one began or ended."""
    change, kind = observation.change, observation.task_state.kind
    if change is None or change.before is None or not kind or age < 0:
        return None
    if change.type is ChangeType.SUCCEEDED:
        return f"{kind}:end", age
    if change.type is ChangeType.STARTED and change.before.waits:
        return f"{kind}:start", age
    return None


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
