"""Composing: an event as a `bridge.channels.message.Message`, in its endpoint's language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.message import Message
from bridge.channels.offer import by_kind, label_of, rows_of
from bridge.channels.strings import STRINGS, Strings
from bridge.channels.text import clean, cut, line, utf8, utf16
from bridge.channels.urls import is_public, safe_url
from bridge.core.archive import Archived
from bridge.core.cadence import Loss
from bridge.core.change import ChangeType
from bridge.core.event import ARCHIVED, Event
from bridge.core.task import TaskKey
from bridge.core.token import Purpose

#: Seen at a glance, in this order of preference: the colour, the emoji, the words.
_APPEARANCE = {
    "task.submitted": ("🕓", 0x95A5A6),
    "task.started": ("🎨", 0x3498DB),
    "task.progress": ("🎨", 0x3498DB),
    "task.action_required": ("✋", 0xF1C40F),
    "task.succeeded": ("✅", 0x2ECC71),
    "task.failed": ("❌", 0xE74C3C),
    "task.cancelled": ("🚫", 0x7F8C8D),
    "task.lost": ("❓", 0xE67E22),
    "task.corrected": ("📝", 0x9B59B6),
    ARCHIVED: ("🗂️", 0x2ECC71),
    "endpoint.disabled": ("🔕", 0xE74C3C),
    "endpoint.recovered": ("💚", 0x2ECC71),
    "upstream.unhealthy": ("🔌", 0xE74C3C),
    "upstream.recovered": ("💚", 0x2ECC71),
    "delivery.dead": ("💀", 0xE74C3C),
    "archive.full": ("🗄️", 0xE67E22),
    "action.refused": ("🚫", 0xE67E22),
    "action.unknown": ("❓", 0xF1C40F),
    "rule.limited": ("🚦", 0xF1C40F),
}
#: Results of these are texts, which gateways put into ``promptEn``.
_TEXT_RESULTS = frozenset({"DESCRIBE", "SHORTEN"})
#: Events whose messages may offer buttons.
OFFERING = _RESULTS = frozenset({"task.succeeded", "task.corrected", ARCHIVED})
_FINAL = frozenset(
    f"task.{end}" for end in ("succeeded", "failed", "cancelled", "lost", "corrected")
)
#: Files that are not pictures, whatever a gateway calls them, or that few clients can draw.
_UNDRAWN = (".mp4", ".webm", ".mov", ".m4v", ".svg", ".avif", ".json", ".html")
#: An upscaled picture has 14; of more, the first are named.
_MAX_STEPS = 16
#: UTF-16 units of labels that stand side by side: ``U1 U2 U3 U4``.
_SHORT = 4


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


def message_of(
    event: Event, *, language: str = "en", prompt_max: int = 1000
) -> Message:
    """
    Return what there is to say about an event, whatever endpoint it goes to.

    Args:
        event: Any event; its body is ours, so it has every field.

        language: One of `STRINGS`.

        prompt_max: UTF-16 units of the prompt that are shown.
    """
    strings = STRINGS[language]
    data: Mapping[str, Any] = json.loads(event.body)["data"]
    emoji, color = _APPEARANCE[event.type]
    task = data.get("event", {}).get("data", {}) if "event" in data else data
    action = str(task.get("action") or "").upper()
    failed = (
        data.get("failReason") if event.type.startswith("task.") else data["reason"]
    )
    running = event.type in {"task.started", "task.progress"}
    shows = event.type in _RESULTS and task.get("status") == "SUCCESS"
    result = _result(action, task, prompt_max) if shows else ""
    # A picture that was described has no prompt, and nobody misses one.
    unprompted = strings.no_prompt if task.get("id") and not result else ""
    steps = _steps(task.get("buttons", ())) if shows else ()
    if event.type == "task.action_required":
        steps = (strings.modal,)
    meta = task.get("metadata")
    return Message(
        type=event.type,
        emoji=emoji,
        color=color,
        headline=_headline(event.type, action, data, strings),
        duration=_task_duration(task, strings) if event.type in _FINAL else None,
        prompt=cut(clean(task.get("prompt")), prompt_max) or unprompted,
        result=result,
        reason=_reason(event.loss, failed, strings),
        progress=task.get("progress") if running else None,
        picture=_url(task.get("imageUrl")),
        videos=tuple(url for one in task.get("videoUrls", ()) if (url := _url(one))),
        steps=steps,
        task_id=line(task.get("id")),
        upstream=event.upstream or "",
        at=event.at,
        started=_seconds(task.get("startTime")),
        expires=_seconds(task.get("imageExpiresAt")),
        since=_seconds(data.get("since")),
        final=event.type in _FINAL,
        shows=shows,
        sample=isinstance(meta, dict) and bool(meta.get("sample")),
        strings=strings,
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


# --- what an event says ---------------------------------------------------------------


def _result(action: str, task: Mapping[str, Any], limit: int) -> str:
    if action not in _TEXT_RESULTS:
        return ""
    return cut(clean(task.get("promptEn") or task.get("finalPrompt")), limit)


def _url(url: Any) -> str | None:
    """Return a URL that could be fetched; gateways also send relative ones."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _task_duration(task: Mapping[str, Any], strings: Strings) -> str | None:
    began = _seconds(task.get("startTime")) or _seconds(task.get("submitTime"))
    ended = _seconds(task.get("finishTime"))
    if began is None or ended is None or not 0 <= ended - began < 86400:
        return None
    return _duration(ended - began, strings)


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None


# --- in words -------------------------------------------------------------------------


def _headline(
    event_type: str, action: str, data: Mapping[str, Any], strings: Strings
) -> str:
    """
    Return what happened, in a few words.

    Args:
        event_type: The event's type.

        action: The task's, in capitals; one that we have no words for is spelled out.

        data: The event's.
    """
    known = strings.actions.get(action)
    if known is None and re.fullmatch(r"[A-Z][A-Z_]{1,30}", action):
        known = action.replace("_", " ").capitalize()
    about = ("endpoint", "upstream", "archive", "rule")
    name = next((data[one] for one in about if data.get(one)), "")
    text = strings.headlines[event_type]
    if event_type == "task.corrected":
        text = strings.corrected.get(str(data.get("status")), text)
    label = clean(data.get("label")) or "?"
    return text.format(what=known or strings.task, name=name, label=label)


def _duration(seconds: float, strings: Strings) -> str:
    """Write a duration in the two units that matter."""
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, strings.hours), (rest // 60, strings.minutes))
    if not hours:
        parts = (parts[1], (rest % 60, strings.seconds))
    shown = [form.format(count) for count, form in parts if count]
    return " ".join(shown) or strings.seconds.format(0)


def _reason(loss: Loss | None, reason: Any, strings: Strings) -> str:
    """Return a reason: our own in the language of the rest, anybody else's as it came."""
    if loss is not None and loss.cause in strings.lost:
        return strings.lost[loss.cause].format(_duration(loss.seconds, strings))
    return clean(reason)


def _steps(buttons: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """
    Label buttons as people know them; names of custom emoji show nothing.

    Short labels of a kind (``U1 U2 U3 U4``) are one step, and to begin again is the last.
    """
    found: dict[str, str] = {}  # by label: the kind
    for button in by_kind(buttons):
        if label := label_of(button):
            found.setdefault(label, button["kind"])
    groups: list[list[str]] = []
    before = ""
    for label, kind in islice(found.items(), _MAX_STEPS):
        short = " " not in label and utf16(label) <= _SHORT
        if short and kind == before:
            groups[-1].append(label)
        else:
            groups.append([label])
        before = kind if short else ""
    more = ("…",) if len(found) > _MAX_STEPS else ()
    return (*(" ".join(group) for group in groups), *more)
