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
from bridge.channels.endpoint_options import ChatOptions, RobotOptions
from bridge.channels.message import Message
from bridge.channels.strings import STRINGS, Strings
from bridge.channels.text import clean, cut, line, utf8, utf16
from bridge.channels.urls import is_public, safe_url
from bridge.core.button import is_drawn
from bridge.core.cadence import Loss
from bridge.core.event import Event

#: Seen at a glance, in this order of preference: the colour, the emoji, the words.
_LOOKS = {
    "task.submitted": ("🕓", 0x95A5A6),
    "task.started": ("🎨", 0x3498DB),
    "task.progress": ("🎨", 0x3498DB),
    "task.action_required": ("✋", 0xF1C40F),
    "task.succeeded": ("✅", 0x2ECC71),
    "task.failed": ("❌", 0xE74C3C),
    "task.cancelled": ("🚫", 0x7F8C8D),
    "task.lost": ("❓", 0xE67E22),
    "task.corrected": ("📝", 0x9B59B6),
    "endpoint.disabled": ("🔕", 0xE74C3C),
    "endpoint.recovered": ("💚", 0x2ECC71),
    "upstream.unhealthy": ("🔌", 0xE74C3C),
    "upstream.recovered": ("💚", 0x2ECC71),
    "delivery.dead": ("💀", 0xE74C3C),
}
#: Results of these are texts, which gateways put into ``promptEn``.
_TEXT_RESULTS = frozenset({"DESCRIBE", "SHORTEN"})
_RESULTS = frozenset({"task.succeeded", "task.corrected"})
_FINAL = frozenset(
    f"task.{end}" for end in ("succeeded", "failed", "cancelled", "lost", "corrected")
)
#: Characters; longer keywords are nobody's: Feishu takes words of 10.
_KEYWORD = 60
#: Files that are not pictures, whatever a gateway calls them, or that few clients can draw.
_UNDRAWN = (".mp4", ".webm", ".mov", ".m4v", ".svg", ".avif", ".json", ".html")
#: An upscaled picture has 14; of more, the first are named.
_MOST_STEPS = 16
_LABEL = 30
#: UTF-16 units of labels that stand side by side: ``U1 U2 U3 U4``.
_SHORT = 4


def message_for(context: DeliveryContext, *, links_most: int | None = None) -> Message:
    """
    Make the message of a delivery, as its endpoint's settings want it.

    Args:
        links_most: Bytes that the URLs of all links together may have.
    """
    options = ChatOptions.of(context.endpoint)
    message = message_of(
        context.event, language=options.language, prompt_max=options.prompt_max
    )
    expired = message.expired(context.at)
    links = tuple(_links(message, expired=expired, most=links_most))
    unwanted = options.images == "none"
    keyword = (options.keyword or "") if isinstance(options, RobotOptions) else ""
    return replace(
        message,
        public_picture=None if unwanted or expired else _public_picture(message),
        links=links,
        notes=tuple(_notes(message, linked=bool(links), expired=expired)),
        keyword=keyword[:_KEYWORD],
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
    emoji, color = _LOOKS[event.type]
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
        took=_took(task, strings) if event.type in _FINAL else None,
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


def _public_picture(message: Message) -> str | None:
    shown = safe_url(message.picture) if message.shows else None
    if shown is None or not is_public(shown):
        return None
    return None if urlsplit(shown).path.lower().endswith(_UNDRAWN) else shown


def _links(
    message: Message, *, expired: bool, most: int | None
) -> Iterator[tuple[str, str]]:
    """Label what can be opened; of a video not its still, and nothing that has expired."""
    if not message.shows:
        return
    strings = message.strings
    label, urls = strings.watch, message.videos
    if not urls:
        label, urls = strings.open, () if expired else (message.picture or "",)
    safe = (safe_url(url, schemes=("https", "http")) for url in urls)
    public = dict.fromkeys(url for url in safe if url and is_public(url))
    for number, url in enumerate(public, start=1):
        if most is not None:
            if utf8(url) > most:
                continue
            most -= utf8(url)
        yield f"{label} {number}" if len(public) > 1 else label, url


def _notes(message: Message, *, linked: bool, expired: bool) -> Iterator[str]:
    strings = message.strings
    if message.sample:
        yield strings.sample
    elif message.shows and message.picture and not linked:
        yield strings.expired if expired and not message.videos else strings.not_shown


# --- what an event says ---------------------------------------------------------------


def _result(action: str, task: Mapping[str, Any], most: int) -> str:
    if action not in _TEXT_RESULTS:
        return ""
    return cut(clean(task.get("promptEn") or task.get("finalPrompt")), most)


def _url(url: Any) -> str | None:
    """Return a URL that could be fetched; gateways also send relative ones."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _took(task: Mapping[str, Any], strings: Strings) -> str | None:
    began = _seconds(task.get("startTime")) or _seconds(task.get("submitTime"))
    ended = _seconds(task.get("finishTime"))
    if began is None or ended is None or not 0 <= ended - began < 86400:
        return None
    return _duration(ended - began, strings)


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None


# --- in words -------------------------------------------------------------------------


def _headline(kind: str, action: str, data: Mapping[str, Any], strings: Strings) -> str:
    """
    Return what happened, in a few words.

    Args:
        kind: The event's type.

        action: The task's, in capitals; one that we have no words for is spelled out.

        data: The event's.
    """
    known = strings.actions.get(action)
    if known is None and re.fullmatch(r"[A-Z][A-Z_]{1,30}", action):
        known = action.replace("_", " ").capitalize()
    name = data.get("endpoint") or data.get("upstream") or ""
    text = strings.headlines[kind]
    if kind == "task.corrected":
        text = strings.corrected.get(str(data.get("status")), text)
    return text.format(what=known or strings.task, name=name)


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
    if loss is not None and loss.kind in strings.lost:
        return strings.lost[loss.kind].format(_duration(loss.seconds, strings))
    return clean(reason)


def _steps(buttons: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """
    Label buttons as people know them; names of custom emoji show nothing.

    Short labels of a kind (``U1 U2 U3 U4``) are one step, and to begin again is the last.
    """
    known = [button for button in buttons if button["kind"] != "other"]
    found: dict[str, str] = {}  # by label: the kind
    for button in sorted(known, key=lambda button: button["kind"] == "reroll"):
        drawn = button["emoji"] if is_drawn(button["emoji"]) else None
        if label := cut(line(button["label"] or drawn), _LABEL):
            found.setdefault(label, button["kind"])
    groups: list[list[str]] = []
    before = ""
    for label, kind in islice(found.items(), _MOST_STEPS):
        short = " " not in label and utf16(label) <= _SHORT
        if short and kind == before:
            groups[-1].append(label)
        else:
            groups.append([label])
        before = kind if short else ""
    more = ("…",) if len(found) > _MOST_STEPS else ()
    return (*(" ".join(group) for group in groups), *more)
