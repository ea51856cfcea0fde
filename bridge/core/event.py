"""
Events: a change in our own words, with an id that is the same whenever it is seen again.

Rule 1: only the fields written out here ever leave the bridge. What gateways add to
their rows (callback addresses, client addresses, account names) has no way through.
Rule 2: an event's id is a hash of what it is about and of what changed, and of nothing
else. If the store loses its last second, the next poll sees the same change, makes the
same id, and a receiver that knows it already drops it; a different change can never
come with an id that was used before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from bridge.core.button import Button
from bridge.core.cadence import Loss
from bridge.core.change import Change, ChangeType
from bridge.core.media_url import expires_at, stable
from bridge.core.task import TaskKey, TaskSnapshot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class NoticeType(StrEnum):
    """What can happen to the bridge itself, as the ``type`` of an operator's event."""

    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_RECOVERED = "endpoint.recovered"
    UPSTREAM_UNHEALTHY = "upstream.unhealthy"
    UPSTREAM_RECOVERED = "upstream.recovered"
    DELIVERY_DEAD = "delivery.dead"


#: Every type of event there is.
EVENT_TYPES = (*(str(kind) for kind in ChangeType), *(str(kind) for kind in NoticeType))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One thing to report.

    Attributes:
        id: ``evt_`` and 32 hexadecimal digits; the ``webhook-id`` of every attempt.

        subject: What it is about, and what it is kept in order with: a task's key, or
            ``@endpoint:name`` and ``@upstream:name``.

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
) -> Event:
    """
    Return the event of a change.

    Args:
        key: The task that changed.

        change: What happened, see `bridge.core.change.observe`.

        sequence: The number of this event among the task's, from 1.

        metadata: What the caller attached when the task was tracked.

        at: When the change was seen, in seconds since the epoch.
    """
    data: dict[str, Json] = {
        "id": key.id,
        "upstream": key.upstream,
        "sequence": sequence,
        **_event_data(change),
        "metadata": dict(metadata),
    }
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


def notice(
    kind: NoticeType,
    *,
    name: str,
    reason: str,
    since: float,
    at: float,
    event: Event | None = None,
) -> Event:
    """
    Return the operators' event of what happened to an endpoint, an upstream or a delivery.

    Args:
        kind: What happened.

        name: The endpoint or upstream that it happened to.

        reason: Why, for a person; it must not name a URL or a secret.

        since: When it began, in seconds since the epoch.

        at: When the bridge saw it, in seconds since the epoch.

        event: The event that could not be delivered, for ``delivery.dead``.
    """
    what = "upstream" if kind.startswith("upstream.") else "endpoint"
    data: dict[str, Json] = {what: name, "reason": reason, "since": iso(since)}
    if event is not None:
        data["event"] = {"id": event.id, **json.loads(event.body)}
    # An event may die, be sent again and die again.
    about = iso(since) if event is None else f"{event.id} {iso(at)}"
    return Event(
        id=_event_id(kind, name, about),
        type=kind,
        subject=f"@{what}:{name}",
        upstream=name if what == "upstream" else event.upstream if event else None,
        sequence=0,
        at=at,
        body=_body(kind, at, data),
    )


def iso(seconds: float, *, milliseconds: bool = False) -> str:
    """
    Write a time as every event does: in UTC, to the millisecond.

    Args:
        milliseconds: Whether to write them where there are none, too: times of a task and
            of an event always have them, an expiry or a beginning seldom does.
    """
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    exact = milliseconds or moment.microsecond
    text = moment.isoformat(timespec="milliseconds" if exact else "seconds")
    return text.replace("+00:00", "Z")


def _body(kind: str, at: float, data: dict[str, Json]) -> str:
    moment = iso(at, milliseconds=True)
    body = {"type": kind, "timestamp": moment, "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _event_data(change: Change) -> dict[str, Json]:
    data = snapshot_json(change.after)
    action, status = data.pop("action"), data.pop("status")
    return {"action": action, "status": status, "previousStatus": change.before, **data}


def snapshot_json(after: TaskSnapshot) -> dict[str, Json]:
    """Return a snapshot in the spelling of events: only what may leave."""
    expiry = expires_at(after.image_url)
    return {
        "action": after.action,
        "status": after.status,
        "progress": after.progress,
        "prompt": after.prompt,
        "promptEn": after.prompt_en,
        "finalPrompt": after.final_prompt,
        "description": after.description,
        "failReason": after.fail_reason,
        "imageUrl": after.image_url,
        "imageExpiresAt": None if expiry is None else iso(expiry.timestamp()),
        "videoUrls": list(after.video_urls),
        "buttons": [_button(button) for button in after.buttons],
        "submitTime": _moment(after.submit_time),
        "startTime": _moment(after.start_time),
        "finishTime": _moment(after.finish_time),
        "state": after.state,
    }


def _button(button: Button) -> Json:
    return {
        "customId": button.custom_id,
        "label": button.label,
        "emoji": button.emoji,
        "kind": button.kind,
        "index": button.index,
        "needsModal": button.needs_modal,
    }


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return iso(milliseconds / 1000, milliseconds=True)


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
