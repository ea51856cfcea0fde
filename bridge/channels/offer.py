"""Offers: which of a task's buttons people can press, and how they are laid out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bridge.channels.message import MessageButton
from bridge.channels.text import cut, line
from bridge.core.button import is_drawn
from bridge.core.task import TaskKey
from bridge.core.token import ActionLinks, Purpose, button_name

#: UTF-16 units of a label.
_LABEL = 30
#: Buttons side by side, and rows of them: what Discord takes beside a row of links.
_ROW, _MAX_ROWS = 5, 4
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")

#: A button as events spell it.
EventButton = Mapping[str, Any]


def pressable(buttons: Iterable[EventButton]) -> list[EventButton]:
    """
    Return the buttons that can be pressed where people see the picture, each label once.

    Left out are those that mean nothing outside Midjourney, and those that want a mask to be
    drawn; to begin again is the last.
    """
    found: dict[str, EventButton] = {}
    for button in by_kind(buttons):
        if button["kind"] != "inpaint" and (label := label_of(button)):
            found.setdefault(label, button)
    return list(found.values())


def by_kind(buttons: Iterable[EventButton]) -> list[EventButton]:
    """Return the buttons whose kind is known; to begin again is the last."""
    known = [button for button in buttons if button["kind"] != "other"]
    return sorted(known, key=lambda button: bool(button["kind"] == "reroll"))


def label_of(button: EventButton) -> str:
    """Return what is printed on a button; empty where there is nothing that can be drawn."""
    drawn = button["emoji"] if is_drawn(button["emoji"]) else None
    return cut(line(button["label"] or drawn), _LABEL)


def anchor_of(button: EventButton) -> str:
    """Return what a link to the page ends with, to mark a button there."""
    plain = _PLAIN.sub("-", label_of(button)).strip("-")
    return plain or button_name(str(button["customId"]))


def rows_of(
    buttons: Iterable[EventButton],
    links: ActionLinks,
    task: TaskKey,
    *,
    endpoint: str,
    purpose: Purpose,
    now: float,
    without: Collection[str] = (),
) -> tuple[tuple[MessageButton, ...], ...]:
    """
    Lay buttons out for a platform: those of a kind side by side, short rows together.

    Args:
        buttons: The task's.

        links: Signs them.

        endpoint: Where they are shown.

        without: Ids of buttons that are left out.
    """
    page = links.page(task, endpoint, now=now)
    rows: list[list[MessageButton]] = []
    kind = None
    for button in pressable(buttons):
        custom_id = str(button["customId"])
        if custom_id in without:
            continue
        if not rows or button["kind"] != kind or len(rows[-1]) == _ROW:
            rows.append([])
        kind = button["kind"]
        rows[-1].append(
            MessageButton(
                label=label_of(button),
                token=links.button(purpose, task, endpoint, custom_id, now=now),
                asks=bool(button["needsModal"]),
                page=f"{page}#{anchor_of(button)}" if page else None,
            )
        )
    joined: list[list[MessageButton]] = []
    for row in rows:
        if joined and len(joined[-1]) + len(row) <= _ROW:
            joined[-1] += row
        else:
            joined.append(row)
    return tuple(tuple(row) for row in joined[:_MAX_ROWS])
