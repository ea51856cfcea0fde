"""``check``: is everything as it should be, and if not, how is it mended?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import Json
from bridge.cli.output import emit, indented, line, text

if TYPE_CHECKING:
    from bridge.cli.inspections import Finding

_MARKS = {
    "ok": ("✓", "green"),
    "note": ("·", "dim"),
    "warning": ("!", "yellow"),
    "error": ("✗", "red"),
}


def check(
    *,
    online: Annotated[
        bool,
        typer.Option(
            "--online", help="Ask upstreams and chats whether they let us in."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with settings, store, upstreams, endpoints."""
    from bridge import logs
    from bridge.cli.connecting import find_settings, is_sandbox
    from bridge.cli.endpoint_inspections import inspect_endpoints, with_health
    from bridge.cli.inspections import (
        Finding,
        inspect_store,
        inspect_upstreams,
    )

    settings = find_settings()
    logs.configure(
        "debug" if settings.log_level == "debug" else "error", settings.log_format
    )
    valid = "every setting is valid"
    if is_sandbox(settings):
        valid += "; without an API key this is the sandbox, which runs here"

    async def inspected() -> list[Finding]:
        endpoints = await inspect_endpoints(settings, online=online)
        return [
            Finding(about="configuration", detail=valid),
            *await inspect_store(settings),
            *await inspect_upstreams(settings, online=online),
            *await with_health(endpoints, settings),
        ]

    findings = asyncio.run(inspected())
    room = max(len(_title(finding)) for finding in findings)
    for finding in findings:
        _print(finding, room, as_json=as_json)
    if code := max(finding.code for finding in findings):
        raise typer.Exit(code)


def _title(finding: Finding) -> str:
    return f"{finding.about} {finding.name}".strip()


def _print(finding: Finding, room: int, *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "check": finding.about,
                "name": finding.name or None,
                "level": finding.level,
                "detail": finding.detail,
                "mend": finding.mend or None,
            }
        )
        return
    mark, style = _MARKS[finding.level]
    line(
        text(f"{mark} ", style)
        + text(f"{_title(finding):<{room}}  ", "bold")
        + text(finding.detail)
    )
    if finding.mend:
        indented(text(finding.mend, style), 2 + room + 2)
