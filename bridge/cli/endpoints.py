"""``endpoints``: who gets events, how that goes, and how to hold it for a while."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from bridge.app.humanize import ago, counted, masked_url, span
from bridge.app.operations import Switched
from bridge.app.ports import EndpointRow
from bridge.app.views.endpoints import EndpointView, SampleView
from bridge.cli.arguments import Json, event_type
from bridge.cli.output import STATE_STYLES, emit, line, say, text
from bridge.cli.session import in_deployment
from bridge.cli.tables import Column, table
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.runtime.checkup import try_endpoint
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoint_of, endpoints_of, find_settings

app = typer.Typer(invoke_without_command=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name.")]


@app.callback()
def endpoints(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List endpoints and how they are doing; test, pause and resume them."""
    if ctx.invoked_subcommand is not None:
        return

    async def work(deployment: Deployment) -> None:
        now = await deployment.admin.clock()
        kept = {row.name: row for row in await deployment.queries.endpoints(now)}
        configured = {one.name: one for one in endpoints_of(deployment.settings)}
        known = [
            (configured.get(name), kept.get(name) or EndpointRow(name=name))
            for name in dict.fromkeys([*configured, *kept])
        ]
        if as_json:
            for endpoint, row in known:
                emit(EndpointView.of(endpoint, row))
        elif known:
            _print(known, now)
        else:
            say(
                "no endpoint is configured; BRIDGE_ENDPOINTS__ME__URL=https://... adds one"
            )

    in_deployment(work)


@app.command()
def pause(name: Name) -> None:
    """Hold an endpoint's deliveries; they go on collecting."""
    done = in_deployment(lambda deployment: deployment.operations.pause(name))
    held = "is held" if done.pending == 1 else "are held"
    _print_switched(name, "paused" if done.changed else "already paused", done, held)


@app.command()
def resume(name: Name) -> None:
    """Deliver again to an endpoint that was paused, or disabled by a 410."""
    done = in_deployment(lambda deployment: deployment.operations.resume(name))
    what = "resumed" if done.changed else "was not paused"
    _print_switched(name, what, done, "to go")


def _print_switched(name: str, what: str, done: Switched, held: str) -> None:
    waiting = counted(done.pending, "delivery", "deliveries")
    rest = f", {waiting} {held}" if done.pending else ""
    line(text(f"{name}  ", "bold") + text(f"{what}{rest}"))


@app.command("test")
def send_test(
    name: Name,
    *,
    type_: Annotated[
        str,
        typer.Option(
            "--type", "-t", help="The type of event to send.", callback=event_type
        ),
    ] = "task.succeeded",
    as_json: Json = False,
) -> None:
    """Send a sample event to an endpoint now, and show what it answers."""
    settings = find_settings()
    endpoint = endpoint_of(settings, name)
    attempt = asyncio.run(try_endpoint(settings, endpoint, type_))
    if as_json:
        emit(SampleView.of(name, type_, attempt))
    else:
        _print_attempt(name, attempt)
    if not attempt.succeeded:
        raise typer.Exit(1)


def _print_attempt(name: str, attempt: Attempt) -> None:
    mark = text("✓ ", "green") if attempt.succeeded else text("✗ ", "red")
    what = f"HTTP {attempt.status}" if attempt.status else str(attempt.fault)
    line(
        mark
        + text(f"{name}  ", "bold")
        + text(f"{what} in {span(attempt.took)}")
        + text(f"  {attempt.detail}" if attempt.detail else "", "dim")
    )


def _print(known: list[tuple[Endpoint | None, EndpointRow]], now: float) -> None:
    columns = [
        Column(title="ENDPOINT"),
        Column(title="KIND"),
        Column(title="STATE"),
        Column(title="WAITING", right=True),
        Column(title="DEAD", right=True),
        Column(title="LATENCY", right=True),
        Column(title="LAST OK", right=True),
        Column(title="WHERE", gives_way=True),
        Column(title="", gives_way=True),
    ]
    table(columns, [_cells(endpoint, row, now) for endpoint, row in known])


def _cells(endpoint: Endpoint | None, row: EndpointRow, now: float) -> list[Text]:
    return [
        text(row.name, "bold"),
        text(endpoint.kind if endpoint else row.kind),
        text(row.state, STATE_STYLES.get(row.state, "")),
        text(f"{row.pending:,}"),
        text(f"{row.dead:,}", "red" if row.dead else ""),
        text(span(row.latency) if row.latency is not None else "-", "dim"),
        text(ago(row.succeeded_at, now), "dim"),
        text(masked_url(endpoint.url) if endpoint else "not configured", "dim"),
        text(_why(row, now), "red" if row.state in {"disabled", "open"} else "yellow"),
    ]


def _why(row: EndpointRow, now: float) -> str:
    """Explain why an endpoint is not ok, and what comes next."""
    if row.state in {"ok", "idle", "paused"}:
        return ""
    parts = [row.reason or ""]
    if row.state == "failing" and row.failing_since:
        parts.append(f"since {span(now - row.failing_since)}")
    if row.until:
        parts.append(f"tried again {ago(row.until, now)}")
    if row.state == "disabled":
        parts.append(f"mjbridge endpoints resume {row.name}")
    return "; ".join(part for part in parts if part)
