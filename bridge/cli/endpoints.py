"""``endpoints``: who gets events, how that goes, and how to hold it for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from bridge.app.click_errors import explain_click_error
from bridge.app.endpoint_control import KnownEndpoint, Switched
from bridge.app.humanize import ago, counted, host_of, span
from bridge.app.ports import EndpointRow
from bridge.app.removed import how_held, mend_of_removed
from bridge.app.views.endpoints import EndpointView, SampleView
from bridge.cli.arguments import JsonOption, event_type
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATE_STYLES, emit, line, say, text
from bridge.cli.tables import Column, table
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoint_of, find_settings
from bridge.runtime.sample_delivery import try_endpoint, why_later

app = typer.Typer(add_completion=False, invoke_without_command=True)
#: Characters of a response that a person is shown; ``--json`` has what is kept of it.
SHOWN = 200

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The endpoint's name.")
]


@app.callback()
def endpoints(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List endpoints and how they are doing; test, pause and resume them."""
    if ctx.invoked_subcommand is not None:
        return

    async def work(deployment: Deployment) -> None:
        known = await deployment.endpoint_control.endpoints()
        if as_json:
            for one in known:
                emit(EndpointView.of(one.endpoint, one.row))
        elif known:
            _print(known, await deployment.admin.clock())
        else:
            say(
                "no endpoint is configured; BRIDGE_ENDPOINTS__ME__URL=https://... adds one"
            )

    in_deployment(work)


@app.command()
def pause(name: NameArgument) -> None:
    """Hold an endpoint's deliveries; they go on collecting."""
    done = in_deployment(lambda deployment: deployment.endpoint_control.pause(name))
    held = "is held" if done.pending == 1 else "are held"
    _print_switched(name, "paused" if done.changed else "already paused", done, held)


@app.command()
def resume(name: NameArgument) -> None:
    """Deliver again to an endpoint that was paused or disabled; try at once what waits."""
    done = in_deployment(lambda deployment: deployment.endpoint_control.resume(name))
    if done.held:
        waiting = counted(done.pending, "delivery", "deliveries")
        what = f"{name} is not configured, so what waits is {done.held} ({waiting})"
        say(f"{what}; {mend_of_removed(name)}")
        raise typer.Exit(1)
    what = "resumed" if done.changed else "was not paused"
    held = f"waiting: {done.later}" if done.later else "to go"
    _print_switched(name, what, done, held)


def _print_switched(name: str, what: str, done: Switched, held: str) -> None:
    waiting = counted(done.pending, "delivery", "deliveries")
    rest = f", {waiting} {held}" if done.pending else ""
    line(text(f"{name}  ", "bold") + text(f"{what}{rest}"))


@app.command("test")
def send_test(
    name: NameArgument,
    *,
    type_: Annotated[
        str,
        typer.Option(
            "--type", "-t", help="The type of event to send.", callback=event_type
        ),
    ] = "task.succeeded",
    as_json: JsonOption = False,
) -> None:
    """Send a sample event to an endpoint now, and show what it answers."""
    settings = find_settings()
    endpoint = endpoint_of(settings, name)
    if why := asyncio.run(why_later(settings, name)):
        say(f"{name}: {why}; the sample is sent all the same")
    attempt = asyncio.run(try_endpoint(settings, endpoint, type_))
    if as_json:
        emit(SampleView.of(name, type_, attempt))
    else:
        _print_attempt(name, attempt)
    if not attempt.succeeded:
        raise typer.Exit(1)


def _print_attempt(name: str, attempt: Attempt) -> None:
    mark = text("✓ ", "green") if attempt.succeeded else text("✗ ", "red")
    detail = attempt.detail[:SHOWN] + "…" * (len(attempt.detail) > SHOWN)
    what = f"HTTP {attempt.status}" if attempt.status else str(attempt.fault)
    line(
        mark
        + text(f"{name}  ", "bold")
        + text(f"{what} in {span(attempt.duration)}")
        + text(f"  {detail}" if detail else "", "dim")
    )


def _print(known: Sequence[KnownEndpoint], now: float) -> None:
    columns = [
        Column(title="ENDPOINT"),
        Column(title="KIND"),
        Column(title="STATE"),
        Column(title="WAITING", right=True),
        Column(title="DEAD", right=True),
        Column(title="LATENCY", right=True),
        Column(title="LAST OK", right=True),
        Column(title="HOST", gives_way=True),
        Column(title="", gives_way=True),
    ]
    table(columns, [_cells(one.endpoint, one.row, now) for one in known])


def _cells(endpoint: Endpoint | None, row: EndpointRow, now: float) -> list[Text]:
    return [
        text(row.name, "bold"),
        text(endpoint.kind if endpoint else row.kind),
        text(row.state, STATE_STYLES.get(row.state, "")),
        text(f"{row.pending:,}"),
        text(f"{row.dead:,}", "red" if row.dead else ""),
        text(span(row.latency) if row.latency is not None else "-", "dim"),
        text(ago(row.succeeded_at, now), "dim"),
        text(host_of(endpoint.url) if endpoint else "not configured", "dim"),
        text(
            _why(endpoint, row, now),
            "red" if row.state in {"disabled", "open"} else "yellow",
        ),
    ]


def _why(endpoint: Endpoint | None, row: EndpointRow, now: float) -> str:
    """Explain why an endpoint is not served or not heard, and what comes next."""
    if endpoint is None and (held := how_held(row, now)):
        return held
    clicks = explain_click_error(row)
    if row.state == "paused" or (row.state == "up" and row.until is None):
        return "; ".join(clicks)
    parts = [row.reason or "", *clicks]
    if row.state == "failing" and row.failing_since:
        parts.append(f"since {span(now - row.failing_since)}")
    if row.state == "open" and not row.pending:
        parts.append("breaker open, to be tried with the next event")
    elif row.until:
        trial = "breaker open, next trial" if row.state == "open" else "tried again"
        parts.append(f"{trial} {ago(row.until, now)}")
    if row.state == "disabled":
        parts.append(f"mjbridge endpoints resume {row.name}")
    return "; ".join(part for part in parts if part)
