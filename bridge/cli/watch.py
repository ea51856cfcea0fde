"""``watch``, and ``track --wait``: tasks as they change."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from bridge.app.follow import Ended, Follower
from bridge.app.humanize import counted, span
from bridge.app.lookup import check_ids
from bridge.app.ports import TaskRow
from bridge.app.views.events import EventView
from bridge.app.views.tasks import TaskEndView
from bridge.cli.arguments import JsonOption, UpstreamOption
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATUS_STYLES, bar, clock, emit, line, stdout, text
from bridge.core.event import ARCHIVED, Event
from bridge.core.task import TaskKey
from bridge.runtime.deployment import Deployment

#: Cells of a bar, on wide and on narrow terminals; columns that divide them.
WIDE, SLIM, NARROW = 30, 14, 100
#: Ended tasks that stay in sight if no ids were given.
ENDED_IN_SIGHT = 5


def watch(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="By default all that are polled."),
    ] = None,
    *,
    upstream: UpstreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Watch tasks change, until those given have ended, or Ctrl-C.

    Live bars on a terminal; a line for each change elsewhere.
    """
    wanted = check_ids(ids or ())

    async def work(deployment: Deployment) -> None:
        lookup = deployment.lookup
        await lookup.check_upstream(upstream)
        keys = [(await lookup.find_task(one, upstream)).key for one in wanted]
        upstreams = [upstream] if upstream else list(deployment.settings.upstreams)
        follower = Follower(deployment.queries, deployment.feed)
        await follower.start()
        if stdout().is_terminal and not as_json:
            await bars(deployment, follower, keys, upstreams)
        elif keys:
            steps = follower.until_ended(keys, include_current=True)
            await print_until_ended(steps, as_json=as_json)
        else:
            async for event in follower.events(upstreams):
                _print_event(event, as_json=as_json)

    try:
        in_deployment(work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


# --- a line for each change -----------------------------------------------------------


async def print_until_ended(
    steps: AsyncIterator[Event | Ended], *, as_json: bool
) -> bool:
    """Print what happens to tasks until they have ended; return whether all succeeded."""
    printed, succeeded = set[str](), True
    async for step in steps:
        if isinstance(step, Event):
            _print_event(step, as_json=as_json)
            printed.add(step.subject)
            continue
        succeeded &= step.row is not None and step.row.status == "SUCCESS"
        if step.row is not None and str(step.key) not in printed:
            _print_end(step.row, as_json=as_json)
    return succeeded


def _print_event(event: Event, *, as_json: bool) -> None:
    if as_json:
        emit(EventView.of(event))
        return
    data: dict[str, Any] = json.loads(event.body)["data"]
    if event.type == ARCHIVED:  # its task has ended, in a line before
        kept = " ".join(file["url"] for file in data["archived"])
        line(_line(event.at, data["id"], "archived", None, kept or data["reason"]))
        return
    status = "LOST" if event.type == "task.lost" else data.get("status") or "-"
    last = data.get("failReason") or data.get("imageUrl") or ""
    line(_line(event.at, data["id"], status, data.get("progress"), last))


def _print_end(row: TaskRow, *, as_json: bool) -> None:
    """Print how a task stands that nothing more will happen to."""
    if as_json:
        emit(TaskEndView.of(row))
        return
    snapshot = row.snapshot
    progress = snapshot.progress if snapshot else None
    last = (snapshot.fail_reason or snapshot.image_url or "") if snapshot else ""
    status = row.status or "untracked"
    line(_line(time.time(), row.key.id, status, progress, last))


def _line(
    at: float, task_id: str, status: str, progress: int | None, last: str
) -> Text:
    percent = "" if progress is None else f"{progress:3d}%"
    return (
        text(f"{clock(at, time.time())}  ", "dim")
        + text(f"{task_id}  ", "bold")
        + text(f"{status:<11}  ", STATUS_STYLES.get(status, ""))
        + text(f"{percent:4}  ")
        + text(last, "dim")
    )


# --- live bars ------------------------------------------------------------------------


async def bars(
    deployment: Deployment,
    follower: Follower,
    given: Sequence[TaskKey],
    upstreams: Sequence[str],
) -> None:
    """Show tasks until those given have ended; if none are, for ever."""
    keys = dict.fromkeys(given or await follower.active(upstreams))
    ended: dict[TaskKey, None] = {}
    with Live(console=stdout(), auto_refresh=False) as live:
        async for rows in follower.rows(keys):
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
                keys.update(dict.fromkeys(await follower.active(upstreams)))


def _screen(rows: Sequence[TaskRow], now: float, width: int, height: int) -> Group:
    if not rows:
        return Group(Text("no task is polled right now; waiting for one", style="dim"))
    room = max(height - 2, 1)
    # Running tasks are of more interest than ended ones; within that, the oldest first.
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
    ended = snapshot.finish_time if snapshot and not row.active else None
    until = ended / 1000 if ended else now
    begun = (
        snapshot.submit_time / 1000
        if snapshot and snapshot.submit_time
        else row.tracked_at
    )
    shown = Text(f"{row.key.id}  ", style="bold")
    shown.append(f"{status:<11}  ", style=style)
    shown.append_text(bar(progress, SLIM if width < NARROW else WIDE, style))
    shown.append(f" {span(max(round(until - begun), 0)):>7}  ", style="dim")
    if snapshot is not None:
        shown.append_text(
            text(
                snapshot.fail_reason or snapshot.prompt,
                "red" if snapshot.fail_reason else "",
            )
        )
    shown.truncate(width, overflow="ellipsis")
    return shown
