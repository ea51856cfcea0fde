"""The told side: what sends requests, and deliveries that are claimed and settled."""

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
    channel_state: ChannelState = field(default_factory=dict)


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

        extra: Requests that the endpoint's rate has not been charged with yet: it was
            with one, when the delivery was claimed.
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

        A settlement whose delivery somebody else has claimed in the meantime changes
        nothing, unless it says that a delivery still waiting has succeeded.
        """

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """
        Keep a channel's memory in the middle of an attempt.

        Returns:
            Whether it was kept. If the claim was lost in the meantime, nothing changes.
        """
