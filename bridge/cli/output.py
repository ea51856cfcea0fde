"""
Output: lines for people, objects for programs.

On a terminal, colours mean something and lines fit; in a pipe, text is plain and whole.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bridge.errors import BridgeError, reason

if TYPE_CHECKING:
    from bridge.app.views import View

STATUS_STYLES = {
    "NOT_START": "blue",
    "SUBMITTED": "blue",
    "MODAL": "bold yellow",
    "IN_PROGRESS": "cyan",
    "SUCCESS": "green",
    "FAILURE": "red",
    "CANCEL": "magenta",
    "LOST": "red",
}
STATE_STYLES = {
    "pending": "yellow",
    "held": "magenta",
    "delivered": "green",
    "superseded": "dim",
    "dead": "red",
    "up": "green",
    "failing": "yellow",
    "open": "red",
    "paused": "magenta",
    "disabled": "red",
    "sending": "cyan",
    "accepted": "green",
    "refused": "red",
    "unknown": "yellow",
    "cancelled": "dim",
}

#: Signs that are not in ASCII, and what stands for them where nothing else is shown.
ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "·": ".", "│": "|", "━": "=", "─": "-", "…": "~", "↻": "@"}
)


@cache
def stdout() -> Console:
    """Return where results go."""
    return Console(highlight=False)


@cache
def stderr() -> Console:
    """Return where messages go."""
    return Console(stderr=True, highlight=False)


def facts_table() -> Table:
    """Return a table of two columns: what something is called, and what it is."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def say(line: str) -> None:
    """Print a message for a person, on stderr: it is not a result."""
    text = f"mjbridge: {line}"
    if sys.stderr.isatty():
        text = textwrap.fill(text, stderr().width, subsequent_indent="  ")
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def program() -> str:
    """Return how to call this program from here: it may not be on the PATH."""
    called = sys.argv[0]
    if Path(called).name != "mjbridge":  # `python -m`, as `mjbridge up` starts others
        beside = Path(sys.executable).with_name("mjbridge")
        if not beside.is_relative_to(Path.cwd()):
            return "mjbridge"  # where that is, whoever started it knows
        called = str(beside.relative_to(Path.cwd()))
    found = shutil.which("mjbridge")
    if not Path(called).exists() or (found and Path(called).samefile(found)):
        return "mjbridge"
    return called


def emit(shown: View | Mapping[str, Any]) -> None:
    """
    Write one object on one line, at once: a pipe's reader may be waiting for it.

    Characters that the stream's encoding lacks are escaped, so that nothing is lost.
    """
    content = shown if isinstance(shown, Mapping) else shown.to_json()
    written = json.dumps(content, ensure_ascii=False)
    try:
        written.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        written = json.dumps(content)
    write(written)


def text(value: object, style: str = "") -> Text:
    """Make a piece of text, with nothing in it that a terminal would obey."""
    return Text("" if value is None else plain(str(value)), style=style)


def plain(untrusted: str) -> str:
    """Return text on one line, with nothing in it that a terminal would obey."""
    return "".join(_kept(untrusted.replace("\r\n", "\n")))


def _kept(untrusted: str) -> Iterator[str]:
    for character in untrusted:
        if character in "\n\t":
            yield " "
        # Control characters, and those that turn the direction of writing; but the joiner
        # that emoji are made with is of the same category.
        elif (
            unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
            or character == "\u200d"
        ):
            yield character


def bar(percent: float, cells: int, style: str) -> Text:
    """Draw a progress, with its number behind it."""
    filled = round(cells * min(max(percent, 0), 100) / 100)
    return (
        Text("━" * filled, style=style)
        + Text("─" * (cells - filled), style="bright_black")
        + Text(f" {percent:3.0f}%", style=style)
    )


def clock(at: float, now: float) -> str:
    """Write a time as a clock on the wall shows it, with the day if it is not today."""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.fromtimestamp(now).astimezone().date()
    day = "" if moment.date() == today else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}"


def line(content: Text) -> None:
    """Print one line, with its colours if there is a terminal to see them."""
    content = _spelled(content)
    if stdout().is_terminal:
        stdout().print(content, soft_wrap=True)
    else:
        write(content.plain.rstrip())


def indented(content: Text, by: int) -> None:
    """Print text of any length to the right of *by* columns."""
    content = _spelled(content)
    if stdout().is_terminal:
        stdout().print(Padding(content, (0, 0, 0, by)))
    else:
        write(" " * by + content.plain)


def _spelled(content: Text) -> Text:
    """Return a text without signs that the stream's encoding lacks."""
    try:
        content.plain.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        content = content.copy()
        content.plain = content.plain.translate(ASCII)
    return content


class OutputError(BridgeError):
    """A result could not be written: the disk behind stdout is full, most likely."""


def write(content: str) -> None:
    """
    Write one line as it is, at once: a pipe's reader may be waiting for it.

    Raises:
        BrokenPipeError: Nobody reads any more.

        OutputError: It could not be written for another reason.
    """
    try:
        sys.stdout.write(content + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"cannot write the output: {reason(error)}"
        raise OutputError(msg) from error
