"""
A recording of a terminal, for the README: `python -m tools.recording`.

`mjbridge up --sandbox` is run on a terminal of ours until a task has succeeded; what it
printed about that task becomes ``docs/images/events.svg``, letter by letter.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

FILE = Path(__file__).parent.parent / "docs" / "images" / "events.svg"
COLUMNS = 100
#: Seconds that a task may take to succeed, on a busy machine.
PATIENCE = 60.0

#: Readable on the light and the dark page of a forge.
THEME = TerminalTheme(
    (24, 25, 33),
    (214, 217, 228),
    [
        (69, 71, 90), (243, 139, 148), (152, 209, 140), (229, 200, 144),
        (124, 164, 246), (212, 155, 224), (120, 206, 196), (186, 190, 206),
    ],
    [
        (98, 102, 122), (250, 150, 158), (166, 227, 154), (240, 214, 160),
        (142, 180, 255), (226, 172, 238), (140, 224, 214), (240, 242, 250),
    ],
)  # fmt: skip

#: Rich's own frame, without the letters that it would fetch from somewhere.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 16px; font-weight: 600; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def record(folder: Path) -> list[str]:
    """Run the sandbox until a task that was submitted there has succeeded."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BRIDGE_")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli", "up", "--sandbox"],
        cwd=folder,
        env={**plain, "TERM": "xterm-256color", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    printed = b""
    try:
        until = monotonic() + PATIENCE
        while monotonic() < until and not story(_lines(printed)):
            if select.select([ours], [], [], 1.0)[0]:
                printed += os.read(ours, 1 << 16)
        return story(_lines(printed))
    finally:
        process.send_signal(signal.SIGINT)
        while _more(ours):
            pass
        process.wait()
        os.close(ours)


def _more(terminal: int) -> bytes:
    """Read on, so that nobody waits for a reader; the end of it is an error on Linux."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def _lines(printed: bytes) -> list[str]:
    """Return whole lines, colours and all."""
    *whole, _ = printed.decode(errors="replace").replace("\r\n", "\n").split("\n")
    return whole


def story(lines: Sequence[str]) -> list[str]:
    """Return the lines about the first task that was submitted and succeeded, if any did."""
    events = list(_events(lines))
    for kind, task, _ in events:
        if kind != "task.submitted":
            continue
        about = [(kind, lines) for kind, one, lines in events if one == task]
        # The last event is complete when another one has followed it.
        over = [
            n for n, one in enumerate(events) if one[:2] == ("task.succeeded", task)
        ]
        if over and over[0] + 1 < len(events):
            return [line for _, some in about for line in some]
    return []


def _events(lines: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Group the lines by event: its type, its task, what was printed about it."""
    current: list[str] = []
    for line in lines:
        said = Text.from_ansi(line).plain
        if found := re.match(r"\S+ ✓ (task\.\w+) +(\d+)", said):
            current = [line]
            yield found[1], found[2], current
        elif said.lstrip().startswith("│"):
            current.append(line)


def drawn(lines: Sequence[str]) -> str:
    """Draw lines of a terminal as an SVG."""
    console = Console(
        record=True,
        file=StringIO(),
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
    )
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    return console.export_svg(
        title="mjbridge up --sandbox", theme=THEME, unique_id="events", code_format=_SVG
    )


def main() -> None:
    """Record, draw and write."""
    with tempfile.TemporaryDirectory(prefix="mjbridge-") as folder:
        lines = record(Path(folder))
    FILE.write_text(drawn(lines), encoding="utf-8")
    for line in lines:
        sys.stdout.write(f"{Text.from_ansi(line).plain}\n")


if __name__ == "__main__":
    main()
