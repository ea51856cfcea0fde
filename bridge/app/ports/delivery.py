"""Ports of delivering: what sends requests, and deliveries that are claimed and settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.app.ports.publication import Publication
from bridge.core.delivery import Attempt, Tried, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Notification, Request, Response


class Sender(Protocol):
    """Sends requests, each endpoint's over connections of its own."""

    async def send(
        self, endpoint: Endpoint, request: Request | Notification
    ) -> Response:
        """
        Send one request and read its answer, or have one notification sent, all within ``endpoint.timeout``.

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

        tried: The attempts before this one.

        attempts: Attempts recorded so far.

        crashes: Claims that were never settled: the worker that held them did not survive.

        redelivery: Whether an operator asked to have it sent again.

        was_disabled: Whether the endpoint was disabled and has not succeeded since.

        slow: Whether the endpoint was lately slow or failing.

        channel_state: What the channel saved for the event's subject at this endpoint.

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
    channel_state: ChannelState = field(default_factory=dict)


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
class Settlement:
    """
    What came of a claimed delivery.

    Attributes:
        delivery: As it was claimed.

        attempt: What happened; ``None`` if nothing was sent.

        verdict: What becomes of the delivery; ``None`` to hand the claim back.

        away: The claim is handed back because this process does not have the endpoint
            configured. It is left alone until a process has it.

        notices: Operators' events, each published if the verdict has the effect that its
            type names: a delivery died, an endpoint was disabled, or recovered.

        channel_state: What the channel saves for the subject; ``None`` to keep what it
            has saved.

        edit_in: Seconds for which progress of the subject is held back.

        extra: Requests beyond the one that the endpoint's rate was charged with when the
            delivery was claimed.
    """

    delivery: Delivery
    attempt: Attempt | None = None
    verdict: Verdict | None = None
    away: bool = False
    notices: tuple[Publication, ...] = ()
    channel_state: ChannelState | None = None
    edit_in: float = 0.0
    extra: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Which settlements took effect, and whether there is more to claim at once."""

    applied: Sequence[bool]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery that is open: not delivered, not given up."""

    event: Event
    endpoint: str
    lane: str


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

        If somebody else has claimed the delivery in the meantime, only a success counts,
        and only while the delivery is still open.
        """

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """
        Save a channel's state in the middle of an attempt.

        Returns:
            Whether it was saved. If the claim was lost in the meantime, nothing changes.
        """
