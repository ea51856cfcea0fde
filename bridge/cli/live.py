"""Live progress bars on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from bridge.cli.looking import followed, looks
from bridge.cli.output import STATUS_STYLES, stdout, text
from bridge.cli.words import counted, span
from bridge.core.task import TaskKey

if TYPE_CHECKING:
    from bridge.adapters.store.queries import TaskRow
    from bridge.runtime import Deployment

#: Cells of a bar, on wide and on narrow terminals; columns that divide them.
WIDE, SLIM, NARROW = 30, 14, 100
#: Ended tasks that stay in sight when nobody said which to watch.
ENDED_IN_SIGHT = 5


async def bars(
    deployment: Deployment, given: Sequence[TaskKey], upstream: str | None
) -> None:
    """Show tasks until the given ones have ended; without any, for ever."""
    keys = dict.fromkeys(given or await followed(deployment, upstream))
    ended: dict[TaskKey, None] = {}
    with Live(console=stdout(), auto_refresh=False) as live:
        async for rows in looks(deployment, keys):
            now = await deployment.admin.clock()
            live.update(
                _screen(rows, now, stdout().width, stdout().height), refresh=True
            )
            if given and not any(row.active for row in rows):
                return
            if not given:
                ended.update({row.key: None for row in rows if not row.active})
                for key in list(ended)[:-ENDED_IN_SIGHT]:
                    keys.pop(key, None)
                keys.update(dict.fromkeys(await followed(deployment, upstream)))


def _screen(rows: Sequence[TaskRow], now: float, width: int, height: int) -> Group:
    if not rows:
        return Group(
            Text("no task is followed right now; waiting for one", style="dim")
        )
    room = max(height - 2, 1)
    # What runs is of more interest than what has ended; within that, what came first.
    ordered = sorted(rows, key=lambda row: (not row.active, row.tracked_at))
    lines = [_bar(row, now, width) for row in ordered[:room]]
    if (more := len(rows) - room) > 0:
        lines.append(Text(f"and {counted(more, 'more task')}", style="dim"))
    return Group(*lines)


def _bar(row: TaskRow, now: float, width: int) -> Text:
    snapshot = row.snapshot
    status = row.status or ("waiting" if row.active else "untracked")
    style = STATUS_STYLES.get(status, "dim")
    progress = (snapshot.progress if snapshot else None) or 0
    if status == "SUCCESS":
        progress = 100
    cells = SLIM if width < NARROW else WIDE
    filled = round(cells * min(progress, 100) / 100)
    ended = snapshot.finish_time if snapshot and not row.active else None
    until = ended / 1000 if ended else now
    begun = (
        snapshot.submit_time / 1000
        if snapshot and snapshot.submit_time
        else row.tracked_at
    )
    line = Text(f"{row.key.id}  ", style="bold")
    line.append(f"{status:<11}  ", style=style)
    line.append("━" * filled, style=style).append(
        "─" * (cells - filled), style="bright_black"
    )
    line.append(f" {progress:3d}%", style=style)
    line.append(f" {span(max(round(until - begun), 0)):>7}  ", style="dim")
    if snapshot is not None:
        line.append_text(
            text(
                snapshot.fail_reason or snapshot.prompt,
                "red" if snapshot.fail_reason else "",
            )
        )
    line.truncate(width, overflow="ellipsis")
    return line
