"""Phrases: the parts of a message that are put into words of a language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from bridge.channels.strings import Strings
from bridge.channels.text import clean, cut, line, utf16
from bridge.core.button import is_drawn
from bridge.core.cadence import Loss

#: An upscaled picture has 14; of more, the first are named.
_MOST_STEPS = 16
_LABEL = 30
#: UTF-16 units of labels that stand side by side: ``U1 U2 U3 U4``.
_SHORT = 4


def headline_of(
    kind: str, action: str, data: Mapping[str, Any], strings: Strings
) -> str:
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


def duration_of(seconds: float, strings: Strings) -> str:
    """Write a duration in the two units that matter."""
    hours, rest = divmod(round(seconds), 3600)
    parts = ((hours, strings.hours), (rest // 60, strings.minutes))
    if not hours:
        parts = (parts[1], (rest % 60, strings.seconds))
    shown = [form.format(count) for count, form in parts if count]
    return " ".join(shown) or strings.seconds.format(0)


def reason_of(loss: Loss | None, reason: Any, strings: Strings) -> str:
    """Return a reason: our own in the language of the rest, anybody else's as it came."""
    if loss is not None and loss.kind in strings.lost:
        return strings.lost[loss.kind].format(duration_of(loss.seconds, strings))
    return clean(reason)


def steps_of(buttons: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
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
