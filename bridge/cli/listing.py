"""``tasks``: what is followed, and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import options
from bridge.cli.newest import list_newest
from bridge.cli.options import Json, Limit, Upstream
from bridge.cli.output import STATUS_STYLES, Column, say, table, text
from bridge.cli.words import ago
from bridge.core.event import iso

if TYPE_CHECKING:
    from rich.text import Text

    from bridge.adapters.store.queries import TaskRow
    from bridge.runtime import Deployment


def tasks(
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            "-s",
            help="SUBMITTED, IN_PROGRESS, SUCCESS, ..., LOST.",
            callback=options.status,
        ),
    ] = None,
    active: Annotated[
        bool, typer.Option("--active", "-a", help="Only those that are looked at.")
    ] = False,
    upstream: Upstream = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """List tasks, the newest first."""
    from bridge.cli.connecting import check_upstream, in_deployment

    async def work(deployment: Deployment) -> None:
        await check_upstream(deployment, upstream)
        found = deployment.queries.tasks(
            status=status, active=active, upstream=upstream
        )
        now = await deployment.admin.clock()
        await list_newest(
            found,
            limit=limit,
            to_json=task_json if as_json else None,
            to_table=lambda rows: _print(rows, now),
        )

    in_deployment(work)


def task_json(row: TaskRow) -> dict[str, Any]:
    """Say a task as JSON, without its events."""
    snapshot = row.snapshot
    return {
        "id": row.key.id,
        "upstream": row.key.upstream,
        "status": row.status,
        "active": row.active,
        "progress": snapshot.progress if snapshot else None,
        "sequence": row.sequence,
        "action": snapshot.action if snapshot else None,
        "prompt": snapshot.prompt if snapshot else None,
        "failReason": snapshot.fail_reason if snapshot else None,
        "imageUrl": snapshot.image_url if snapshot else None,
        "trackedAt": iso(row.tracked_at),
        "nextLookAt": iso(row.next_look) if row.next_look else None,
        "metadata": dict(row.metadata),
    }


def _print(rows: list[TaskRow], now: float) -> None:
    if not rows:
        say("no such task; `mjbridge track ID` follows one")
        return
    several = len({row.key.upstream for row in rows}) > 1
    columns = [
        Column(title="TASK"),
        *([Column(title="UPSTREAM")] if several else []),
        Column(title="STATUS"),
        Column(title="%", right=True),
        Column(title="ACTION"),
        Column(title="TRACKED", right=True),
        Column(title="PROMPT", gives_way=True),
    ]
    table(columns, [_cells(row, now, several=several) for row in rows])


def _cells(row: TaskRow, now: float, *, several: bool) -> list[Text]:
    snapshot = row.snapshot
    progress = snapshot.progress if snapshot else None
    return [
        text(row.key.id, "bold" if row.active else ""),
        *([text(row.key.upstream)] if several else []),
        status_cell(row),
        text(progress),
        text(snapshot.action if snapshot else None, "dim"),
        text(ago(row.tracked_at, now), "dim"),
        text(snapshot.prompt if snapshot else None),
    ]


def status_cell(row: TaskRow) -> Text:
    """Say how a task stands; one that was never seen has no status of its own yet."""
    if row.status is None:
        return text("waiting" if row.active else "untracked", "dim")
    return text(row.status, STATUS_STYLES.get(row.status, ""))
