"""``untrack``: stop following tasks."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.app.lookup import check_ids
from bridge.app.views.tasks import TrackingResult, TrackingView
from bridge.cli.arguments import JsonOption, UpstreamOption
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import emit, line, say, text
from bridge.runtime.deployment import Deployment


def untrack(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Task ids.")],
    *,
    upstream: UpstreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop polling tasks; what is queued is still delivered."""
    wanted = check_ids(ids)

    async def work(deployment: Deployment) -> bool:
        done = await deployment.tracking.untrack(wanted, upstream=upstream)
        for key, stopped in done.stopped.items():
            result: TrackingResult = "untracked" if stopped else "not tracked"
            if as_json:
                emit(TrackingView(id=key.id, upstream=key.upstream, result=result))
            else:
                style = "magenta" if stopped else "dim"
                line(text(f"{result} ", style) + text(key.id))
        for problem in done.unknown:
            say(problem)
        return not done.unknown

    if not in_deployment(work):
        raise typer.Exit(1)
