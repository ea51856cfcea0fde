"""What is remembered of a task's message in a channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from bridge.core.http import ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    A task's message, as far as we know.

    Attributes:
        ts: The id of the message that is kept up to date; empty if there is none.

        channel: Where it is; Slack wants the id that it answered with, not a name.

        sequence: Of the newest event that was told.

        posting: A message was about to be posted, and no answer said what became of it.

        final: Whether what was told last ends the task.

        event: The event that was announced last, with a message of its own.

        todo: What is still to be done about the message at `old`, now that the
            announcement is out: ``delete`` or ``update``; empty for nothing.

        old: The ``ts`` of that message.

        old_channel: Where that is.

        tries: How often that was tried in vain.
    """

    ts: str = ""
    channel: str = ""
    sequence: int = 0
    posting: bool = False
    final: bool = False
    event: str = ""
    todo: str = ""
    old: str = ""
    old_channel: str = ""
    tries: int = 0


def recall(channel_state: ChannelState) -> Told:
    """Read a memory; what is not as we wrote it is as if it had been lost."""
    blank = Told()
    found = {}
    for each in fields(Told):
        value = channel_state.get(each.name)
        if type(value) is type(getattr(blank, each.name)):
            found[each.name] = value
    return Told(**found)  # type: ignore[arg-type]


def kept(told: Told) -> ChannelState:
    """Write what is to be remembered, without what goes without saying."""
    blank = asdict(Told())
    return {name: value for name, value in asdict(told).items() if value != blank[name]}
