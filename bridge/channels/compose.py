"""
Composing: an event as a `bridge.channels.message.Message`, as its endpoint's settings want it.

What is said is in `bridge.channels.wording`; here is which picture is shown, what can be opened
and what can be pressed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.message import Message
from bridge.channels.offer import rows_of
from bridge.channels.text import utf8
from bridge.channels.urls import is_public, safe_url
from bridge.channels.wording import message_of
from bridge.core.archive import Archived
from bridge.core.change import ChangeType
from bridge.core.event import ARCHIVED
from bridge.core.task import TaskKey
from bridge.core.token import Purpose

#: Files that are not pictures, whatever a gateway calls them, or that few clients can draw.
_UNDRAWN = (".mp4", ".webm", ".mov", ".m4v", ".svg", ".avif", ".json", ".html")


def message_for(context: DeliveryContext, *, links_limit: int | None = None) -> Message:
    """
    Make the message of a delivery, as its endpoint's settings want it.

    Args:
        links_limit: Bytes that the URLs of all links together may have.
    """
    options = ChatOptions.of(context.endpoint)
    message = message_of(
        context.event, language=options.language, prompt_max=options.prompt_max
    )
    message = _kept(message, context.archived)
    expired = message.expires is not None and message.expires <= context.now
    message = replace(message, expired=expired, options=options)
    links = tuple(_links(message, limit=links_limit))
    return replace(
        message,
        public_picture=_public_picture(message),
        links=links,
        notes=tuple(_notes(message, linked=bool(links))),
        **_offer(context, message),
    )


def is_old_news(context: DeliveryContext) -> bool:
    """Whether an event says that pictures were kept, where the end of their task is reported."""
    return context.event.type == ARCHIVED and context.endpoint.hears_of(
        ChangeType.SUCCEEDED
    )


# --- what is shown, and what can be opened --------------------------------------------


def _kept(message: Message, archived: Archived | None) -> Message:
    """Let a message have the picture that was kept, and its URL, which lasts, if it is public."""
    files = archived.files if archived is not None else ()
    kept = next((one for one in files if one.type.startswith("image/")), None)
    if kept is None:
        return message
    message = replace(message, kept=kept, expires=None)
    return replace(message, picture=kept.url) if is_public(kept.url) else message


def _public_picture(message: Message) -> str | None:
    wanted = message.shows and message.options.images != "none" and not message.expired
    shown = safe_url(message.picture) if wanted else None
    if shown is None or not is_public(shown):
        return None
    return None if urlsplit(shown).path.lower().endswith(_UNDRAWN) else shown


def _links(message: Message, *, limit: int | None) -> Iterator[tuple[str, str]]:
    """Label what can be opened; of a video not its still, and nothing that has expired."""
    if not message.shows:
        return
    strings = message.strings
    label, urls = strings.watch, message.videos
    if not urls:
        label, urls = strings.open, () if message.expired else (message.picture or "",)
    safe = (safe_url(url, schemes=("https", "http")) for url in urls)
    public = dict.fromkeys(url for url in safe if url and is_public(url))
    for number, url in enumerate(public, start=1):
        if limit is not None:
            if utf8(url) > limit:
                continue
            limit -= utf8(url)
        yield f"{label} {number}" if len(public) > 1 else label, url


def _notes(message: Message, *, linked: bool) -> Iterator[str]:
    if message.sample:
        yield message.strings.sample
    elif message.shows and message.picture and not linked:
        # Where pictures are unwanted, its link is missed all the same.
        yield message.unshown or message.strings.not_shown


# --- what can be pressed --------------------------------------------------------------


def _offer(context: DeliveryContext, message: Message) -> dict[str, Any]:
    """Return the fields that offer a task's buttons, as its endpoint wants them offered."""
    links, how = context.links, message.options.buttons
    if links is None or how == "off" or not message.steps or not message.shows:
        return {}
    task, name = TaskKey.read(context.event.subject), context.endpoint.name
    if how == "link":
        return {"page": links.page(task, name, now=context.now)}
    buttons = rows_of(
        json.loads(context.event.body)["data"]["buttons"],
        links,
        task,
        endpoint=name,
        purpose=Purpose(context.endpoint.kind),
        now=context.now,
    )
    return {"buttons": buttons, "steps": ()} if buttons else {}
