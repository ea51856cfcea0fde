"""What polling records and delivering sends: an event and its recipients."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An event and its recipients."""

    event: Event
    endpoints: tuple[str, ...]
