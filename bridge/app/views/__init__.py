"""
Views: what is shown of tasks, events, deliveries and endpoints, as JSON objects.

``--json`` prints them, the HTTP API answers with them, and their schemas describe them.
Rule: only what is written out here is shown, never a secret, nor a URL that anyone could
use to send something.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from bridge.core.event_data import iso


class View(BaseModel):
    """An object that is shown; its fields are camelCase, as in events."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        defer_build=True,  # most commands show one kind of object, or none
    )

    def to_json(self) -> dict[str, Any]:
        """Return the object with the names that are shown."""
        return self.model_dump(by_alias=True)


def moment(at: float) -> str:
    """Write a time as views do: RFC 3339, in UTC, with milliseconds."""
    return iso(at, milliseconds=True)


def moment_or_none(at: float | None) -> str | None:
    """Write a time that may be unknown."""
    return None if at is None else moment(at)


def milliseconds(seconds: float) -> int:
    """Write a duration as views do."""
    return round(seconds * 1000)
