"""What is remembered of a task's message in a chat."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from bridge.core.http import ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    A task's message, as far as we know.

    Attributes:
        id: Of the message that is kept up to date; 0 if there is none.

        chat: Where it is. An id means nothing in another chat, where it may well be
            somebody else's message.

        photo: Whether it is a picture with a caption: its text is changed differently.

        picture: A hash of the picture's URL, so that the same one is not sent twice.

        unshown: Telegram has refused a picture of the task's progress; no more are tried.

        sequence: Of the newest event that was told.

        posting: A message was about to be posted, and no answer said what became of it.

        final: Whether what was told last ends the task.

        event: The event that was announced last, with a message of its own.

        todo: What is still to be done about the message `old`, now that the announcement
            is out: ``delete`` or ``update``; empty for nothing.

        old: The id of that message.

        old_photo: Whether it is a picture.

        tries: How often that was tried in vain.

        linked_of: An event whose message went off with the picture uploaded, and no
            answer came; the next time it is not uploaded.
    """

    id: int = 0
    chat: str = ""
    photo: bool = False
    picture: str = ""
    unshown: bool = False
    sequence: int = 0
    posting: bool = False
    final: bool = False
    event: str = ""
    todo: str = ""
    old: int = 0
    old_photo: bool = False
    tries: int = 0
    linked_of: str = ""


def recall(channel_state: ChannelState, *, chat: str) -> Told:
    """Read a memory; what is of another chat, or not as we wrote it, is as if lost."""
    blank = Told(chat=chat)
    if channel_state.get("chat") != chat:
        return blank
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
