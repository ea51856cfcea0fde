"""
Answers: what Telegram says, and what it means for us.

``ok`` decides. Otherwise the description does: the codes are few, and 400 stands for a chat
that is not there as well as for a picture that Telegram does not like.

Sources: Telegram Bot API, "Making requests" and "ResponseParameters"; the descriptions are
telegram-bot-api's own, which no document lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from bridge.channels.reply import readable
from bridge.core.http import Response, retry_after


class Sense(Enum):
    """What an answer means."""

    OK = auto()
    UNFIT = auto()  #: Refused as it is; something plainer may be taken.
    UNLINKED = auto()  #: Refused for its buttons.
    ANEW = auto()  #: The message is not there, or cannot be changed.
    GONE = auto()  #: Nothing will ever be taken.
    LATER = auto()  #: Perhaps next time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    An answer, read.

    Attributes:
        detail: For a person; empty if all is well.

        retry_after: Seconds that Telegram asked for.

        unclear: Whether the message may have been posted all the same.

        result: What Telegram returned.
    """

    sense: Sense
    response: Response
    detail: str = ""
    retry_after: float | None = None
    unclear: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message_id(self) -> int:
        """The id of the message that was posted; 0 if there is none."""
        found = self.result.get("message_id")
        return found if isinstance(found, int) and not isinstance(found, bool) else 0


#: By what the description contains, in lower case; the first that fits.
_DESCRIPTIONS: tuple[tuple[str, Sense, str], ...] = (
    ("message is not modified", Sense.OK, ""),
    ("message to edit not found", Sense.ANEW, ""),
    ("message can't be edited", Sense.ANEW, ""),
    ("message_id_invalid", Sense.ANEW, ""),
    ("in the message to edit", Sense.ANEW, ""),
    ("chat not found", Sense.GONE, "there is no such chat, or the bot is not in it"),
    ("peer_id_invalid", Sense.GONE, "there is no such chat, or the bot is not in it"),
    ("message thread not found", Sense.GONE, "there is no such topic: see thread_id"),
    ("topic_deleted", Sense.GONE, "the topic of thread_id was deleted"),
    ("topic_closed", Sense.GONE, "the topic of thread_id is closed"),
    ("not enough rights to send photo", Sense.UNFIT, ""),
    ("chat_send_photos_forbidden", Sense.UNFIT, ""),
    ("chat_send_media_forbidden", Sense.UNFIT, ""),
    ("have no rights to send", Sense.GONE, "the bot may not write in this chat"),
    ("not enough rights", Sense.GONE, "the bot may not write in this chat"),
    ("need administrator rights", Sense.GONE, "the bot may not write in this chat"),
    ("chat_write_forbidden", Sense.GONE, "the bot may not write in this chat"),
    ("chat_restricted", Sense.GONE, "the bot may not write in this chat"),
    ("channel_private", Sense.GONE, "the bot is not in this channel"),
    ("group chat was deactivated", Sense.GONE, "the group was deleted"),
    ("button", Sense.UNLINKED, ""),
)
_CODES = {
    401: "the bot's token is not valid",
    403: "the bot is not let in",
    404: "there is no bot of this token",
}


def read(response: Response, *, now: float) -> Answer:
    """Say what an answer means. Total: no answer is too strange."""
    status = response.status
    if status is None:
        return Answer(
            sense=Sense.LATER, response=response, detail=response.detail, unclear=True
        )
    said = _object(response.body)
    if said.get("ok") is True:
        result = said.get("result")
        found = result if isinstance(result, dict) else {}
        return Answer(sense=Sense.OK, response=response, result=found)
    if said.get("ok") is not False:
        wait = response.headers.get("retry-after")
        return Answer(
            sense=Sense.LATER,
            response=response,
            detail=f"HTTP {status}, and not in Telegram's words",
            retry_after=retry_after(wait, now=now),
            unclear=status < 400 or status >= 500,
        )
    return _refusal(said, response, now=now)


def describe(response: Response) -> str:
    """Say to a person what came of a `bridge.channels.telegram.probe`."""
    read_ = read(response, now=response.at)
    if read_.sense is not Sense.OK:
        return f"Telegram refuses it: {read_.detail}"
    chat = read_.result
    name = chat.get("title") or chat.get("username") or chat.get("first_name") or "?"
    said = f"{chat.get('type', 'chat')} “{name}”"
    if chat.get("is_forum"):
        said += ", a forum: thread_id chooses the topic"
    return readable(said.encode(errors="replace"))


def _refusal(said: Mapping[str, Any], response: Response, *, now: float) -> Answer:
    given = said.get("parameters")
    parameters: Mapping[str, Any] = given if isinstance(given, dict) else {}
    code = said.get("error_code")
    code = code if isinstance(code, int) else response.status or 0
    text = str(said.get("description") or f"error {code}")
    words = readable(text.encode(errors="replace"))[:200]
    sense, why = _sense(code, words.lower())
    if (moved := parameters.get("migrate_to_chat_id")) is not None:
        sense = Sense.GONE
        why = f"the group has become a supergroup: its chat_id is {moved} now"
    wait = parameters.get("retry_after")
    header = response.headers.get("retry-after")
    return Answer(
        sense=sense,
        response=response,
        detail="" if sense is Sense.OK else f"{why} ({words})" if why else words,
        retry_after=retry_after(str(wait), now=now) or retry_after(header, now=now),
        unclear=code >= 500,
    )


def _sense(code: int, words: str) -> tuple[Sense, str]:
    if code == 429 or code >= 500:
        return Sense.LATER, ""
    if code in _CODES:
        return Sense.GONE, _CODES[code]
    for part, sense, why in _DESCRIPTIONS:
        if part in words:
            return sense, why
    return Sense.UNFIT, ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
