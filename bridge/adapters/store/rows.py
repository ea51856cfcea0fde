"""How the replies of the scripts that read become rows, and lists' cursors text."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import named
from bridge.app.ports import DeliveryRow, EventRow, Outcome, TaskRow
from bridge.core.event import Event
from bridge.core.task import TaskKey
from bridge.errors import InvalidCursor

#: Longest text of a cursor: a score, and a row's name.
LONGEST_CURSOR = 1024

# --- cursors --------------------------------------------------------------------------


def write_cursor(score: str, row: str) -> str | None:
    """Write where a list goes on; ``None`` if it does not."""
    if not row:
        return None
    return urlsafe_b64encode(f"{score} {row}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[str, str]:
    """
    Read a cursor back: a score and a row's name.

    Raises:
        InvalidCursor: It is none.
    """
    try:
        if len(text) > LONGEST_CURSOR:
            raise InvalidCursor
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        score, _, row = urlsafe_b64decode(padded).decode().partition(" ")
        if not row or not math.isfinite(float(score)):
            raise InvalidCursor
    except ValueError as error:
        raise InvalidCursor from error
    return score, row


# --- tasks, events, deliveries --------------------------------------------------------


def task_row(reply: Sequence[Any]) -> TaskRow:
    """Read a task."""
    name, due, active, status, sequence, tracked_at, metadata, snapshot, *rest = reply
    seen_at, hook_refused, archived, *lineage = rest
    return TaskRow(
        key=TaskKey.read(name),
        active=active == "1",
        status=status or None,
        sequence=int(sequence or 0),
        tracked_at=float(tracked_at or 0),
        metadata=json.loads(metadata or "{}"),
        snapshot=codec.read_snapshot(snapshot),
        seen_at=moment(seen_at),
        next_look=moment(due),
        archived=codec.read_archived(archived),
        lineage=codec.read_lineage(*lineage),
        hook_refused=hook_refused or "",
    )


def event_row(reply: Sequence[Any]) -> EventRow:
    """Read an event, its deliveries and its attempts."""
    flat, deliveries, attempts = reply
    event = event_of(flat)
    return EventRow(
        event=event,
        deliveries=[
            DeliveryRow(
                event_id=event.id,
                type=event.type,
                subject=event.subject,
                endpoint=endpoint,
                state=state,
                at=event.at,
                reason=reason,
            )
            for endpoint, state, reason in deliveries
        ],
        attempts=[json.loads(attempt) for attempt in attempts],
    )


def event_of(flat: Sequence[Any]) -> Event:
    """Read an event."""
    row = named(flat)
    return codec.read_event(row["id"], row)


def delivery_row(reply: Sequence[Any]) -> DeliveryRow:
    """Read a delivery."""
    event_id, endpoint, state, kind, subject, at, reason = reply
    return DeliveryRow(
        event_id=event_id,
        type=kind,
        subject=subject,
        endpoint=endpoint,
        state=state,
        at=float(at),
        reason=reason,
    )


def outcome(row: str, state: Any) -> Outcome:
    """Read how a delivery ended."""
    event_id, _, endpoint = row.partition("|")
    return Outcome(event_id=event_id, endpoint=endpoint, state=state)


def moment(value: Any) -> float | None:
    """Read a time; ``None`` for what is not there."""
    return float(value) if value else None
