"""Ports of delivering: what sends requests, and deliveries that are claimed and settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.core.action import ActionOutcome
from bridge.core.archive import Archived
from bridge.core.delivery import Attempt, DeliveryHistory, Verdict
from bridge.core.endpoint import Endpoint, Publication
from bridge.core.event import Event
from bridge.core.hook import Hook
from bridge.core.http import AnyRequest, ChannelState, Response


class Sender(Protocol):
    """Sends requests, each endpoint's over connections of its own."""

    async def send(self, endpoint: Endpoint, request: AnyRequest) -> Response:
        """
        Send one request and read its answer, or have one notification sent, or do with the
        archive what is asked for; all within ``endpoint.timeout``.

        Never raises for what a receiver or the network does. Redirects are not
        followed, cookies are not kept.
        """

    async def aclose(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A delivery that was claimed: nobody else will attempt it until the lease ends.

    Attributes:
        endpoint: The endpoint's name.

        lane: The lane whose head it is.

        event: What to send.

        token: Names the claim; a settle must show it.

        history: The attempts before this one.

        attempts: Attempts recorded so far.

        crashes: Claims that were never settled: the worker that held them did not survive.

        redelivery: Whether an operator asked to have it sent again.

        was_disabled: Whether the endpoint was disabled and has not succeeded since.

        slow: Whether the endpoint was lately slow or failing, or stands for hooks and was
            never tried.

        channel_state: What the channel saved for the event's subject at this endpoint.

        now: The store's clock when it was claimed.

        hook: Where it goes, if the endpoint stands for the hooks of an origin; ``None`` if
            the task has no hook there any more.

        traceparent: The trace that recorded the event, as in `Publication`.

        archived: What was kept of the event's pictures; ``None`` if that is not known (yet).

        sequence: The number of the task's newest event, if the endpoint is the archive's.
    """

    endpoint: str
    lane: str
    event: Event
    token: str
    history: DeliveryHistory
    attempts: int
    crashes: int
    redelivery: bool
    was_disabled: bool
    slow: bool
    now: float
    channel_state: ChannelState = field(default_factory=dict)
    hook: Hook | None = None
    traceparent: str | None = None
    archived: Archived | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryClaim:
    """
    Deliveries to attempt.

    Attributes:
        deliveries: In no particular order; each of another lane.

        suspects: Whether a delivery waits whose workers did not survive it. It is
            claimed alone, with nothing else in flight.

        next_in: Seconds until something more can be claimed; ``None`` if nothing is
            waiting.
    """

    deliveries: Sequence[Delivery]
    suspects: bool
    next_in: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archival:
    """
    What keeping a task's pictures came to, to be noted with the task.

    Attributes:
        archived: What was kept.

        publication: The task's next event. If by then another one has that number, the claim
            is handed back instead: nothing is noted.
    """

    archived: Archived
    publication: Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    What came of a claimed delivery.

    Attributes:
        delivery: As it was claimed.

        attempt: What happened; ``None`` if nothing was sent.

        verdict: What becomes of the delivery; ``None`` to hand the claim back.

        endpoint_unknown: The claim is handed back because this process does not have the endpoint
            configured. It is left alone until a process has it.

        notices: Operators' events, each published if the verdict has the effect that its
            type names: a delivery died, an endpoint was disabled, or recovered.

        channel_state: What the channel saves for the subject; ``None`` to keep what it
            has saved.

        hold_progress: Seconds for which progress of the subject is held back.

        extra_requests: Requests beyond the one that the endpoint's rate was charged with when the
            delivery was claimed.

        ends_hook: Nothing more is to be sent to the hook of the event's task.

        archival: What is noted with the task, if the settlement takes effect.

        action: What came of the action that the delivery is, if it is one.
    """

    delivery: Delivery
    attempt: Attempt | None = None
    verdict: Verdict | None = None
    endpoint_unknown: bool = False
    notices: tuple[Publication, ...] = ()
    channel_state: ChannelState | None = None
    hold_progress: float = 0.0
    extra_requests: int = 0
    ends_hook: bool = False
    archival: Archival | None = None
    action: ActionOutcome | None = None


class Performer(Protocol):
    """
    Attempts the deliveries to one kind of endpoint in its own way, where there is more to do
    than to send a request and to judge the answer by its status.
    """

    async def attempt(self, delivery: Delivery, endpoint: Endpoint) -> Settlement:
        """Make one attempt, and return what is to be settled. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLimits:
    """
    What a claim of deliveries may take.

    Attributes:
        limit: At most so many.

        slow_limit: At most so many of endpoints that were lately slow or failing, and of
            hooks that were never tried.

        hook_limit: At most so many of these of hooks; ``None`` for no other limit.
    """

    limit: int
    slow_limit: int
    hook_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """
    What came of a settle.

    Attributes:
        applied: Which settlements took effect.

        more: Whether more can be claimed at once.

        claim: What was claimed in the same step; ``None`` if nothing was to be.
    """

    applied: Sequence[bool]
    more: bool
    claim: DeliveryClaim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery that is open: not delivered, not given up."""

    event: Event
    endpoint: str
    lane: str


class DeliveryStore(Protocol):
    """The store as delivering sees it. Each method is one atomic step."""

    async def claim_deliveries(
        self, limits: ClaimLimits, *, alone: bool = False
    ) -> DeliveryClaim:
        """
        Claim the heads of due lanes, fairly over the endpoints.

        Args:
            alone: Claim one suspect and nothing else.
        """

    async def claim_when_woken(
        self, limits: ClaimLimits | None
    ) -> DeliveryClaim | None:
        """
        Wait until work wakes this worker, for a few seconds, and claim in the same round trip.

        Whoever makes work leaves a wake-up in the same step; the worker that has waited
        longest takes it. One that is taken and not followed is lost: workers also look by
        themselves.

        Args:
            limits: What may be claimed; ``None`` only to wait.

        Returns:
            The claim, if one was wanted.

        Raises:
            StoreForbids: Waiting is not allowed.
        """

    async def return_lost(self) -> None:
        """Hand back what was claimed and did not reach us, for others to claim at once."""

    async def settle(
        self, settlements: Sequence[Settlement], *, claim: ClaimLimits | None = None
    ) -> Settled:
        """
        Record what came of claimed deliveries, and claim more in the same step.

        If somebody else has claimed the delivery in the meantime, only a success counts,
        and only while the delivery is still open.

        Args:
            claim: What may be claimed once all is recorded; ``None`` to claim nothing.
        """

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """
        Save a channel's state in the middle of an attempt.

        Returns:
            Whether it was saved. If the claim was lost in the meantime, nothing changes.
        """
