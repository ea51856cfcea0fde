"""``tasks``: the tasks that are polled, and those that were."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from bridge.app.humanize import ago
from bridge.app.ports import TaskRow
from bridge.app.views.tasks import TaskView
from bridge.cli.arguments import JsonOption, LimitOption, UpstreamOption, one_of
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATUS_STYLES, say, text
from bridge.cli.tables import Column, list_newest, table
from bridge.core.task import TaskStatus
from bridge.runtime.deployment import Deployment

#: What a task's status can be to a person: the upstream's words, and one of ours.
STATUSES = (*(str(status) for status in TaskStatus), "LOST")


def tasks(
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            "-s",
            help="SUBMITTED, IN_PROGRESS, SUCCESS, ..., LOST.",
            callback=one_of("status", STATUSES, upper=True),
        ),
    ] = None,
    active: Annotated[
        bool, typer.Option("--active", "-a", help="Only those that are polled.")
    ] = False,
    upstream: UpstreamOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tasks, the newest first."""

    async def work(deployment: Deployment) -> None:
        await deployment.lookup.check_upstream(upstream)
        found = partial(
            deployment.queries.task_page,
            status=status,
            active=active or None,
            upstream=upstream,
        )
        now = await deployment.admin.clock()
        await list_newest(
            found,
            limit=limit,
            to_view=TaskView.of if as_json else None,
            to_table=lambda rows: _print(rows, now),
        )

    in_deployment(work)


def _print(rows: list[TaskRow], now: float) -> None:
    if not rows:
        say("no such task; `mjbridge track ID` tracks one")
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
    return [
        text(row.key.id, "bold" if row.active else ""),
        *([text(row.key.upstream)] if several else []),
        status_cell(row),
        text(snapshot.progress if snapshot else None),
        text(snapshot.action if snapshot else None, "dim"),
        text(ago(row.tracked_at, now), "dim"),
        text(snapshot.prompt if snapshot else None),
    ]


def status_cell(row: TaskRow) -> Text:
    """Show a task's status; a task that was never seen has none of its own yet."""
    if row.status is None:
        return text("waiting" if row.active else "untracked", "dim")
    return text(row.status, STATUS_STYLES.get(row.status, ""))
