"""Ports of polling: gateways that are asked, and tasks that are claimed and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bridge.app.ports.publication import Publication
from bridge.core.change import TaskState
from bridge.core.endpoint import Rate
from bridge.core.event import Json
from bridge.core.task import TaskKey, TaskSnapshot

#: Share of the store's memory from which on polling pauses.
NEARLY_FULL = 0.8


class PollError(StrEnum):
    """Why an upstream's answer is not valid."""

    REFUSED = "refused"  #: 401, 403: the key, its quota or our address.
    THROTTLED = "throttled"  #: 429.
    BROKEN = "broken"  #: 5xx, no answer, an unreadable one, an error envelope.
    MISPLACED = "misplaced"  #: A page or a redirect: probably a wrong base URL.


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """
    What an upstream answered about some tasks.

    Attributes:
        tasks: By id, only ids that were asked for. A task that is not among them is
            unknown to the upstream, or hidden by a hiccup of its own.

        error: ``None`` if the answer is valid. Then, and only then, does a missing
            task count as missing.

        detail: What is wrong, for a person, without secrets.

        retry_after: Seconds that the upstream asked us to wait.

        mend: What to do about it, for a person, where the answer tells.

        poison_ids: Ids that the upstream refused to be asked about even alone. They
            count as missing; the rest of `tasks` is valid.

        unasked: Ids that there was no time to ask about. Nothing is known of them.

        requests: How many requests it took.
    """

    tasks: Mapping[str, TaskSnapshot] = field(default_factory=dict)
    error: PollError | None = None
    detail: str = ""
    retry_after: float | None = None
    mend: str = ""
    poison_ids: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()
    requests: int = field(default=1, compare=False)


class Upstream(Protocol):
    """A gateway account that is polled."""

    async def fetch(self, ids: Sequence[str]) -> FetchResult:
        """
        Ask about tasks, in one request where the gateway allows it.

        Never raises for what the gateway or the network does.
        """

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Which ids are newly tracked, and which were tracked already."""

    tracked: tuple[str, ...]
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollLimits:
    """How hard an upstream may be polled, over all workers."""

    batch_size: int
    concurrency: int
    rate: Rate
    lease: float  #: Seconds after which somebody else may poll what was claimed.


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

        next_in: If nothing was claimed, seconds until something may be, as far as that is
            known; ``None`` if time alone changes nothing.
    """

    upstream: str
    tasks: Sequence[DueTask]
    now: float
    clock: float
    failures: int
    unhealthy: bool
    unhealthy_since: float
    token: str
    next_in: float | None = None


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

        next_in: Seconds until the next poll; ``None`` if there is none.

        publication: What happened, if anything did.
    """

    due: DueTask
    task_state: TaskState | None = None
    snapshot: TaskSnapshot | None = None
    misses: int = 0
    missed_clock: float = 0.0
    next_in: float | None = None
    publication: Publication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    What became of some poll results.

    Attributes:
        applied: For each, in order, whether it was recorded.

        wake: Whether a deliverer should be woken: there is something to deliver, and
            nobody else was asked to wake one in the last half second.
    """

    applied: Sequence[bool]
    wake: bool


class TaskStore(Protocol):
    """The store as polling sees it. Each method is one atomic step."""

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""

    async def poll_succeeded(
        self,
        claim: PollClaim,
        *,
        requests: int = 1,
        clock_step: float = 0.0,
        recovery: Publication | None = None,
    ) -> bool:
        """
        Note that a claim got a valid answer, and free its place.

        Args:
            claim: The claim.

            requests: How many it took. The claim has paid for one; the others are paid
                for before the next claim.

            clock_step: Seconds that the answering clock may advance at once, where that
                is more than two minutes.

            recovery: Reports to operators that the upstream is well again; published
                only if it was unhealthy until now.

        Returns:
            Whether a deliverer should be woken.
        """

    async def poll_failed(
        self,
        claim: PollClaim,
        failure: PollFailure,
        *,
        requests: int = 1,
        clock_step: float = 0.0,
    ) -> bool:
        """Note that a claim got no valid answer, and free its place; see `poll_succeeded`."""

    async def return_tasks(self, claim: PollClaim) -> None:
        """Hand back a claim that the upstream was not asked about: it is due at once."""

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        """Record poll results: snapshot, event, deliveries and next poll in one step each."""

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""
