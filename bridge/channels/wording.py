"""Wording: what there is to say about an event, in a language, whatever endpoint it goes to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.message import Message
from bridge.channels.offer import by_kind, label_of
from bridge.channels.strings import STRINGS, Strings
from bridge.channels.text import clean, cut, line, utf16
from bridge.core.cadence import Loss
from bridge.core.event import ARCHIVED, Event

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
#: An upscaled picture has 14; of more, the first are named.
_MAX_STEPS = 16
#: UTF-16 units of labels that stand side by side: ``U1 U2 U3 U4``.
_SHORT = 4


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
