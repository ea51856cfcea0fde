"""What the page behind an action link shows of a task: its buttons, and what was pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.app.ports import TaskRow
from bridge.app.views.actions import Action
from bridge.channels.offer import anchor_of, label_of, pressable
from bridge.channels.urls import safe_url
from bridge.core.action import ActionState, is_pressed_once
from bridge.core.event_data import snapshot_json
from bridge.core.task import TaskStatus
from bridge.core.token import button_name

#: States of presses on which something is still to come.
UNDER_WAY = {ActionState.PENDING, ActionState.SENDING, ActionState.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    A button as the page offers it.

    Attributes:
        name: What the form sends of it.

        anchor: What ``#...`` preselects it by.

        asks: Whether it wants a prompt.

        pressed: The press of it that counts for ever; ``None`` if it can be pressed.
    """

    name: str
    custom_id: str
    label: str
    anchor: str
    asks: bool
    pressed: Action | None


def choices_of(row: TaskRow, presses: Sequence[Action]) -> list[Choice]:
    """Return a finished task's buttons; those that ask for a prompt come last."""
    data = snapshot_json(row.snapshot) if row.snapshot else {}
    buttons: Any = data.get("buttons", [])
    done = {
        one.custom_id: one
        for one in presses
        if one.state is ActionState.ACCEPTED or one.state in UNDER_WAY
    }
    finished = row.status == TaskStatus.SUCCESS
    choices = [
        Choice(
            name=button_name(str(one["customId"])),
            custom_id=str(one["customId"]),
            label=label_of(one),
            anchor=anchor_of(one),
            asks=bool(one["needsModal"]),
            pressed=done.get(str(one["customId"]))
            if is_pressed_once(one["kind"])
            else None,
        )
        for one in (pressable(buttons) if finished else ())
    ]
    return sorted(choices, key=lambda one: one.asks)


def shown_press(action: Action, child: TaskRow | None) -> Mapping[str, Any]:
    """Return a press as the page shows it: who pressed what, and what came of it."""
    whose, _, who = action.by.partition(":")
    return {
        "id": action.id,
        "label": action.label or "…",
        "by": who or whose,
        "state": str(action.state),
        "reason": action.reason or "",
        "can_undo": action.state is ActionState.PENDING,
        "child": action.child_id,
        "status": child.status if child else None,
        "progress": child.snapshot.progress if child and child.snapshot else None,
        "picture": picture_of(child) if child else None,
    }


def picture_of(row: TaskRow) -> str | None:
    """Return where a task's picture is: the one that was kept, which lasts, if there is one."""
    kept = row.archived.files if row.archived else ()
    pictures = [file.url for file in kept if file.type.startswith("image/")]
    pictures += [row.snapshot.image_url or ""] if row.snapshot else []
    return safe_url(next(iter(pictures), None), schemes=("https", "http"))
