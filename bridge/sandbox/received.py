"""One request that a receiver got, and what the event or the task in it says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.sandbox.verification import Verification

#: The type of event that a task's status stands for, where the task itself is sent, as the
#: protocol's own callback does.
TYPES = {
    "NOT_START": "task.submitted",
    "SUBMITTED": "task.submitted",
    "MODAL": "task.action_required",
    "IN_PROGRESS": "task.progress",
    "SUCCESS": "task.succeeded",
    "FAILURE": "task.failed",
    "CANCEL": "task.cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request: an attempt to deliver an event."""

    at: float  #: seconds since the epoch
    path: str
    headers: dict[str, str]  #: names in lower case
    body: bytes
    #: The body as JSON, an event or a task; empty if it is not JSON.
    event: dict[str, Any]
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
        """The type of the event, or what the task's status stands for."""
        if self._is_task:
            return TYPES[self.event["status"]]
        return str(self.event.get("type") or "")

    @property
    def data(self) -> dict[str, Any]:
        """The event's own content, or the task."""
        if self._is_task:
            return self.event
        data = self.event.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def _is_task(self) -> bool:
        status = self.event.get("status")
        return "type" not in self.event and isinstance(status, str) and status in TYPES

    @property
    def task(self) -> str:
        """The id of the task it is about; empty for events about anything else."""
        return str(self.data.get("id") or "")

    @property
    def sequence(self) -> int | None:
        """The event's number among those of its task."""
        sequence = self.data.get("sequence")
        return sequence if isinstance(sequence, int) else None

    @property
    def redelivery(self) -> bool:
        """Whether an operator asked for it once more."""
        return self.headers.get("webhook-redelivery") == "true"

    @property
    def believed(self) -> bool:
        """Whether its signature is valid; without a secret to check against, everything counts as valid."""
        return self.verification is None or self.verification.ok

    @property
    def taken(self) -> bool:
        """Whether it was believed, and answered with success."""
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
        """Return all of it as JSON."""
        refusal = None if self.verification is None else self.verification.refusal
        latency = self.latency
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
            "latencyMs": latency and round(latency * 1000, 1),
            "headers": self.headers,
            "event": self.event or self.body.decode(errors="replace"),
        }


def event_of(body: bytes) -> dict[str, Any]:
    """Return the event in a body; empty if it holds none."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
