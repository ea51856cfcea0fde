"""``check``: what is wrong with a deployment, and how to mend it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bridge.app.findings import Finding
from bridge.app.views.endpoints import FindingView
from bridge.cli.arguments import JsonOption
from bridge.cli.output import emit, indented, line, text
from bridge.runtime.checkup import check_up
from bridge.runtime.discovery import find_settings

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
            "--online", help="Also ask upstreams and platforms if they accept us."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check settings, store, workers, upstreams and endpoints."""
    findings = asyncio.run(check_up(find_settings(), online=online))
    width = max(len(_title(finding)) for finding in findings)
    for finding in findings:
        if as_json:
            emit(
                FindingView(
                    check=finding.about,
                    name=finding.name or None,
                    level=finding.level,
                    detail=finding.detail,
                    mend=finding.mend or None,
                )
            )
        else:
            _print(finding, width)
    if code := max(finding.code for finding in findings):
        raise typer.Exit(code)


def _title(finding: Finding) -> str:
    return f"{finding.about} {finding.name}".strip()


def _print(finding: Finding, width: int) -> None:
    mark, style = _MARKS[finding.level]
    line(
        text(f"{mark} ", style)
        + text(f"{_title(finding):<{width}}  ", "bold")
        + text(finding.detail)
    )
    if finding.mend:
        indented(text(finding.mend, style), 2 + width + 2)
