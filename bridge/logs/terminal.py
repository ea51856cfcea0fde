"""How an event looks on a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

import structlog

from bridge.app.humanize import span

#: Columns of the time and the blank after it: "14:02:11 ".
INDENT = 9

_RED, _GREEN, _YELLOW, _DIM, _OFF = (f"\x1b[{code}m" for code in (31, 32, 33, 2, 0))


def render_for_terminal(
    _logger: object, _method: str, line: structlog.types.EventDict
) -> str:
    """
    Return an event as lines that fit the terminal.

    What happened to a task is one line, and each endpoint's answer an indented one below it;
    anything else is its name and its values, on as many lines as they need.
    """
    facts = dict(line)
    time, level, event = (
        str(facts.pop(name, "")) for name in ("timestamp", "level", "event")
    )
    trace = facts.pop("exception", "")
    colour = _RED if level in {"error", "critical"} else _YELLOW * (level == "warning")
    head = f"{time} "
    if event == "delivery.attempted":
        head, content = " " * INDENT, _answer(facts)
        colour = _GREEN if level == "info" else _RED
    elif event.startswith("task.") and "task" in facts:
        task_id = str(facts["task"]).partition(":")[2]
        progress = facts.get("progress")
        percent = f"  {progress}%" if event == "task.progress" else ""
        content = f"{event:<20}  {task_id}{percent}"
    else:
        values = (f"{name}={value}" for name, value in facts.items())
        content = "  ".join([event, *values])
    first, *more = _fitted(content, shutil.get_terminal_size().columns - INDENT)
    lines = [f"{_DIM}{head}{_OFF}{colour}{first}{_OFF}"]
    lines += [f"{' ' * INDENT}{colour}{one}{_OFF}" for one in more]
    return "\n".join([*lines, *filter(None, [str(trace)])])


def _answer(facts: Mapping[str, Any]) -> str:
    """Return how an endpoint answered, and what comes next if it did not accept."""
    said = facts.get("status") or facts.get("outcome")
    text = f"→ {facts.get('endpoint')} {said} {facts.get('took_ms', 0):.0f} ms"
    if reason := facts.get("reason"):
        text += f": {reason}"
    if (seconds := facts.get("retry_in")) is not None:
        text += f"; attempt {facts.get('attempt', 0) + 1} in {span(round(seconds))}"
    elif facts.get("verdict") == "dead":
        text += "; given up"
    elif facts.get("disabled"):
        text += f"; held until mjbridge endpoints resume {facts.get('endpoint')}"
    return text


def _fitted(text: str, width: int) -> list[str]:
    """Break a text into lines, and take out what a terminal would obey."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    lines = textwrap.wrap(plain, max(width, 20)) or [""]
    if plain.isascii():
        return lines
    from rich.cells import chop_cells  # Chinese takes two columns a character

    return [part for one in lines for part in chop_cells(one, max(width, 20))]
