"""``deliveries`` and ``redeliver``: what is under way, what died, and how to send it again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import options
from bridge.cli.newest import list_newest
from bridge.cli.options import EndpointOption, Json, Limit
from bridge.cli.output import (
    STATE_STYLES,
    Column,
    say,
    stdout,
    table,
    text,
    write,
)
from bridge.cli.words import ago, counted
from bridge.core.event import iso
from bridge.core.task import TaskKey

if TYPE_CHECKING:
    from rich.text import Text

    from bridge.adapters.store.queries import DeliveryRow
    from bridge.app.ports import Publication, Waiting
    from bridge.runtime import Deployment

app = typer.Typer(help="List deliveries, or give them up.", invoke_without_command=True)

#: Deliveries in one call of a script, so that none blocks the store for long.
AT_ONCE = 200
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
            callback=options.state,
        ),
    ] = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """List deliveries, those of the newest event first; or give them up."""
    if ctx.invoked_subcommand is not None:
        return
    from bridge.cli.connecting import check_endpoint, in_deployment

    async def work(deployment: Deployment) -> None:
        await check_endpoint(deployment, endpoint)
        found = deployment.queries.deliveries(endpoint=endpoint, state=state)  # type: ignore[arg-type]
        now = await deployment.admin.clock()
        await list_newest(
            found,
            limit=limit,
            to_json=_json if as_json else None,
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

    It is dead then, not gone: mjbridge redeliver --dead brings it back.
    """
    from bridge.cli.connecting import check_endpoint, in_deployment

    async def count(deployment: Deployment) -> int:
        await check_endpoint(deployment, endpoint)
        rows = await deployment.queries.endpoints(await deployment.admin.clock())
        return next((row.pending for row in rows if row.name == endpoint), 0)

    if sys.stdin.isatty() and not yes and (waiting := in_deployment(count)):
        what = counted(waiting, "delivery", "deliveries")
        typer.confirm(f"Give up {what} waiting at {endpoint}?", abort=True, err=True)

    async def work(deployment: Deployment) -> int:
        await check_endpoint(deployment, endpoint)
        dropped = 0
        while waiting := await deployment.admin.open_at(endpoint, AT_ONCE):
            now = await deployment.admin.clock()
            buried = 0
            for start in range(0, len(waiting), AT_ONCE):
                some = waiting[start : start + AT_ONCE]
                notices = [_notices(deployment, one, now) for one in some]
                buried += await deployment.admin.give_up(
                    some, "dropped by hand", notices
                )
            if not buried:
                break
            dropped += buried
        return dropped

    write(
        f"{counted(in_deployment(work), 'delivery', 'deliveries')} given up at {endpoint}"
    )


def _notices(
    deployment: Deployment, waiting: Waiting, now: float
) -> Sequence[Publication]:
    """Tell operators as of every death; but not where everything is being given up."""
    from bridge.app.operator_events import death_notice, publications
    from bridge.runtime import endpoints_of

    others = [
        one for one in endpoints_of(deployment.settings) if one.name != waiting.endpoint
    ]
    notice = death_notice(waiting.endpoint, waiting.event, "dropped by hand", at=now)
    return publications([notice], others)


def _json(row: DeliveryRow) -> dict[str, Any]:
    about = None if row.subject.startswith("@") else TaskKey.read(row.subject)
    return {
        "event": row.event_id,
        "type": row.type,
        "task": about.id if about else None,
        "upstream": about.upstream if about else None,
        "endpoint": row.endpoint,
        "state": row.state,
        "at": iso(row.at),
        "reason": row.reason,
    }


def _print(rows: Sequence[DeliveryRow], now: float) -> None:
    if not rows:
        say("no such delivery")
        return
    whys = any(row.reason for row in rows)
    columns = [
        Column(title="EVENT", gives_way=True),
        Column(title="TYPE"),
        Column(title="TASK"),
        Column(title="ENDPOINT"),
        Column(title="STATE"),
        Column(title="SEEN", right=True),
        *([Column(title="WHY", gives_way=True)] if whys else []),
    ]
    narrow = stdout().is_terminal and stdout().width < NARROW
    table(columns, [_cells(row, now, whys=whys, narrow=narrow) for row in rows])


def _cells(row: DeliveryRow, now: float, *, whys: bool, narrow: bool) -> list[Text]:
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
        *([text(row.reason, "dim")] if whys else []),
    ]
