"""
Events: a change in our own words, with an id that is the same whenever it is seen again.

Rule 1: only the fields that `bridge.core.event_data` writes out ever leave the bridge.
Rule 2: an event's id is a hash of what it is about and of what changed, and of nothing
else. If the store loses its last second, the next poll sees the same change, makes the
same id, and a receiver that knows it already drops it; a different change can never
come with an id that was used before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bridge.core.cadence import Loss
from bridge.core.change import Change, ChangeType
from bridge.core.event_data import Json, iso, kept_json, lineage_json, snapshot_json
from bridge.core.media import KeptFile
from bridge.core.media_url import stable
from bridge.core.task import NO_LINEAGE, Lineage, TaskKey


class NoticeType(StrEnum):
    """What can happen to the bridge itself, as the ``type`` of an operator's event."""

    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_RECOVERED = "endpoint.recovered"
    UPSTREAM_UNHEALTHY = "upstream.unhealthy"
    UPSTREAM_RECOVERED = "upstream.recovered"
    DELIVERY_DEAD = "delivery.dead"
    ARCHIVE_FULL = "archive.full"
    ACTION_REFUSED = "action.refused"
    ACTION_UNKNOWN = "action.unknown"
    RULE_LIMITED = "rule.limited"


#: A task's pictures were kept, or could not be: no change of the task, but an event of it.
ARCHIVED = "task.archived"

#: Every type of event there is.
EVENT_TYPES = (
    *(str(type_) for type_ in ChangeType),
    ARCHIVED,
    *(str(type_) for type_ in NoticeType),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One thing to report.

    Attributes:
        id: ``evt_`` and 32 hexadecimal digits; the ``webhook-id`` of every attempt.

        subject: What it is about, and what it is kept in order with: a task's key, or
            ``@endpoint:name``, ``@upstream:name`` and ``@archive:name``.

        upstream: The upstream that it concerns; ``None`` if it concerns none.

        sequence: The task's count of events, from 1; 0 for an operator's event.

        at: When the bridge saw it, in seconds since the epoch.

        body: The JSON text that webhooks send, to the byte.

        loss: Why the task was lost, for channels that say it in their own words.
    """

    id: str
    type: str
    subject: str
    upstream: str | None
    sequence: int
    at: float
    body: str
    loss: Loss | None = None

    @property
    def is_progress(self) -> bool:
        """Whether a newer event of its subject makes this one worthless."""
        return self.type == ChangeType.PROGRESS


def task_event(
    key: TaskKey,
    change: Change,
    *,
    sequence: int,
    metadata: Mapping[str, Json],
    at: float,
    lineage: Lineage = NO_LINEAGE,
) -> Event:
    """
    Return the event of a change.

    Args:
        key: The task that changed.

        change: What happened, see `bridge.core.change.observe`.

        sequence: The number of this event among the task's, from 1.

        metadata: What the caller attached when the task was tracked.

        at: When the change was seen, in seconds since the epoch.

        lineage: Where the task comes from.
    """
    data = task_data(key, change, sequence=sequence, metadata=metadata, lineage=lineage)
    return event_with(data, key, change, sequence=sequence, at=at)


def task_data(
    key: TaskKey,
    change: Change,
    *,
    sequence: int,
    metadata: Mapping[str, Json],
    lineage: Lineage = NO_LINEAGE,
) -> dict[str, Json]:
    """Return the ``data`` of the event of a change, see `task_event`."""
    return {
        "id": key.id,
        "upstream": key.upstream,
        "sequence": sequence,
        **_event_data(change),
        "metadata": dict(metadata),
        **lineage_json(lineage),
        "archived": None,
    }


def event_with(
    data: dict[str, Json], key: TaskKey, change: Change, *, sequence: int, at: float
) -> Event:
    """Return the event of a change, given its data."""
    return Event(
        id=_event_id(str(key), str(sequence), *_what_changed(change)),
        type=change.type,
        subject=str(key),
        upstream=key.upstream,
        sequence=sequence,
        at=at,
        body=_body(change.type, at, data),
        loss=change.loss,
    )


def archived_event(
    of: Event, files: Iterable[KeptFile], reason: str, *, sequence: int, at: float
) -> Event:
    """
    Return the event that a task's pictures were kept.

    Args:
        of: The event whose pictures they are: the new one says all that it says.

        files: Those that were kept.

        reason: Why others were not; empty if all were.

        sequence: The number of the new event among the task's.

        at: When they were, in seconds since the epoch.
    """
    kept = list(files)
    data: dict[str, Json] = json.loads(of.body)["data"]
    data |= {"sequence": sequence, "archived": [kept_json(file) for file in kept]}
    if reason:
        data["reason"] = reason
    digests = sorted(file.sha256 for file in kept)
    return Event(
        id=_event_id(of.subject, str(sequence), ARCHIVED, of.id, *digests),
        type=ARCHIVED,
        subject=of.subject,
        upstream=of.upstream,
        sequence=sequence,
        at=at,
        body=_body(ARCHIVED, at, data),
    )


#: What an operator's event is about, by what its type begins with.
_SUBJECTS = {
    "endpoint": "endpoint",
    "delivery": "endpoint",
    "upstream": "upstream",
    "action": "upstream",
    "archive": "archive",
    "rule": "rule",
}


def notice(
    type_: NoticeType,
    *,
    name: str,
    reason: str,
    since: float,
    at: float,
    event: Event | None = None,
    action: Mapping[str, Json] | None = None,
) -> Event:
    """
    Return the operators' event of what happened to an endpoint, an upstream, a delivery, an
    action or the archive.

    Args:
        type_: What happened.

        name: The endpoint, upstream, archive or rule that it happened to.

        reason: Why, for a person; it must not name a URL or a secret.

        since: When it began, in seconds since the epoch.

        at: When the bridge saw it, in seconds since the epoch.

        event: The event that could not be delivered, for ``delivery.dead``.

        action: Of the action that the upstream did not take, or perhaps did not: ``actionId``
            and whatever else is to be shown.
    """
    what = _SUBJECTS[type_.partition(".")[0]]
    data: dict[str, Json] = {what: name, "reason": reason, "since": iso(since)}
    if event is not None:
        data["event"] = {"id": event.id, **json.loads(event.body)}
    if action is not None:
        data |= action
    about = iso(since)
    if event is not None or action is not None:
        # An event may die, be sent again and die again; an action may be asked for again.
        about = f"{event.id if event else (action or {}).get('actionId')} {iso(at)}"
    return Event(
        id=_event_id(type_, name, about),
        type=type_,
        subject=f"@{what}:{name}",
        upstream=name if what == "upstream" else event.upstream if event else None,
        sequence=0,
        at=at,
        body=_body(type_, at, data),
    )


def _body(type_: str, at: float, data: dict[str, Json]) -> str:
    moment = iso(at, milliseconds=True)
    body = {"type": type_, "timestamp": moment, "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _event_data(change: Change) -> dict[str, Json]:
    data = snapshot_json(change.after)
    action, status = data.pop("action"), data.pop("status")
    return {"action": action, "status": status, "previousStatus": change.before, **data}


def _what_changed(change: Change) -> Iterable[str]:
    """List what identifies a change, without what varies from poll to poll."""
    yield change.type
    yield str(change.before)
    after = change.after
    yield str(after.status)
    if change.type == ChangeType.PROGRESS:
        yield str(after.progress)
    if change.type.is_final:
        yield str(after.fail_reason)
        yield str(stable(after.image_url))
        yield from (str(stable(url)) for url in after.video_urls)
        yield from (button.custom_id for button in after.buttons)


def _event_id(*parts: str) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return f"evt_{sha256(text.encode()).hexdigest()[:32]}"
