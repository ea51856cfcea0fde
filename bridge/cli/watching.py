"""``watch``, and ``track --wait``: tasks as they change."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.looking import followed, looks
from bridge.cli.options import Json, Upstream
from bridge.cli.output import STATUS_STYLES, emit, line, stdout, text
from bridge.cli.words import clock

if TYPE_CHECKING:
    from rich.text import Text

    from bridge.adapters.store.queries import EventRow, TaskRow
    from bridge.core.task import TaskKey
    from bridge.runtime import Deployment


def watch(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="By default all that are followed."),
    ] = None,
    *,
    upstream: Upstream = None,
    as_json: Json = False,
) -> None:
    """
    Watch tasks change, until those given have ended, or Ctrl-C.

    Live bars on a terminal; a line for each change elsewhere.
    """
    from bridge.cli.connecting import find_task, in_deployment
    from bridge.cli.live import bars
    from bridge.runtime import checked

    wanted = checked(ids or ())

    async def work(deployment: Deployment) -> None:
        keys = [(await find_task(deployment, one, upstream)).key for one in wanted]
        if stdout().is_terminal and not as_json:
            await bars(deployment, keys, upstream)
        elif keys:
            await follow(deployment, keys, as_json=as_json)
        else:
            await _follow_all(deployment, upstream, as_json=as_json)

    try:
        in_deployment(work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def follow(
    deployment: Deployment,
    keys: Sequence[TaskKey],
    *,
    as_json: bool,
    told: Mapping[TaskKey, int] | None = None,
) -> bool:
    """
    Print each event of tasks until all have ended.

    Args:
        office: Where they are followed.

        keys: The tasks.

        as_json: Print whole events.

        told: Sequences that nothing is printed up to; without, it begins with the last
            event of each.

    Returns:
        Whether all succeeded.
    """
    open_keys, succeeded = dict.fromkeys(keys), True
    told = dict(told or {})
    printed: set[TaskKey] = set()
    async for rows in looks(deployment, open_keys):
        for row in rows:
            for event in await _news(deployment, row, told):
                _print_event(event, as_json=as_json)
                printed.add(row.key)
            if row.active:
                continue
            del open_keys[row.key]
            succeeded = succeeded and row.status == "SUCCESS"
            if row.key not in printed:
                _print_end(row, as_json=as_json)
        for key in open_keys.keys() - {row.key for row in rows}:
            del open_keys[key]  # forgotten meanwhile
            succeeded = False
        if not open_keys:
            break
    return succeeded


async def _follow_all(
    deployment: Deployment, upstream: str | None, *, as_json: bool
) -> None:
    told: dict[TaskKey, int] = {}
    keys = dict.fromkeys(await followed(deployment, upstream))
    for row in await deployment.queries.rows(list(keys)):
        told[row.key] = row.sequence  # what happened before is not news
    async for rows in looks(deployment, keys):
        for row in rows:
            for event in await _news(deployment, row, told):
                _print_event(event, as_json=as_json)
            if not row.active:
                del keys[row.key]
        keys.update(dict.fromkeys(await followed(deployment, upstream)))


async def _news(
    deployment: Deployment, row: TaskRow, told: dict[TaskKey, int]
) -> Sequence[EventRow]:
    """List what happened to a task since it was last told; nothing at the first look."""
    before = told.get(row.key)
    if before == row.sequence or (before is None and not row.active):
        return ()
    told[row.key] = row.sequence
    if before is None and row.sequence == 0:
        return ()
    story = await deployment.queries.story(str(row.key))
    if before is None:
        return story[-1:]  # where it stands now
    return [one for one in story if one.event.sequence > before]


def _print_event(row: EventRow, *, as_json: bool) -> None:
    body: dict[str, Any] = json.loads(row.event.body)
    if as_json:
        emit({"event": row.event.id, **body})
        stdout().file.flush()
        return
    data = body["data"]
    status = "LOST" if row.event.type == "task.lost" else data.get("status") or "-"
    last = data.get("failReason") or data.get("imageUrl") or ""
    line(_line(row.event.at, data["id"], status, data.get("progress"), last))


def _print_end(row: TaskRow, *, as_json: bool) -> None:
    """Print how a task stands that nothing more will happen to."""
    snapshot = row.snapshot
    progress = snapshot.progress if snapshot else None
    status = row.status or "untracked"
    if as_json:
        emit(
            {
                "id": row.key.id,
                "upstream": row.key.upstream,
                "status": row.status,
                "progress": progress,
            }
        )
        return
    last = (snapshot.fail_reason or snapshot.image_url or "") if snapshot else ""
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
