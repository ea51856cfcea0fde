"""
Replies: what Telegram's answers mean.

``ok`` decides. Otherwise the description does: the codes are few, and 400 stands for a chat
that is not there as well as for a picture that Telegram does not like.

Sources: Telegram Bot API, "Making requests" and "ResponseParameters"; the descriptions are
telegram-bot-api's own, which no document lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.channels.reply import Reply, readable, reply_to
from bridge.core.delivery import AttemptResult
from bridge.core.http import Response, json_object, retry_after

#: The code of a reply that refuses a message for its buttons.
BUTTON_REFUSED = "button"

_GONE = Reply(result=AttemptResult.GONE)
_FAILED = Reply(result=AttemptResult.FAILED)
#: Refused as it is; something simpler may be taken.
_UNFIT = Reply(result=AttemptResult.PERMANENT_FAILURE, fallback=True)
_FROZEN = replace(_FAILED, repost=True)
_MISSING = replace(_FROZEN, missing=True)

#: By what the description contains, in lower case; the first that fits.
DESCRIPTIONS: tuple[tuple[str, Reply, str], ...] = (
    ("message is not modified", Reply(result=AttemptResult.DELIVERED), ""),
    ("message to edit not found", _MISSING, ""),
    ("message can't be edited", _FROZEN, ""),
    ("message to delete not found", _MISSING, ""),
    ("message can't be deleted", _FROZEN, ""),
    ("message_id_invalid", _MISSING, ""),
    ("in the message to edit", _FROZEN, ""),
    ("chat not found", _GONE, "there is no such chat, or the bot is not in it"),
    ("peer_id_invalid", _GONE, "there is no such chat, or the bot is not in it"),
    ("message thread not found", _GONE, "there is no such topic: see thread_id"),
    ("topic_deleted", _GONE, "the topic of thread_id was deleted"),
    ("topic_closed", _GONE, "the topic of thread_id is closed"),
    ("not enough rights to send photo", _UNFIT, ""),
    ("chat_send_photos_forbidden", _UNFIT, ""),
    ("chat_send_media_forbidden", _UNFIT, ""),
    ("have no rights to send", _GONE, "the bot may not write in this chat"),
    ("not enough rights", _GONE, "the bot may not write in this chat"),
    ("need administrator rights", _GONE, "the bot may not write in this chat"),
    ("chat_write_forbidden", _GONE, "the bot may not write in this chat"),
    ("chat_restricted", _GONE, "the bot may not write in this chat"),
    ("channel_private", _GONE, "the bot is not in this channel"),
    ("group chat was deactivated", _GONE, "the group was deleted"),
    (BUTTON_REFUSED, replace(_UNFIT, code=BUTTON_REFUSED), ""),
)
_CODES = {
    401: "the bot's token is not valid",
    403: "the bot is not let in",
    404: "there is no bot of this token",
}


def read(response: Response) -> Reply:
    """Read what Telegram answers. Never raises."""
    status, data = response.status or 0, json_object(response.body)
    if data.get("ok") is True:
        result = data.get("result")
        found = result.get("message_id") if isinstance(result, dict) else None
        is_id = isinstance(found, int) and not isinstance(found, bool)
        return Reply(
            result=AttemptResult.DELIVERED,
            message=str(found) if is_id else "",
        )
    if data.get("ok") is False:
        return _refusal(data, status)
    return Reply(
        result=AttemptResult.FAILED,
        detail=f"HTTP {status}, and not in Telegram's words",
        limited=status == 429,
        unclear=status < 400 or status >= 500,
    )


def describe(response: Response) -> str:
    """Return what came of a `bridge.channels.telegram.probe`, in words for a person."""
    reply = reply_to(response, read)
    if not reply.ok:
        return f"Telegram refuses it: {reply.detail}"
    result = json_object(response.body).get("result")
    chat = result if isinstance(result, dict) else {}
    name = chat.get("title") or chat.get("username") or chat.get("first_name") or "?"
    text = f"{chat.get('type', 'chat')} “{name}”"
    if chat.get("is_forum"):
        text += ", a forum: thread_id chooses the topic"
    return readable(text.encode(errors="replace"))


def _refusal(data: Mapping[str, object], status: int) -> Reply:
    given = data.get("parameters")
    parameters = given if isinstance(given, dict) else {}
    code = data.get("error_code")
    code = code if isinstance(code, int) else status
    text = str(data.get("description") or f"error {code}")
    words = readable(text.encode(errors="replace"))[:200]
    reply, why = _reply_of(code, words.lower())
    if (moved := parameters.get("migrate_to_chat_id")) is not None:
        reply = _GONE
        why = f"the group has become a supergroup: its chat_id is {moved} now"
    if reply.ok:
        return reply
    return replace(
        reply,
        detail=f"{why} ({words})" if why else words,
        retry_after=retry_after(str(parameters.get("retry_after")), now=None),
        limited=code == 429,
        unclear=code >= 500,
    )


def _reply_of(code: int, words: str) -> tuple[Reply, str]:
    if code == 429 or code >= 500:
        return _FAILED, ""
    if code in _CODES:
        return _GONE, _CODES[code]
    for part, reply, why in DESCRIPTIONS:
        if part in words:
            return reply, why
    return _UNFIT, ""
