"""``actions``: presses and submissions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from bridge.app.humanize import ago
from bridge.app.ports import Page
from bridge.app.views.actions import Action
from bridge.cli.arguments import JsonOption, LimitOption, UpstreamOption, one_of
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATE_STYLES, say, text
from bridge.cli.tables import Column, list_newest, table
from bridge.core.action import ActionState
from bridge.runtime.deployment import Deployment


def actions(
    *,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Only presses of this task.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            "-s",
            help="pending, sending, accepted, refused, unknown or cancelled.",
            callback=one_of("state", tuple(ActionState)),
        ),
    ] = None,
    upstream: UpstreamOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List presses and submissions, the newest first."""

    async def work(deployment: Deployment) -> None:
        pressed = (
            None
            if task is None
            else (await deployment.lookup.find_task(task, upstream)).key
        )

        async def found(*, cursor: str | None = None, limit: int = 50) -> Page[Action]:
            return await deployment.actions.list(
                task=pressed, state=state, after=cursor, limit=limit
            )

        now = await deployment.admin.clock()
        await list_newest(
            found,
            limit=limit,
            to_view=(lambda action: action) if as_json else None,
            to_table=lambda rows: _print(rows, now),
        )

    in_deployment(work)


def _print(rows: list[Action], now: float) -> None:
    if not rows:
        say("no such action; `mjbridge press ID U1` presses a button")
        return
    columns = [
        Column(title="ACTION", gives_way=True),
        Column(title="WHAT"),
        Column(title="STATE"),
        Column(title="OF"),
        Column(title="MADE"),
        Column(title="BY"),
        Column(title="ASKED", right=True),
        Column(title="WHY", gives_way=True),
    ]
    ages = [
        ago(datetime.fromisoformat(one.created_at).timestamp(), now) for one in rows
    ]
    table(columns, [_cells(one, age) for one, age in zip(rows, ages, strict=True)])


def _cells(action: Action, age: str) -> list[Text]:
    return [
        text(action.id, "dim"),
        text(action.label or action.custom_id, "bold"),
        text(action.state, STATE_STYLES.get(action.state, "")),
        text(action.task_id),
        text(action.child_id),
        text(action.by, "dim"),
        text(age, "dim"),
        text(action.reason, "dim"),
    ]
