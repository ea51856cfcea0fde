"""``worker``: Celery's own, for this deployment."""

from __future__ import annotations

import os
import sys
from socket import gethostname
from typing import Annotated

import typer

from bridge.cli.service import begin_process
from bridge.errors import Misconfigured

#: Queues that a worker can take from; the last is the one of producers that name none.
QUEUES = ("poll", "deliver", "celery")

#: One polls thousands of tasks; what asks for more than this has slipped, and would take the machine down.
MOST_PROCESSES = 256


def worker(
    *,
    queues: Annotated[
        str | None,
        typer.Option(
            "--queues", "-Q", help="poll, deliver; by default both.", show_default=False
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            "-c",
            min=1,
            max=MOST_PROCESSES,
            help="Processes in the pool.",
        ),
    ] = 2,
) -> None:
    """
    Run a Celery worker: it polls and delivers.

    Start as many as you like, on as many machines.
    """
    wanted = [name.strip() for name in (queues or "").split(",") if name.strip()]
    for name in wanted:
        if name not in QUEUES:
            msg = f"there is no queue {name!r}; there are {', '.join(QUEUES)}"
            raise Misconfigured(msg)
    begin_process()
    # Reads the settings while it is imported, and ends the process if they are wrong.
    from bridge.celery import app

    if "poll" in wanted and "celery" not in wanted:
        # Where producers send that name no queue, if all of the broker's keys are ours.
        known = {queue.name for queue in app.conf.task_queues}
        wanted += known & {"celery"}
    # Celery announces its end on the terminal; results belong there, and nothing else.
    sys.__stdout__ = None  # type: ignore[misc]
    # Not Celery's command: to import its shell takes a quarter of what starting does.
    running = app.Worker(
        quiet=True,
        pool_cls="prefork",
        concurrency=concurrency,
        queues=wanted or None,
        # A name of its own: two of the same name confuse whoever watches them.
        hostname=f"{'-'.join(wanted) or 'mjbridge'}-{os.getpid()}@{gethostname()}",
        without_gossip=True,
        without_mingle=True,
    )
    running.start()
    raise typer.Exit(running.exitcode or 0)
