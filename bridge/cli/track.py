"""``track``: begin to follow tasks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.app.follow import Follower
from bridge.app.humanize import counted
from bridge.app.lookup import check_ids, choose_upstream
from bridge.app.ports import Tracked
from bridge.app.views.tasks import TrackingResult, TrackingView
from bridge.cli.arguments import JsonOption, UpstreamOption, pairs, read_given
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import emit, line, say, text, write
from bridge.cli.watch import print_until_ended
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import find_settings

#: Ids up to which each is named on a line of its own.
FEW = 20
#: Bytes of a list of ids: a million of real ones.
LARGEST_LIST = 17_000_000


def track(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID... [-]", help="Task ids; - reads them from stdin."),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A file of ids, one a line.")
    ] = None,
    upstream: UpstreamOption = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta", metavar="K=V", help="Every event of the tasks carries it."
        ),
    ] = None,
    hook: Annotated[
        str | None,
        typer.Option(
            "--hook", metavar="URL", help="A receiver of these tasks' events."
        ),
    ] = None,
    hook_format: Annotated[
        str | None,
        typer.Option(
            "--hook-format",
            metavar="event|midjourney",
            help="What it is sent: our events, or the task as notifyHook sends it.",
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", "-w", help="Wait until all have ended; exit 0 if all succeeded."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """
    Follow tasks: every change is sent to your endpoints.

    All ids are checked before any is tracked. Tracking a task again changes nothing, except
    that it takes on a hook if it has none.
    """
    metadata = pairs(meta)
    wanted = check_ids(_gather(ids or (), file))
    name = choose_upstream(list(find_settings().upstreams), upstream)

    async def work(deployment: Deployment) -> bool:
        keys = [TaskKey(name, one) for one in wanted]
        follower = Follower(deployment.queries, deployment.feed)
        if wait:
            await follower.start()
        tracked = await deployment.tracking.track(
            wanted,
            upstream=name,
            metadata=metadata,
            hook=hook,
            hook_format=hook_format,
        )
        _print(tracked, name, as_json=as_json)
        if tracked.rejected or not wait:
            return not tracked.rejected
        try:
            steps = follower.until_ended(keys)
            return await print_until_ended(steps, as_json=as_json)
        finally:
            if sys.exc_info()[0] is not None:
                say("no longer waiting; the tasks stay tracked")

    if not in_deployment(work):
        raise typer.Exit(1)


def _gather(given: Sequence[str], file: Path | None) -> list[str]:
    wanted: list[str] = []
    for one in given:
        if one == "-":
            wanted += _words(read_given(None, LARGEST_LIST), "stdin")
        else:
            wanted.append(one)
    if file is not None:
        wanted += _words(read_given(file, LARGEST_LIST), str(file))
    if not wanted:
        msg = "no task id was given (mjbridge track --help)"
        raise Misconfigured(msg)
    return wanted


def _words(content: bytes, where: str) -> list[str]:
    try:
        return content.decode("utf-8-sig").split()
    except UnicodeDecodeError:
        msg = f"{where} is not UTF-8 text"
        raise Misconfigured(msg) from None


def _print(tracked: Tracked, upstream: str, *, as_json: bool) -> None:
    results: list[tuple[TrackingResult, str, Sequence[str]]] = [
        ("tracked", "green", tracked.tracked),
        ("known", "dim", tracked.known),
        ("rejected", "red", tuple(tracked.rejected)),
    ]
    few = sum(len(ids) for _, _, ids in results) <= FEW
    for result, style, ids in results:
        for task_id in ids:
            if as_json:
                emit(TrackingView(id=task_id, upstream=upstream, result=result))
            elif few:
                line(text(f"{result} ", style) + text(task_id))
    if not as_json and not few:
        write(
            f"{counted(len(tracked.tracked), 'task')} tracked, "
            f"{len(tracked.known):,} known already"
        )
    for reason in dict.fromkeys(tracked.rejected.values()):
        say(f"rejected: {reason}")
