"""What both sides speak of: an event, and whom it is for."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An event, and the endpoints that are to hear of it."""

    event: Event
    endpoints: tuple[str, ...]
