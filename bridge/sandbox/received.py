"""What a receiver knows about one request that reached it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.sandbox.verify import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request: an attempt to deliver an event."""

    at: float  #: seconds since the epoch
    path: str
    headers: dict[str, str]  #: names in lower case
    body: bytes
    event: dict[str, Any]  #: the body as JSON; empty, if it is none
    verification: Verification | None  #: ``None``: no secret to check against
    status: int  #: what it was answered with
    attempt: int  #: how often an event with this id has been here, this one included
    repeat: bool  #: the event had been taken before

    @property
    def id(self) -> str:
        """The webhook-id, the same on every attempt."""
        return self.headers.get("webhook-id", "")

    @property
    def type(self) -> str:
        """What kind of event it is."""
        return str(self.event.get("type") or "")

    @property
    def data(self) -> dict[str, Any]:
        """The event's own content."""
        data = self.event.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def task(self) -> str:
        """The id of the task it is about; empty for events that are about none."""
        return str(self.data.get("id") or "")

    @property
    def sequence(self) -> int | None:
        """The event's number among those of its task."""
        sequence = self.data.get("sequence")
        return sequence if isinstance(sequence, int) else None

    @property
    def redelivery(self) -> bool:
        """Whether somebody asked for it once more."""
        return self.headers.get("webhook-redelivery") == "true"

    @property
    def believed(self) -> bool:
        """Whether it passed for genuine; without a secret to check against, everything does."""
        return self.verification is None or self.verification.ok

    @property
    def taken(self) -> bool:
        """Whether it was believed, and answered with a success."""
        return self.believed and 200 <= self.status < 300

    @property
    def latency(self) -> float | None:
        """Seconds from the change to its arrival here, by the event's own time."""
        try:
            changed = datetime.fromisoformat(str(self.event.get("timestamp")))
        except ValueError:
            return None
        return None if changed.tzinfo is None else self.at - changed.timestamp()

    def json(self) -> dict[str, Any]:
        """All of it as JSON."""
        refusal = None if self.verification is None else self.verification.refusal
        return {
            "at": self.at,
            "path": self.path,
            "id": self.id,
            "type": self.type,
            "task": self.task,
            "sequence": self.sequence,
            "verified": None if self.verification is None else self.verification.ok,
            "refusal": refusal,
            "status": self.status,
            "attempt": self.attempt,
            "repeat": self.repeat,
            "redelivery": self.redelivery,
            "latencyMs": None
            if self.latency is None
            else round(self.latency * 1000, 1),
            "headers": self.headers,
            "event": self.event or self.body.decode(errors="replace"),
        }


def event_of(body: bytes) -> dict[str, Any]:
    """The event in a body; empty where there is none."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
