"""The port of polling: tasks that are claimed and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.app.ports.actions import NewAction
from bridge.app.ports.gateways import PollError
from bridge.core.change import TaskState
from bridge.core.endpoint import Publication, Rate
from bridge.core.event_data import Json
from bridge.core.freshness import Sketch
from bridge.core.task import NO_LINEAGE, Lineage, TaskKey, TaskSnapshot

#: Share of the store's memory from which on polling pauses.
NEARLY_FULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """
    Which ids are newly tracked, and which were tracked already.

    Attributes:
        rejected: Ids that were left as they were, each with the reason: the hook that was
            named for them could not be added.
    """

    tracked: tuple[str, ...]
    known: tuple[str, ...]
    rejected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollLimits:
    """How hard an upstream may be polled, over all workers."""

    batch_size: int
    concurrency: int
    rate: Rate
    lease: float  #: Seconds after which somebody else may poll what was claimed.
    #: Seconds. What comes due within them goes along with a request that has room for it.
    ride: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTask:
    """A task to poll, and what is known of it."""

    key: TaskKey
    incarnation: str  #: Differs whenever the task was tracked anew.
    version: int  #: Changes with everything that is recorded.
    sequence: int  #: Events so far.
    task_state: TaskState
    metadata: Mapping[str, Json]
    tracked_at: float
    tracked_clock: float  #: What the upstream's answering clock showed then.
    misses: int  #: Valid answers in a row that did not list it.
    missed_clock: float  #: What the answering clock showed at the first of them.
    lineage: Lineage = NO_LINEAGE
    #: When somebody last named it while it waited for a person; 0 if nobody did.
    resumed_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollClaim:
    """
    A batch of tasks to ask an upstream about; nobody else will until the lease ends.

    Attributes:
        upstream: The upstream's name.

        tasks: At most a batch; empty if nothing is due or the limits are reached.

        now: The store's clock.

        clock: The upstream's answering clock, in seconds: it moves only while the
            upstream gives valid answers.

        failures: Answers in a row that were not valid.

        unhealthy: Whether that was reported to operators.

        unhealthy_since: When the first of them was.

        token: Names the claim.

        lease_ends: When somebody else may poll them, by the store's clock.

        due_count: How many of them were due; the others go along.

        next_in: If nothing was claimed, seconds until something may be, as far as that is
            known; ``None`` if time alone changes nothing.

        gone: Tasks that were due, and whose rows somebody has deleted or written over: they
            are polled no more.
    """

    upstream: str
    tasks: Sequence[DueTask]
    now: float
    clock: float
    failures: int
    unhealthy: bool
    unhealthy_since: float
    token: str
    lease_ends: float = 0.0
    due_count: int = 0
    next_in: float | None = None
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailure:
    """
    A claim that got no valid answer.

    Attributes:
        error: What kind of failure it was.

        reason: What was wrong, for a person, without secrets.

        hold: Seconds to leave the upstream alone; the claimed tasks come due after them.

        since: When the upstream began to fail, if `notice` reports that.

        notice: Reports to operators that the upstream is unhealthy; ``None`` while a
            single failure is not worth it. It is published once an outage.
    """

    error: PollError
    reason: str
    hold: float
    since: float
    notice: Publication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """
    What a poll of a task changes. Recorded as a whole, or not at all if somebody else
    recorded one of the same version first.

    Attributes:
        due: The task as it was claimed.

        task_state: The new state; ``None`` if it did not change.

        snapshot: The new snapshot; ``None`` to keep the one before.

        misses: See `DueTask`.

        missed_clock: See `DueTask`.

        poll_again_in: Seconds until the next poll; ``None`` if there is none.

        publication: What happened, if anything did.

        actions: What rules press because of it, each once.

        learned: The kind and the stage that it has reached, with its age in seconds, if others may
            learn from it.
    """

    due: DueTask
    task_state: TaskState | None = None
    snapshot: TaskSnapshot | None = None
    misses: int = 0
    missed_clock: float = 0.0
    poll_again_in: float | None = None
    publication: Publication | None = None
    actions: tuple[NewAction, ...] = ()
    learned: tuple[str, float] | None = None

    @property
    def is_news(self) -> bool:
        """Whether it changes anything but when the task is polled next."""
        return (
            self.task_state is not None
            or self.publication is not None
            or self.misses != self.due.misses
            or self.poll_again_in is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    What became of some poll results.

    Attributes:
        applied: For each, in order, whether it was recorded.
    """

    applied: Sequence[bool]


class TaskStore(Protocol):
    """The store as polling sees it. Each method is one atomic step."""

    async def await_tracked(self) -> None:
        """
        Wait until tasks are tracked of which no other worker was told, for a few seconds.

        Raises:
            StoreForbids: Waiting is not allowed.
        """

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""

    async def read_due(self, upstream: str, ids: Sequence[str]) -> PollClaim:
        """
        Return those of some tasks that are polled, as a claim would, without claiming them.

        The claim has no token: only `record` takes what comes of it.
        """

    async def poll_succeeded(
        self,
        claim: PollClaim,
        *,
        requests: int = 1,
        max_clock_advance: float = 0.0,
        recovery: Publication | None = None,
        waits: Mapping[TaskKey, float] | None = None,
        limits: PollLimits | None = None,
    ) -> PollClaim | None:
        """
        Note that a claim got a valid answer, and free its place.

        Args:
            claim: The claim.

            requests: How many it took. The claim has paid for one; the others are paid
                for before the next claim.

            max_clock_advance: Seconds that the answering clock may advance at once, where that
                is more than two minutes.

            recovery: Reports to operators that the upstream is well again; published
                only if it was unhealthy until now.

            waits: Claimed tasks of which there is nothing to record, each with the seconds
                until it is polled again. One that is not the claim's any more is left alone.

            limits: Within which to claim again at once; ``None`` to claim nothing.

        Returns:
            The next claim, if one was asked for; ``None`` where the answer came after its own
            claim had ended.
        """

    async def poll_failed(
        self,
        claim: PollClaim,
        failure: PollFailure,
        *,
        requests: int = 1,
        max_clock_advance: float = 0.0,
    ) -> None:
        """Note that a claim got no valid answer, and free its place; see `poll_succeeded`."""

    async def return_tasks(self, claim: PollClaim) -> None:
        """Hand back a claim that the upstream was not asked about: it is due at once."""

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        """Record poll results: snapshot, event, deliveries and next poll in one step each."""

    async def learn(self, upstream: str, ages: Sequence[tuple[str, float]]) -> None:
        """
        Add to what is known of how long an upstream's tasks take.

        Args:
            upstream: The upstream's name.

            ages: Kinds and stages that tasks have reached, see `bridge.core.freshness`, each
                with the age in seconds. What is of one kind too many is left out.
        """

    async def sketches(self, upstream: str) -> Mapping[str, Sketch]:
        """Return how long an upstream's tasks take, by kind and stage."""

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""
