"""``endpoints``: who is told, how that goes, and how to stop it for a while."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bridge.cli.options import Json
from bridge.cli.options import event_type as known_type
from bridge.cli.output import STATE_STYLES, Column, emit, line, say, table, text
from bridge.cli.words import ago, counted, masked, span
from bridge.core.event import iso

if TYPE_CHECKING:
    from rich.text import Text

    from bridge.adapters.store.queries import EndpointRow
    from bridge.core.delivery import Attempt
    from bridge.runtime import Deployment
    from bridge.settings import EndpointSettings, Settings

app = typer.Typer(
    help="List endpoints; test, pause and resume them.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name.")]


@app.callback()
def endpoints(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List endpoints and how they are; or test, pause and resume one."""
    if ctx.invoked_subcommand is not None:
        return
    from bridge.cli.connecting import in_deployment

    async def work(deployment: Deployment) -> None:
        now = await deployment.admin.clock()
        rows = {row.name: row for row in await deployment.queries.endpoints(now)}
        configured = deployment.settings.endpoints
        names = [*configured, *(name for name in rows if name not in configured)]
        if as_json:
            for name in names:
                emit(_json(name, configured.get(name), rows.get(name)))
        elif names:
            _print(
                [
                    _cells(name, configured.get(name), rows.get(name), now)
                    for name in names
                ]
            )
        else:
            say(
                "no endpoint is configured; BRIDGE_ENDPOINTS__ME__URL=https://... adds one"
            )

    in_deployment(work)


@app.command("test")
def try_out(
    name: Name,
    *,
    event_type: Annotated[
        str,
        typer.Option(
            "--type", "-t", help="The type of event to send.", callback=known_type
        ),
    ] = "task.succeeded",
    as_json: Json = False,
) -> None:
    """Send a sample event to an endpoint now, and say what it answers."""
    from bridge.cli.connecting import find_settings

    attempt = asyncio.run(_try(name, find_settings(), event_type))
    if as_json:
        emit(
            {
                "endpoint": name,
                "type": event_type,
                "delivered": attempt.succeeded,
                "status": attempt.status,
                "fault": attempt.fault,
                "took": round(attempt.took, 4),
                "detail": attempt.detail,
            }
        )
    else:
        mark = text("✓ ", "green") if attempt.succeeded else text("✗ ", "red")
        what = f"HTTP {attempt.status}" if attempt.status else str(attempt.fault)
        detail = f"  {attempt.detail}" if attempt.detail else ""
        line(
            mark
            + text(f"{name}  ", "bold")
            + text(f"{what} in {span(attempt.took)}")
            + text(detail, "dim")
        )
    if not attempt.succeeded:
        raise typer.Exit(1)


async def _try(name: str, settings: Settings, event_type: str) -> Attempt:
    from bridge.adapters.http.guard import Guard
    from bridge.adapters.http.sender import Sender
    from bridge.app.delivery.attempt import run_exchange
    from bridge.channels import channel_for
    from bridge.cli.rehearsal import configured, occasion_of
    from bridge.core.http import ChannelState

    async def forget(_state: ChannelState) -> bool:
        return True  # the next test is another task's

    endpoint = configured(name, settings.endpoints)
    context = occasion_of(event_type, endpoint, at=time.time())
    sender = Sender(guard=Guard(settings.allow_networks))
    try:
        outcome = await run_exchange(
            channel_for(endpoint.kind).deliver(context),
            endpoint,
            sender=sender,
            save_state=forget,
            now=time.time,
            elapsed=time.monotonic,
        )
    finally:
        await sender.aclose()
    return outcome.attempt


@app.command()
def pause(name: Name) -> None:
    """Hold an endpoint's deliveries; they go on collecting."""
    _switch(name, "pause")


@app.command()
def resume(name: Name) -> None:
    """Deliver to an endpoint again that was paused, or disabled by a 410."""
    _switch(name, "resume")


def _switch(name: str, what: Literal["pause", "resume"]) -> None:
    from bridge.cli.connecting import check_endpoint, in_deployment

    async def work(deployment: Deployment) -> None:
        await check_endpoint(deployment, name)
        changed, _ = await deployment.admin.switch(name, what)
        now = await deployment.admin.clock()
        row = next(
            (
                one
                for one in await deployment.queries.endpoints(now)
                if one.name == name
            ),
            None,
        )
        waiting = row.pending if row else 0
        words = "paused" if what == "pause" else "resumed"
        already = (
            "" if changed else ("already " if what == "pause" else "was not paused: ")
        )
        verb = (
            ("is held" if waiting == 1 else "are held") if what == "pause" else "to go"
        )
        after = (
            f", {counted(waiting, 'delivery', 'deliveries')} {verb}" if waiting else ""
        )
        done = f"{already}{words}" if what == "pause" or changed else "was not paused"
        line(text(f"{name}  ", "bold") + text(f"{done}{after}"))

    in_deployment(work)


def _json(
    name: str, settings: EndpointSettings | None, row: EndpointRow | None
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": settings.kind if settings else row.kind if row else None,
        "url": masked(settings.url.get_secret_value()) if settings else None,
        "configured": settings is not None,
        "state": row.state if row else "idle",
        "pending": row.pending if row else 0,
        "dead": row.dead if row else 0,
        "failures": row.failures if row else 0,
        "failingSince": _iso(row.failing_since if row else None),
        "reason": row.reason if row else None,
        "until": _iso(row.until if row else None),
        "latency": round(row.latency, 4) if row and row.latency is not None else None,
        "succeededAt": _iso(row.succeeded_at if row else None),
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _print(rows: list[list[Text]]) -> None:
    table(
        [
            Column(title="ENDPOINT"),
            Column(title="KIND"),
            Column(title="STATE"),
            Column(title="WAITING", right=True),
            Column(title="DEAD", right=True),
            Column(title="LATENCY", right=True),
            Column(title="LAST OK", right=True),
            Column(title="WHERE", gives_way=True),
            Column(title="", gives_way=True),
        ],
        rows,
    )


def _cells(
    name: str, settings: EndpointSettings | None, row: EndpointRow | None, now: float
) -> list[Text]:
    state = row.state if row else "idle"
    dead = row.dead if row else 0
    latency = row.latency if row else None
    succeeded_at = row.succeeded_at if row else None
    return [
        text(name, "bold"),
        text(settings.kind if settings else row.kind if row else ""),
        text(state, STATE_STYLES.get(state, "")),
        text(f"{row.pending:,}" if row else "0"),
        text(f"{dead:,}", "red" if dead else ""),
        text(span(latency) if latency is not None else "-", "dim"),
        text(ago(succeeded_at, now), "dim"),
        text(
            masked(settings.url.get_secret_value()) if settings else "not configured",
            "dim",
        ),
        text(_why(row, now), "red" if state in {"disabled", "open"} else "yellow"),
    ]


def _why(row: EndpointRow | None, now: float) -> str:
    """Say why an endpoint is not simply fine, and what comes next."""
    if row is None or row.state in {"ok", "idle", "paused"}:
        return ""
    parts = [row.reason or ""]
    if row.state == "failing" and row.failing_since:
        parts.append(f"since {span(now - row.failing_since)}")
    if row.until:
        parts.append(f"tried again {ago(row.until, now)}")
    if row.state == "disabled":
        parts.append(f"mjbridge endpoints resume {row.name}")
    return "; ".join(part for part in parts if part)
