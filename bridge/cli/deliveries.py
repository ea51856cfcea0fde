"""``deliveries``: what is on its way, what was delivered, and what was given up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, cast, get_args

import typer
from rich.text import Text

from bridge.app.humanize import ago, counted
from bridge.app.lookup import ExplainedDelivery
from bridge.app.ports import DeliveryState
from bridge.app.views.events import DeliveryView
from bridge.app.waiting import explain
from bridge.cli.arguments import EndpointOption, JsonOption, LimitOption, one_of
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATE_STYLES, clock, say, stdout, text, write
from bridge.cli.tables import Column, list_newest, table
from bridge.core.task import TaskKey
from bridge.runtime.deployment import Deployment

app = typer.Typer(add_completion=False, invoke_without_command=True)

#: Columns below which a list leaves out what one can do without.
NARROW = 110


@app.callback()
def deliveries(
    ctx: typer.Context,
    *,
    endpoint: EndpointOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            "-s",
            help="pending, held, delivered, superseded or dead.",
            callback=one_of("state", get_args(DeliveryState)),
        ),
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, those of the newest event first; or give them up."""
    if ctx.invoked_subcommand is not None:
        return

    async def work(deployment: Deployment) -> None:
        await deployment.lookup.check_endpoint(endpoint)
        found = partial(
            deployment.lookup.delivery_page,
            endpoint=endpoint,
            state=cast("DeliveryState | None", state),
        )
        now = await deployment.admin.clock()
        await list_newest(
            found,
            limit=limit,
            to_view=_view if as_json else None,
            to_table=lambda rows: _print(rows, now),
        )

    in_deployment(work)


@app.command()
def drop(
    *,
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="The endpoint.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """
    Give up everything that waits at an endpoint.

    It is dead then, not gone: mjbridge redeliver --dead brings it back. At a terminal, it asks
    first.
    """
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        waiting = in_deployment(lambda one: one.endpoint_control.pending_at(endpoint))
        what = counted(waiting, "delivery", "deliveries")
        question = f"Give up {what} waiting at {endpoint}?"
        if waiting:
            typer.confirm(question, abort=True, err=True)
    dropped = in_deployment(lambda one: one.endpoint_control.drop(endpoint))
    write(f"{counted(dropped, 'delivery', 'deliveries')} given up at {endpoint}")


def _view(one: ExplainedDelivery) -> DeliveryView:
    return DeliveryView.of(one.row, one.wait)


def _print(rows: Sequence[ExplainedDelivery], now: float) -> None:
    if not rows:
        say("no such delivery")
        return
    reasons = any(one.wait or one.row.reason for one in rows)
    columns = [
        Column(title="EVENT", gives_way=True),
        Column(title="TYPE"),
        Column(title="TASK"),
        Column(title="ENDPOINT"),
        Column(title="STATE"),
        Column(title="SEEN", right=True),
        *([Column(title="WHY", gives_way=True)] if reasons else []),
    ]
    narrow = stdout().is_terminal and stdout().width < NARROW
    table(columns, [_cells(one, now, reasons=reasons, narrow=narrow) for one in rows])


def _cells(
    one: ExplainedDelivery, now: float, *, reasons: bool, narrow: bool
) -> list[Text]:
    row = one.row
    why = row.reason
    if one.wait is not None:
        why = explain(one.wait).sentence(lambda at: clock(at, now))
    subject = (
        row.subject if row.subject.startswith("@") else TaskKey.read(row.subject).id
    )
    return [
        text(row.event_id, "dim"),
        text(row.type.removeprefix("task.") if narrow else row.type),
        text(subject),
        text(row.endpoint),
        text(row.state, STATE_STYLES.get(row.state, "")),
        text(ago(row.at, now), "dim"),
        *([text(why, "dim")] if reasons else []),
    ]
