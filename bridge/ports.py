"""
Ports: what the use cases need from the outside world, and no more.

All times are seconds since the epoch by the *store's* clock, so that workers on
machines with different clocks agree; `PollClaim.now` and `Delivery.now` say what that clock showed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bridge.channels.conversation import Memory
from bridge.channels.request import Request, Response
from bridge.core.change import Held
from bridge.core.delivery import Attempt, Tried, Verdict
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.event import Event, Json
from bridge.core.task import TaskKey, TaskSnapshot

# --- the polled side ------------------------------------------------------------------


class Complaint(StrEnum):
    """Why an upstream's answer is not valid."""

    REFUSED = "refused"  #: 401, 403: the key, its quota or our address.
    THROTTLED = "throttled"  #: 429.
    BROKEN = "broken"  #: 5xx, no answer, an unreadable one, an error envelope.
    MISPLACED = "misplaced"  #: A page or a redirect: probably a wrong base URL.


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What an upstream said about some tasks.

    Attributes:
        tasks: By id, only ids that were asked for. Who is not in it is unknown to the
            upstream, or hidden by a hiccup of its own.

        complaint: ``None`` if the answer is valid. Then, and only then, does a missing
            task count as missing.

        detail: What is wrong, for a person, without secrets.

        retry_after: Seconds that the upstream asked us to wait.

        suspects: Ids that the upstream refused to be asked about even alone. They
            count as missing; the rest of `tasks` is valid.
    """

    tasks: Mapping[str, TaskSnapshot] = field(default_factory=dict)
    complaint: Complaint | None = None
    detail: str = ""
    retry_after: float | None = None
    suspects: frozenset[str] = frozenset()


class Upstream(Protocol):
    """A gateway account that is polled."""

    async def fetch(self, ids: Sequence[str]) -> Answer:
        """
        Ask about tasks, in one request where the gateway allows it.

        Never raises for what the gateway or the network does.
        """

    async def aclose(self) -> None:
        """Close its connections."""


# --- the told side --------------------------------------------------------------------


class Sender(Protocol):
    """Sends requests, each endpoint's over connections of its own."""

    async def send(self, endpoint: Endpoint, request: Request) -> Response:
        """
        Send one request and read its answer, all within ``endpoint.timeout``.

        Never raises for what a receiver or the network does. Redirects are not
        followed, cookies are not kept.
        """

    async def aclose(self) -> None:
        """Close all connections."""


# --- the store ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Which ids are followed now that were not, and which were already."""

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
    """A task to look at, and what is held of it."""

    key: TaskKey
    incarnation: str  #: Differs whenever the task was tracked anew.
    version: int  #: Changes with everything that is recorded.
    sequence: int  #: Events so far.
    held: Held
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
        tasks: At most a batch; empty if nothing is due or the limits are reached.

        now: The store's clock.

        clock: The upstream's answering clock, in seconds: it moves only while the
            upstream gives valid answers.

        failures: Answers in a row that were not valid.

        unhealthy: Whether operators have been told so.

        unhealthy_since: When the first of them was.

        token: Names the claim; to be given back with `TaskStore.answered`.
    """

    tasks: Sequence[DueTask]
    now: float
    clock: float
    failures: int
    unhealthy: bool
    unhealthy_since: float
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An event, and the endpoints that are to hear of it."""

    event: Event
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What a look at a task changes. Recorded as a whole, or not at all if somebody else
    recorded a look at the same version first.

    Attributes:
        due: The task as it was claimed.

        held: What is held from now on; ``None`` if nothing changed.

        snapshot: What is kept from now on; ``None`` for what was kept before.

        misses: See `DueTask`.

        missed_clock: See `DueTask`.

        next_in: Seconds until the next look; ``None`` if there is none.

        telling: What happened, if anything did.
    """

    due: DueTask
    held: Held | None = None
    snapshot: TaskSnapshot | None = None
    misses: int = 0
    missed_clock: float = 0.0
    next_in: float | None = None
    telling: Telling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """
    What became of some looks.

    Attributes:
        applied: For each look, in order, whether it was recorded.

        wake: Whether a deliverer should be woken: there is something to deliver, and
            nobody else was told so in the last half second.
    """

    applied: Sequence[bool]
    wake: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A delivery that was claimed: nobody else will attempt it until the lease ends.

    Attributes:
        endpoint: The endpoint's name.

        lane: The lane whose head it is.

        event: What to tell.

        token: Names the claim; a settle must show it.

        tried: What happened before.

        attempts: Attempts recorded so far.

        crashes: Claims that nothing came of: whoever held them did not survive.

        redelivery: Whether somebody asked to have it sent again.

        was_disabled: Whether the endpoint was disabled and has not succeeded since.

        slow: Whether the endpoint was lately slow or failing.

        memory: What the channel remembers of the event's subject at this endpoint.

        now: The store's clock when it was claimed.
    """

    endpoint: str
    lane: str
    event: Event
    token: str
    tried: Tried
    attempts: int
    crashes: int
    redelivery: bool
    was_disabled: bool
    slow: bool
    now: float
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryClaim:
    """
    Deliveries to attempt.

    Attributes:
        deliveries: In no particular order; each of another lane.

        suspects: Whether a delivery waits that its workers did not survive. It is to
            be claimed alone, with nothing else in flight.

        next_in: Seconds until something more can be claimed; ``None`` if nothing is
            waiting.
    """

    deliveries: Sequence[Delivery]
    suspects: bool
    next_in: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    What came of a claimed delivery.

    Attributes:
        delivery: As it was claimed.

        attempt: What happened; ``None`` if nothing was sent.

        verdict: What is to be done; ``None`` if the claim is given back.

        away: The claim is given back because this process does not have the endpoint
            configured. Nobody is to try until one says that it has.

        notices: What operators are to hear if the verdict has the effect named by the
            notice's type: a delivery died, an endpoint was disabled, or recovered.

        memory: What the channel remembers of the subject from now on; ``None`` for what
            it did.

        edit_in: Seconds for which progress of the subject is not to be told.
    """

    delivery: Delivery
    attempt: Attempt | None = None
    verdict: Verdict | None = None
    away: bool = False
    notices: tuple[Telling, ...] = ()
    memory: Memory | None = None
    edit_in: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Which settlements took effect, and whether there is more to claim at once."""

    applied: Sequence[bool]
    more: bool


#: Share of the store's memory from which on polling pauses.
NEARLY_FULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery that is open: not delivered, not given up."""

    event: Event
    endpoint: str
    lane: str


class TaskStore(Protocol):
    """The store as polling sees it. Each method is one atomic step."""

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""

    async def answered(
        self,
        upstream: str,
        claim: PollClaim,
        *,
        hold: float | None = None,
        outcome: str = "ok",
        reason: str = "",
        since: float = 0.0,
        notice: Telling | None = None,
    ) -> bool:
        """
        Say how the request of a claim ended, and free its place.

        Args:
            upstream: Whose.

            claim: The claim.

            hold: ``None`` after a valid answer. Else the seconds to leave the upstream
                alone; the claimed tasks come due after them.

            outcome: One word for the metrics.

            reason: What was wrong, for a person.

            since: When the upstream began to fail, if that is to be told now.

            notice: What operators are to hear if this makes the upstream unhealthy, or
                well again. Told only if it does, so once.

        Returns:
            Whether a deliverer should be woken.
        """

    async def record(self, looks: Sequence[Look]) -> Recorded:
        """Record looks: snapshot, event, deliveries and next look in one step each."""

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""


class DeliveryStore(Protocol):
    """The store as delivering sees it. Each method is one atomic step."""

    async def claim_deliveries(
        self, *, limit: int, slow_limit: int, alone: bool = False, woken: bool = False
    ) -> DeliveryClaim:
        """
        Claim the heads of due lanes, fairly over the endpoints.

        Args:
            limit: At most so many.

            slow_limit: At most so many of endpoints that were lately slow or failing.

            alone: Claim one suspect and nothing else.

            woken: A wake-up has arrived, so that the next one may be sent.
        """

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """
        Record what came of claimed deliveries.

        A settlement whose delivery somebody else has claimed in the meantime changes
        nothing, unless it says that a delivery still waiting has succeeded.
        """

    async def remember(self, delivery: Delivery, memory: Memory) -> bool:
        """
        Keep a channel's memory in the middle of an attempt.

        Returns:
            Whether it was kept. If the claim was lost in the meantime, nothing changes.
        """
