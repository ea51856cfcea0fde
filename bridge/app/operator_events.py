"""Operators' events about deliveries, endpoints and upstreams, and their recipients."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.app.ports import Waiting
from bridge.core.endpoint import Endpoint, Publication
from bridge.core.event import Event, NoticeType, notice


def death_notice(
    endpoint: str, event: Event, reason: str, *, at: float
) -> Event | None:
    """
    Report that a delivery was given up; ``None`` for the delivery of an operator's event.

    That one of these could not be delivered is not reported in turn: it would never end.
    """
    if event.subject.startswith("@"):
        return None
    return notice(
        NoticeType.DELIVERY_DEAD,
        name=endpoint,
        reason=reason,
        since=event.at,
        at=at,
        event=event,
    )


def publications(
    events: Sequence[Event | None], endpoints: Sequence[Endpoint]
) -> Sequence[Publication]:
    """Address events to their subscribers, without those that have none."""
    addressed = (
        Publication.of(event, endpoints) for event in events if event is not None
    )
    return [publication for publication in addressed if publication.recipients]


def death_notices(
    waiting: Waiting, reason: str, endpoints: Sequence[Endpoint], *, at: float
) -> Sequence[Publication]:
    """Report that a delivery was given up that waited, to its subscribers."""
    notice = death_notice(waiting.endpoint, waiting.event, reason, at=at)
    return publications([notice], endpoints)
