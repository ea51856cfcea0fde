"""``deliveries`` and ``redeliver``: what is under way, what died, and how to send it again."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import options
from bridge.cli.options import Json, Limit
from bridge.cli.output import (
    STATE_STYLES,
    Column,
    emit,
    say,
    stdout,
    table,
    text,
    write,
)
from bridge.cli.words import ago, counted, since
from bridge.core.event import iso
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured, NotFound

if TYPE_CHECKING:
    from rich.text import Text

    from bridge.adapters.ledger import DeliveryRow
    from bridge.ports import Telling, Waiting
    from bridge.wiring import Office

app = typer.Typer(help="List deliveries, or give them up.", invoke_without_command=True)
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", "-e", help="Only this endpoint's.")
]

#: Deliveries in one call of a script, so that none blocks the store for long.
AT_ONCE = 200
#: Redeliveries that are asked for side by side.
WIDTH = 20


@app.callback()
def deliveries(
    ctx: typer.Context,
    *,
    endpoint: Endpoint = None,
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
    from bridge.cli.office import check_endpoint, in_office

    async def work(office: Office) -> None:
        if endpoint is not None:
            await check_endpoint(office, endpoint)
        most = limit
        if most is None and stdout().is_terminal and not as_json:
            most = options.SCREENFUL
        rows: list[DeliveryRow] = []
        more = False
        async for row in office.ledger.deliveries(endpoint=endpoint, state=state):  # type: ignore[arg-type]
            if most and len(rows) == most:
                more = True
                break
            if as_json:
                emit(_json(row))
            rows.append(row)
        if not as_json:
            _print(rows, await office.desk.clock())
        if more and limit is None:
            say(f"these are the newest {most}; --limit 0 lists all")

    in_office(work)


@app.command()
def drop(
    *,
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="The endpoint.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """
    Give up everything that waits at an endpoint.

    It becomes dead, not gone: redeliver --dead brings it back while it is kept. What is
    being sent at this moment is left alone.
    """
    from bridge.cli.office import check_endpoint, in_office

    async def count(office: Office) -> int:
        await check_endpoint(office, endpoint)
        rows = await office.ledger.endpoints(await office.desk.clock())
        return next((row.pending for row in rows if row.name == endpoint), 0)

    if sys.stdin.isatty() and not yes and (waiting := in_office(count)):
        what = counted(waiting, "delivery", "deliveries")
        typer.confirm(f"Give up {what} waiting at {endpoint}?", abort=True, err=True)

    async def work(office: Office) -> int:
        await check_endpoint(office, endpoint)
        dropped = 0
        while waiting := await office.desk.open_at(endpoint, AT_ONCE):
            now = await office.desk.clock()
            buried = 0
            for start in range(0, len(waiting), AT_ONCE):
                some = waiting[start : start + AT_ONCE]
                notices = [_notices(office, one, now) for one in some]
                buried += await office.desk.bury(some, "dropped by hand", notices)
            if not buried:
                break
            dropped += buried
        return dropped

    write(
        f"{counted(in_office(work), 'delivery', 'deliveries')} given up at {endpoint}"
    )


def _notices(office: Office, waiting: Waiting, now: float) -> Sequence[Telling]:
    """Tell operators as of every death; but not where everything is being given up."""
    from bridge.deliver import death_notice, tellings
    from bridge.wiring import endpoints_of

    others = [
        one for one in endpoints_of(office.settings) if one.name != waiting.endpoint
    ]
    notice = death_notice(waiting.endpoint, waiting.event, "dropped by hand", at=now)
    return tellings([notice], others)


def redeliver(
    event_id: Annotated[
        str | None, typer.Argument(metavar="EVENT_ID", show_default=False)
    ] = None,
    *,
    endpoint: Endpoint = None,
    since_text: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="ISO 8601, or 45s, 90m, 2h, 3d ago."),
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only what was given up.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Send an event again, or all that an endpoint was to be told since a time.

    Out of order, and marked webhook-redelivery: true. Asking twice sends once.
    """
    if (event_id is None) == (since_text is None):
        msg = "redeliver what? Give an EVENT_ID, or --endpoint E with --since T"
        raise Misconfigured(msg)
    if event_id is None and endpoint is None:
        msg = "redeliver to whom? --since goes with --endpoint E"
        raise Misconfigured(msg)
    from bridge.cli.office import check_endpoint, in_office

    async def work(office: Office) -> None:
        if endpoint is not None:
            await check_endpoint(office, endpoint)
        if event_id is not None:
            pairs = await _of_event(office, event_id, endpoint)
        else:
            pairs = await _since(office, str(endpoint), since_text or "", dead=dead)
        outcomes: Counter[str] = Counter()
        for start in range(0, len(pairs), WIDTH):
            some = pairs[start : start + WIDTH]
            done = await asyncio.gather(
                *(office.desk.redeliver(*pair, dead_only=dead) for pair in some)
            )
            for pair, (outcome, _) in zip(some, done, strict=True):
                outcomes[outcome] += 1
                if as_json:
                    emit({"event": pair[0], "endpoint": pair[1], "result": outcome})
        if not as_json:
            write(_summary(outcomes))

    in_office(work)


async def _of_event(
    office: Office, event_id: str, endpoint: str | None
) -> list[tuple[str, str]]:
    row = await office.ledger.event(event_id)
    if row is None:
        msg = f"no event {event_id[:64]!r} is kept; `mjbridge deliveries` lists those that are"
        raise NotFound(msg)
    names = [one.endpoint for one in row.deliveries if endpoint in {None, one.endpoint}]
    if not names:
        whom = f"endpoint {endpoint}" if endpoint else "any endpoint"
        msg = f"event {event_id} was not for {whom}"
        raise NotFound(msg)
    return [(event_id, name) for name in names]


async def _since(
    office: Office, endpoint: str, text_: str, *, dead: bool
) -> list[tuple[str, str]]:
    """List what an endpoint was to be told since a time, the oldest first."""
    cutoff = since(text_, await office.desk.clock())
    found = []
    async for row in office.ledger.deliveries(endpoint=endpoint):
        if row.at < cutoff:
            break
        # Progress that was overtaken was given up for good reason.
        if row.state == "dead" or (not dead and row.state != "superseded"):
            found.append((row.event_id, endpoint))
    return found[::-1]


def _summary(outcomes: Counter[str]) -> str:
    if not outcomes.total():
        return "nothing to redeliver"
    told = {
        "queued": "queued again",
        "open": "still on the way",
        "skipped": "not dead, left alone",
        "unknown": "no longer kept",
    }
    return ", ".join(
        f"{counted(outcomes[name], 'delivery', 'deliveries')} {words}"
        for name, words in told.items()
        if outcomes[name]
    )


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
    table(columns, [_cells(row, now, whys=whys) for row in rows])


def _cells(row: DeliveryRow, now: float, *, whys: bool) -> list[Text]:
    subject = (
        row.subject if row.subject.startswith("@") else TaskKey.read(row.subject).id
    )
    return [
        text(row.event_id, "dim"),
        text(row.type),
        text(subject),
        text(row.endpoint),
        text(row.state, STATE_STYLES.get(row.state, "")),
        text(ago(row.at, now), "dim"),
        *([text(row.reason, "dim")] if whys else []),
    ]
