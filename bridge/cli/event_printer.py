"""
How an event looks on a terminal.

One line for what happens while a task runs, a small block for how it ends: the picture's
address to click on, and the buttons. What comes from users (prompts, reasons) is stripped of
every control character.
"""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from bridge.app.humanize import span
from bridge.cli.output import ASCII, bar, clock, plain
from bridge.sandbox.received import Received

#: Colour of each type of event.
COLOURS = {
    "task.submitted": "blue",
    "task.started": "cyan",
    "task.progress": "cyan",
    "task.action_required": "bold yellow",
    "task.succeeded": "bold green",
    "task.failed": "bold red",
    "task.cancelled": "bold magenta",
    "task.lost": "bold red",
    "task.corrected": "bold yellow",
    "task.archived": "green",
}

#: The longest of the task events, so that what follows stands in one column.
TYPE_WIDTH = max(map(len, COLOURS))

#: Columns below which a line leaves out what one can do without.
NARROW = 100

#: Columns that a line uses at most: the eye does not cross a wide screen to its other end.
WIDEST = 130

#: The width of what is read by a program, line by line.
UNLIMITED = 10_000

#: Cells of a progress bar.
BAR = 20

INDENT = 9  # under the type: "14:02:11 "


class EventPrinter:
    """Prints each request that a receiver got. `Receiver(on_event=…)` takes it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, received: Received) -> None:
        """Print it; a repeat of what was accepted before is only mentioned."""
        # A pipe has no width: what reads it wants whole lines.
        width = (
            min(self._console.width, WIDEST) if self._console.is_terminal else UNLIMITED
        )
        for line in render(received, width=width):
            if self._console.options.ascii_only:
                line.plain = (
                    line.plain.translate(ASCII).encode("ascii", "replace").decode()
                )
            self._console.print(line, soft_wrap=True, highlight=False)


def render(received: Received, *, width: int) -> list[Text]:
    """Return the lines for a request, none wider than *width* but for what must stay whole."""
    head = Text().append(f"{clock(received.at, received.at)} ", style="dim")
    if not received.believed:
        return _refusal(head, received)
    head.append_text(_mark(received))
    if received.repeat and not received.redelivery:
        known = f" {received.type}  {received.task}  repeat of {received.id}, dropped"
        return [head.append(plain(known), style="dim")]
    narrow = width < NARROW
    kind, room = plain(received.type), TYPE_WIDTH
    if narrow:
        kind, room = kind.removeprefix("task."), TYPE_WIDTH - len("task.")
    head.append(f" {kind:<{room}}", style=COLOURS.get(received.type, "yellow"))
    data = received.data
    if received.task:
        head.append(f"  {plain(received.task)}", style="bold")
        if not narrow:
            head.append(f"  {plain(data.get('action') or '-'):<11}", style="dim")
        middle, below = _task(received, width)
    else:
        middle, below = _notice(data), []
    return [_fitted(head, middle, _tail(received), width), *below]


def _task(received: Received, width: int) -> tuple[Text, list[Text]]:
    """Return what stands on the line of a task's event, and below it."""
    data = received.data
    if received.type in {"task.started", "task.progress"}:
        progress = data.get("progress")
        if isinstance(progress, str) and progress.removesuffix("%").isdecimal():
            progress = int(progress.removesuffix("%"))  # of a task, not of an event
        if isinstance(progress, int | float):
            return bar(progress, BAR, "cyan"), []
        return Text(), []
    middle = Text(plain(data.get("prompt") or ""))
    below: list[Text] = []
    if reason := data.get("failReason"):
        # In lines of its own: a terminal would go on at its left edge.
        lines = wrap(plain(reason), width - INDENT - 2)
        below.extend(Text(line, style="red") for line in lines)
    if received.type == "task.action_required":
        below.append(
            Text("waits for POST /mj/submit/modal with this taskId", style="yellow")
        )
    below.extend(_link(plain(url)) for url in _addresses(received))
    if received.type != "task.archived":  # the end has shown them
        below.extend(_chips(_items(data.get("buttons")), width - INDENT - 2))
    gutter = Text().append(" " * INDENT + "│ ", style="dim")
    return middle, [gutter + line for line in below]


def _addresses(received: Received) -> list[Any]:
    """Return where the task's picture and videos are, kept ones where that is the news."""
    data = received.data
    if received.type == "task.archived":
        kept = _items(data.get("archived"))
        return [file.get("url") for file in kept if isinstance(file, dict)]
    picture = data.get("imageUrl")
    return [*([picture] if picture else []), *_items(data.get("videoUrls"))]


def _notice(data: dict[str, Any]) -> Text:
    """Return what stands on the line of an event for operators."""
    text = Text()
    names = ("endpoint", "upstream", "archive", "rule")
    about = next((data[one] for one in names if data.get(one)), None)
    if about:
        text.append(plain(about), style="bold").append("  ")
    return text.append(plain(data.get("reason") or ""))


def _tail(received: Received) -> Text:
    """Return what stands at the end of the line: how long it all took, and what was odd."""
    tail = Text()
    if received.redelivery:
        tail.append("  ↻ again", style="yellow")
    if received.attempt > 1 and not received.repeat:
        tail.append(f"  attempt {received.attempt}", style="yellow")
    if not received.taken:
        tail.append(f"  answered {received.status}", style="red")
    if received.data.get("finishTime") and (took := _took(received.data)) is not None:
        tail.append(
            f"  in {took:.1f} s",
            style="green" if received.type == "task.succeeded" else "",
        )
    if received.latency is not None:
        tail.append(f" {span(max(received.latency, 0)):>7}", style="dim")
    return tail


def _refusal(head: Text, received: Received) -> list[Text]:
    refusal = received.verification.refusal if received.verification is not None else ""
    head.append("✗ ", style="bold red").append("refused", style="bold red")
    head.append(f"  {refusal}").append(f"  {plain(received.id)}", style="dim")
    return [head]


def _mark(received: Received) -> Text:
    """Return a tick for a signature that was verified, a dot where nothing was to verify."""
    if received.verification is None:
        return Text("·", style="dim")
    return Text("✓", style="green")


def _fitted(head: Text, middle: Text, tail: Text, width: int) -> Text:
    """Fit one line: *middle* gives way, *head* and *tail* do not, and *tail* stands at the edge."""
    room = width - head.cell_len - tail.cell_len - 2
    if width >= UNLIMITED:
        return head + Text("  ") + middle + tail
    if room < 1:  # on a terminal so narrow, the end of the line goes as well
        line = head + Text("  ") + tail
        line.truncate(width, overflow="ellipsis")
        return line
    middle.truncate(room, overflow="ellipsis", pad=True)
    return head + Text("  ") + middle + tail


def _chips(buttons: list[Any], width: int) -> list[Text]:
    """Return the buttons by their labels, on as many lines as they need."""
    lines: list[Text] = []
    for button in buttons:
        if not isinstance(button, dict):
            continue
        label = plain(
            button.get("label") or button.get("emoji") or button.get("kind") or "?"
        )
        style = "bold" if button.get("kind") == "upsample" else ""
        chip = Text().append(f"[{label}]", style=style)
        if lines and lines[-1].cell_len + 1 + cell_len(chip.plain) <= width:
            lines[-1].append(" ").append_text(chip)
        else:
            lines.append(chip)
    return lines


def _link(url: str) -> Text:
    return Text(url, style=Style(color="blue", underline=True, link=url))


def _took(data: dict[str, Any]) -> float | None:
    try:
        begun, ended = (_time(data[name]) for name in ("submitTime", "finishTime"))
    except (KeyError, TypeError, ValueError):
        return None
    return ended - begun


def _time(value: Any) -> float:
    """Return a time of an event, or of a task, in seconds since the epoch."""
    if isinstance(value, int):
        return value / 1000
    return datetime.fromisoformat(str(value)).timestamp()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
