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
    from bridge.cli.endpoint_inspections import inspect_endpoints
    from bridge.cli.inspections import (
        Finding,
        inspect_store,
        inspect_upstreams,
    )
    from bridge.settings import load_settings

    settings = load_settings()
    logs.configure(
        "debug" if settings.log_level == "debug" else "error", settings.log_format
    )
    findings = [
        Finding(about="configuration", detail="every setting is valid"),
        *asyncio.run(inspect_store(settings)),
        *asyncio.run(inspect_upstreams(settings, online=online)),
        *asyncio.run(inspect_endpoints(settings, online=online)),
    ]
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
