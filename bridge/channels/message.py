"""
A message: what there is to say about an event, before any platform's form.

Every channel makes its payload from this, so that what is worth telling is decided once.
Texts are cleaned and on no platform escaped yet: whoever puts one into a payload escapes
it. `headline` holds only our own words and names from the configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.strings import WORDS, Words
from bridge.channels.text import clean, cut, line, utf16
from bridge.core.button import is_drawn
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
#: An upscaled picture has 14; of more, the first are named.
_MOST_STEPS = 16
_LABEL = 30
#: UTF-16 units of labels that stand side by side: ``U1 U2 U3 U4``.
_SHORT = 4
_RESULTS = frozenset({"task.succeeded", "task.corrected"})
_FINAL = frozenset(
    f"task.{end}" for end in ("succeeded", "failed", "cancelled", "lost", "corrected")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What to say.

    Attributes:
        type: The event's.

        emoji: One that tells the status.

        color: The same, as 0xRRGGBB.

        headline: What happened, in a few words, without the emoji.

        took: How long the task took, in words; ``None`` if it is not over or unknown.

        prompt: At most ``prompt_max`` UTF-16 units; empty for an operator's event.

        result: A result that is a text.

        reason: Why it failed, was lost, or what is wrong.

        progress: 0 to 100, while the task runs.

        picture: The picture's URL, as the upstream gave it; http or https.

        videos: URLs of videos, http or https.

        steps: What can be done next, as the labels of the buttons; short ones of a kind
            (``U1 U2 U3 U4``) are one step, and to begin again is the last.

        task_id: Empty for an operator's event.

        upstream: The upstream's name; empty if the event concerns none.

        at: When it happened, in seconds since the epoch.

        started: When the task was started, in seconds since the epoch.

        expires: When the picture's URL ends to work, in seconds since the epoch.

        since: When an operator's event began to be true, in seconds since the epoch.

        final: Whether nothing more will come of the task.

        shows: Whether the picture and the videos are the result: that of a running task
            is a first look at it, that of a failed one is left over from before.

        sample: Whether somebody only tries how it looks.

        words: Of the language.
    """

    type: str
    emoji: str
    color: int
    headline: str
    took: str | None
    prompt: str
    result: str | None
    reason: str | None
    progress: int | None
    picture: str | None
    videos: tuple[str, ...]
    steps: tuple[str, ...]
    task_id: str
    upstream: str
    at: float
    started: float | None
    expires: float | None
    since: float | None
    final: bool
    shows: bool
    sample: bool
    words: Words

    def expired(self, at: float) -> bool:
        """Whether the picture's URL has ended to work by a moment."""
        return self.expires is not None and self.expires <= at

    @property
    def alt(self) -> str:
        """Describe the picture to who does not see it."""
        if self.prompt == self.words.no_prompt:
            return self.headline
        return self.words.picture_of.format(prompt=line(self.prompt))

    @property
    def title(self) -> str:
        """Emoji and headline, with how long it took."""
        took = f" · {self.took}" if self.took else ""
        return f"{self.emoji} {self.headline}{took}"


def message_of(
    event: Event, *, language: str = "en", prompt_max: int = 1000
) -> Message:
    """
    Say what there is to say about an event.

    Args:
        event: Any event; its body is ours, so it has every field.

        language: One of `WORDS`.

        prompt_max: UTF-16 units of the prompt that are shown.
    """
    words = WORDS[language]
    data: Mapping[str, Any] = json.loads(event.body)["data"]
    emoji, color = _LOOKS[event.type]
    told = data.get("event", {}).get("data", {}) if "event" in data else data
    action = str(told.get("action") or "").upper()
    failed = (
        data.get("failReason") if event.type.startswith("task.") else data["reason"]
    )
    prompt = cut(clean(told.get("prompt")), prompt_max)
    running = event.type in {"task.started", "task.progress"}
    shows = event.type in _RESULTS and told.get("status") == "SUCCESS"
    return Message(
        type=event.type,
        emoji=emoji,
        color=color,
        headline=_headline(event.type, action, data, words),
        took=_took(told, words) if event.type in _FINAL else None,
        prompt=prompt or (words.no_prompt if told.get("id") else ""),
        result=_result(action, told, prompt_max) if shows else None,
        reason=_reason(event, failed, words),
        progress=told.get("progress") if running else None,
        picture=_url(told.get("imageUrl")),
        videos=tuple(url for one in told.get("videoUrls", ()) if (url := _url(one))),
        steps=_next(event.type, told, words, shows=shows),
        task_id=line(told.get("id")),
        upstream=event.upstream or "",
        at=event.at,
        started=_seconds(told.get("startTime")),
        expires=_seconds(told.get("imageExpiresAt")),
        since=_seconds(data.get("since")),
        final=event.type in _FINAL,
        shows=shows,
        sample=bool(
            isinstance(meta := told.get("metadata"), dict) and meta.get("sample")
        ),
        words=words,
    )


def _headline(kind: str, action: str, data: Mapping[str, Any], words: Words) -> str:
    known = words.actions.get(action)
    if known is None and re.fullmatch(r"[A-Z][A-Z_]{1,30}", action):
        known = action.replace("_", " ").capitalize()
    name = data.get("endpoint") or data.get("upstream") or ""
    said = words.headlines[kind]
    if kind == "task.corrected":
        said = words.corrected.get(str(data.get("status")), said)
    return said.format(what=known or words.task, name=name)


def _took(data: Mapping[str, Any], words: Words) -> str | None:
    began = _seconds(data.get("startTime")) or _seconds(data.get("submitTime"))
    ended = _seconds(data.get("finishTime"))
    if began is None or ended is None or not 0 <= ended - began < 86400:
        return None
    return _span(ended - began, words)


def _span(seconds: float, words: Words) -> str:
    """Say how long something was, in the two units that matter."""
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, words.hours), (rest // 60, words.minutes))
    if not hours:
        parts = (parts[1], (rest % 60, words.seconds))
    said = [form.format(count) for count, form in parts if count]
    return " ".join(said) or words.seconds.format(0)


def _reason(event: Event, reason: Any, words: Words) -> str | None:
    """Say why; a reason of our own in the language of the rest, anybody else's as it came."""
    loss = event.loss
    if loss is not None and loss.kind in words.lost:
        return words.lost[loss.kind].format(_span(loss.seconds, words))
    return clean(reason) or None


def _result(action: str, data: Mapping[str, Any], most: int) -> str | None:
    if action not in _TEXT_RESULTS:
        return None
    return cut(clean(data.get("promptEn") or data.get("finalPrompt")), most) or None


def _next(
    kind: str, data: Mapping[str, Any], words: Words, *, shows: bool
) -> tuple[str, ...]:
    if kind == "task.action_required":
        return (words.modal,)
    return _steps(data) if shows else ()


def _steps(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Label the buttons as people know them; custom emoji names are nothing to show."""
    known = [button for button in data.get("buttons", ()) if button["kind"] != "other"]
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


def _url(url: Any) -> str | None:
    """Return a URL that could be fetched; gateways also send relative ones."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _seconds(moment: Any) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None
