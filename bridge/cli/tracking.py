"""``track`` and ``untrack``: which tasks are followed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import Json, Upstream
from bridge.cli.output import emit, line, say, text, write
from bridge.cli.words import counted
from bridge.errors import Misconfigured

if TYPE_CHECKING:
    from bridge.app.ports import Tracked
    from bridge.runtime import Deployment

#: Ids up to which each is told on a line of its own.
FEW = 20


def track(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID... [-]", help="Task ids; - reads them from stdin."),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A file of ids, one a line.")
    ] = None,
    upstream: Upstream = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta", metavar="K=V", help="Carried by every event of the tasks."
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", "-w", help="Until all have ended; 0 if all succeeded."),
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Follow tasks: every change of them is told to your endpoints.

    All ids are checked before any is tracked. Tracking one twice changes nothing.
    """
    metadata = dict(_pair(given) for given in meta or ())
    wanted = _gather(ids or (), file)
    from bridge.cli.connecting import find_settings, in_deployment
    from bridge.cli.watching import follow
    from bridge.core.task import TaskKey
    from bridge.runtime import checked, choose_upstream

    checked(wanted)
    name = choose_upstream(find_settings(), upstream)

    async def work(deployment: Deployment) -> bool:
        keys = [TaskKey(name, one) for one in dict.fromkeys(wanted)]
        told = dict.fromkeys(keys, 0)
        if wait:
            told |= {
                row.key: row.sequence for row in await deployment.queries.rows(keys)
            }
        tracked = await deployment.track(wanted, upstream=name, metadata=metadata)
        _tell(tracked, name, as_json=as_json)
        if not wait:
            return True
        try:
            return await follow(deployment, keys, as_json=as_json, told=told)
        finally:
            if sys.exc_info()[0] is not None:
                say("no longer waiting; the tasks stay tracked")

    if not in_deployment(work):
        raise typer.Exit(1)


def untrack(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Task ids.")],
    *,
    upstream: Upstream = None,
    as_json: Json = False,
) -> None:
    """Stop looking at tasks; what is queued is still delivered."""
    from bridge.cli.connecting import find_task, in_deployment
    from bridge.errors import NotFound
    from bridge.runtime import checked

    wanted = checked(ids)

    async def work(deployment: Deployment) -> bool:
        rows, unknown = [], []
        for one in wanted:
            try:
                rows.append(await find_task(deployment, one, upstream))
            except NotFound as error:
                unknown.append(str(error))
        for row in rows:
            stopped = await deployment.admin.untrack(row.key)
            word = "untracked" if stopped else "not tracked"
            if as_json:
                emit({"id": row.key.id, "upstream": row.key.upstream, "result": word})
            else:
                _tell_one(word, row.key.id)
        for problem in unknown:
            say(problem)
        return not unknown

    if not in_deployment(work):
        raise typer.Exit(1)


def _gather(given: Sequence[str], file: Path | None) -> list[str]:
    wanted: list[str] = []
    for one in given:
        if one == "-":
            wanted += _words(sys.stdin.buffer.read(), "stdin")
        else:
            wanted.append(one)
    if file is not None:
        try:
            wanted += _words(file.read_bytes(), str(file))
        except OSError as error:
            msg = f"cannot read {file}: {(error.strerror or 'unknown error').lower()}"
            raise Misconfigured(msg) from error
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


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        msg = f"not a K=V: {given!r}; write --meta order=77"
        raise Misconfigured(msg)
    return name.strip(), value


def _tell(tracked: Tracked, upstream: str, *, as_json: bool) -> None:
    results = [("tracked", tracked.tracked), ("known", tracked.known)]
    for word, ids in results:
        for task_id in ids:
            if as_json:
                emit({"id": task_id, "upstream": upstream, "result": word})
            elif len(tracked.tracked) + len(tracked.known) <= FEW:
                _tell_one(word, task_id)
    if as_json:
        sys.stdout.flush()  # before a wait that may be long
    elif len(tracked.tracked) + len(tracked.known) > FEW:
        write(
            f"{counted(len(tracked.tracked), 'task')} tracked, "
            f"{len(tracked.known):,} known already"
        )


def _tell_one(word: str, task_id: str) -> None:
    styles = {"tracked": "green", "untracked": "magenta"}
    line(text(f"{word} ", styles.get(word, "dim")) + text(task_id))
