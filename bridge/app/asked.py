"""Whether what is asked for can be done with a task: its buttons, and what they need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.app.ports import TaskRow
from bridge.core.action import MAX_BODY, find_button, may_be_custom_id, names_of
from bridge.core.button import Button
from bridge.core.characters import writable
from bridge.core.task import why_not_metadata
from bridge.errors import Misconfigured, Refused

#: Most characters of a prompt.
MAX_PROMPT = 8192


def button_of(row: TaskRow, wanted: str) -> Button:
    """
    Return the button that is to be pressed.

    Raises:
        Refused: The task has no such button.
    """
    buttons = row.snapshot.buttons if row.snapshot else ()
    found = find_button(buttons, wanted)
    if found is not None:
        return found
    if row.active and not buttons and may_be_custom_id(wanted):
        # Its upstream may have finished it a moment ago.
        return Button.of(wanted, None, None)
    if buttons:
        msg = f"the task has no button {wanted[:100]!r}; it has: {names_of(buttons)}"
    elif row.active:
        msg = "the task has no buttons yet; they come when it has succeeded"
    else:
        msg = f"the task has no buttons: it is {row.status or 'untracked'}"
    raise Refused(msg)


def check_modal(button: Button, prompt: str | None, *, masked: bool) -> None:
    """
    Check that a button gets what it asks for.

    Raises:
        Refused: It needs a prompt.

        Misconfigured: The prompt is too long, or cannot be written.
    """
    if prompt is not None and len(prompt) > MAX_PROMPT:
        msg = f"a prompt has at most {MAX_PROMPT} characters"
        raise Misconfigured(msg)
    if prompt is not None and writable(prompt) != prompt:
        msg = "a prompt has no half of an emoji, and no NUL"
        raise Misconfigured(msg)
    if button.needs_modal and not (prompt or "").strip() and not masked:
        msg = f"{button.label or 'this button'} needs a prompt"
        raise Refused(msg)


def check_metadata(metadata: Mapping[str, Any] | None) -> None:
    """
    Check what the events of a task shall carry.

    Raises:
        Misconfigured: It is not valid.
    """
    wrong = why_not_metadata(metadata or {})
    if wrong is not None:
        raise Misconfigured(wrong)


def check_body(body: Mapping[str, Any]) -> None:
    """
    Check a submission's body.

    Raises:
        Misconfigured: JSON cannot say it, or it is too large.
    """
    try:
        text = json.dumps(body, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        msg = "the body of a submission is what JSON can say"
        raise Misconfigured(msg) from None
    if len(text) > MAX_BODY:
        msg = f"the body of a submission has at most {MAX_BODY:,} characters; larger ones go through the gateway"
        raise Misconfigured(msg)
