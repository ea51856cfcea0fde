"""What is remembered of a task at an endpoint, and how it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from bridge.core.event import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    What is known of a task's messages.

    Attributes:
        id: The message that tells how the task is doing; empty if there is none.

        channel: Where it is.

        thread: The thread that was begun for the task.

        posted: When the message was posted, in seconds since the epoch.

        sequence: Of the last event told.

        event: The last event that was told with a message of its own.

        final: Whether the task's end was told.

        posting: A message was about to be posted. Without an `id` nobody knows
            whether it was.

        chore: A message that is out of date and is still to be dealt with.

        chore_edits: Whether it is to be brought up to date, rather than deleted.

        tries: How often that was tried in vain.

        form: The form that was tried last for `form_of`; what was refused once is not
            sent again.

        form_of: An event.

        linked_of: An event whose message went off with the picture uploaded, and no
            answer came; the next time the picture is linked.

        guild: The server's id, which a link to a message needs.
    """

    id: str = ""
    channel: str = ""
    thread: str = ""
    posted: float = 0.0
    sequence: int = 0
    event: str = ""
    final: bool = False
    posting: bool = False
    chore: str = ""
    chore_edits: bool = False
    tries: int = 0
    form: int = 0
    form_of: str = ""
    linked_of: str = ""
    guild: str = ""

    @classmethod
    def of(cls, channel_state: Mapping[str, Json]) -> Self:
        """Read a memory. Total: what is not as it should be was never known."""
        known = {}
        for field in fields(cls):
            value = channel_state.get(field.name)
            usual = field.default
            if isinstance(usual, float) and type(value) is int:
                value = float(value)
            if type(value) is type(usual):
                known[field.name] = value
        return cls(**known)

    def to_json(self) -> dict[str, Json]:
        """Write it down; what was never known is left out."""
        unknown = asdict(type(self)())
        return {
            name: value
            for name, value in asdict(self).items()
            if value != unknown[name]
        }
