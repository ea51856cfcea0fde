"""Notices: what operators are told, and who of the endpoints wants to hear it."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.app.ports import Publication
from bridge.core.endpoint import Endpoint, receivers
from bridge.core.event import Event, NoticeType, notice


def death_notice(
    endpoint: str, event: Event, reason: str, *, at: float
) -> Event | None:
    """
    Say that a delivery was given up; ``None`` for an operator's event.

    That one could not be told is not told in turn: it would never end.
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
    """Address operators' events; those that nobody subscribes to are not made."""
    addressed = (
        (event, receivers(event, endpoints)) for event in events if event is not None
    )
    return [
        Publication(event=event, endpoints=names) for event, names in addressed if names
    ]
