"""
Inbound: what Telegram sends when a button is pressed, and what it is sent back.

Telegram does not sign. A request proves itself by the secret that the webhook was set up with;
what is fetched by long polling needs no proof.
Source: Telegram Bot API, "setWebhook", "CallbackQuery" and "answerCallbackQuery".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest

from bridge.channels.interaction import (
    MAX_NAME,
    NOTHING,
    Acknowledgement,
    Inbound,
    Interaction,
    Reaction,
    header,
    objects,
    refused,
    within,
    words,
)
from bridge.channels.message import MessageButton
from bridge.channels.telegram import api
from bridge.channels.text import cut, line
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import Request, json_object

#: Characters of what pops up after a press.
_MAX_POPUP = 190
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def read(
    body: bytes, headers: Mapping[str, str], now: float, secrets: Sequence[str]
) -> Inbound:
    """
    Read a request to ``/interactions/telegram/<endpoint>``. Never raises.

    Args:
        headers: Names in lower case.

        now: Is not looked at: an update says no time of its own.

        secrets: What the webhook was set up with, any of which may come along.
    """
    del now
    given = header(headers, "x-telegram-bot-api-secret-token")
    shown = given.encode("utf-8", "surrogatepass")
    valid = False
    for secret in secrets:
        valid |= compare_digest(secret.encode("utf-8", "surrogatepass"), shown)
    if not valid:
        return refused("the secret is not the one that the webhook was set up with")
    return update(json_object(body))


def update(data: Mapping[str, object]) -> Inbound:
    """Read an update that is proven to be Telegram's. Never raises."""
    query = within(data, "callback_query")
    token = words(query, "data")
    if not token:
        return Acknowledgement()
    user = within(query, "from")
    username = words(user, "username")
    # The message may be too old for Telegram to show, or be missing altogether.
    message = within(query, "message")
    chat = words(message, "chat", "id")
    handle = words(message, "chat", "username")
    label = ""
    rows = within(message, "reply_markup", "inline_keyboard")
    for row in rows if isinstance(rows, list) else []:
        for button in objects({"row": row}, "row"):
            if button.get("callback_data") == token:
                label = words(button, "text")
    return Interaction(
        token=token,
        user=words(user, "id"),
        name=line(f"@{username}" if username else words(user, "first_name"))[:MAX_NAME],
        places=frozenset({chat, f"@{handle}" if handle else ""} - {""}),
        message=words(message, "message_id"),
        channel=chat,
        label=label,
        reply=words(query, "id"),
        shown=tuple(
            {"row": row} for row in (rows if isinstance(rows, list) else [])[:20]
        ),
        unique=words(data, "update_id"),
    )


def may_come_from(interaction: Interaction, endpoint: Endpoint) -> bool:
    """Whether it happened in the endpoint's chat."""
    wanted = api.chat_of(endpoint).casefold()
    return wanted in {one.casefold() for one in interaction.places}


def accept(endpoint: Endpoint, interaction: Interaction) -> Reaction:
    """Take a click; until that is said, the button shows that it waits."""
    return Reaction(request=_popup(endpoint, interaction, "", alert=False))


def turn_away(endpoint: Endpoint, interaction: Interaction, text: str) -> Reaction:
    """Say something to whoever pressed, in place of doing what they want."""
    return Reaction(request=_popup(endpoint, interaction, text, alert=True))


def open_form(
    endpoint: Endpoint,  # noqa: ARG001 - it makes no difference
    interaction: Interaction,  # noqa: ARG001
    title: str,  # noqa: ARG001
    prompt: str,  # noqa: ARG001
) -> None:
    """Telegram has no forms."""
    return


def tell(endpoint: Endpoint, interaction: Interaction, text: str) -> Request | None:  # noqa: ARG001 - it makes no difference
    """Telegram lets a click be answered once, and it has been."""
    return None


def mark(
    endpoint: Endpoint,
    interaction: Interaction,
    lines: Sequence[str],
    rows: Sequence[Sequence[MessageButton]],
) -> Request | None:
    """Put what was pressed in the place of the message's buttons, and those that are left."""
    if not _NUMBER.fullmatch(interaction.message):
        return None
    said: list[Json] = [
        [{"text": cut(line(text), 60), "callback_data": NOTHING}] for text in lines[-6:]
    ]
    links: list[Json] = []
    for row in interaction.shown:
        urls: list[Json] = [
            dict(one)
            for one in objects(row, "row")
            if "url" in one and "/a/" not in str(one["url"])
        ]
        if urls:
            links.append(urls)
    body: dict[str, Json] = {
        "chat_id": api.chat(endpoint),
        "message_id": int(interaction.message),
        "reply_markup": {
            "inline_keyboard": [*said, *api.pressed_rows(rows), *links],
        },
    }
    return api.call(endpoint, "editMessageReplyMarkup", body)


def _popup(
    endpoint: Endpoint, interaction: Interaction, text: str, *, alert: bool
) -> Request:
    body: dict[str, Json] = {"callback_query_id": interaction.reply}
    if text:
        body |= {"text": cut(text, _MAX_POPUP), "show_alert": alert}
    return api.call(endpoint, "answerCallbackQuery", body)
