"""``worker`` and ``beat``: Celery's own, for this deployment."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from typing import Annotated

import typer

from bridge import logs
from bridge.cli.output import say
from bridge.errors import Misconfigured
from bridge.runtime.deployment import wait_for_store
from bridge.runtime.discovery import endpoints_of
from bridge.runtime.factories import receivers_of
from bridge.settings import load_settings

#: What a worker may be told to take from; the last is where producers send that name none.
QUEUES = ("poll", "deliver", "celery")


def worker(
    *,
    queues: Annotated[
        str | None,
        typer.Option(
            "--queues", "-Q", help="poll, deliver; by default both.", show_default=False
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, help="Processes in the pool.")
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
    _prepare()
    # These read the settings while they are imported, and end the process if they are wrong.
    from celery.bin.celery import celery

    from bridge.celery import app

    if "poll" in wanted and "celery" not in wanted:
        # Where producers send that name no queue, if all of the broker's keys are ours.
        known = {queue.name for queue in app.conf.task_queues}
        wanted += known & {"celery"}
    # Celery announces its end on the terminal; results belong there, and nothing else.
    sys.__stdout__ = None  # type: ignore[misc]
    # Not `app.worker_main`: that drops the exit code.
    celery.params[0].default = app
    code: int | None = celery.main(
        args=[
            "--quiet",
            "worker",
            "--pool=prefork",
            f"--concurrency={concurrency}",
            *([f"--queues={','.join(wanted)}"] if wanted else []),
            # A name of its own: two of the same name confuse whoever watches them.
            f"--hostname={'-'.join(wanted) or 'mjbridge'}-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
        ],
        standalone_mode=False,
    )
    raise typer.Exit(code or 0)


def beat() -> None:
    """
    Run Celery's beat: it gives the ticks.

    One is enough; two do no harm.
    """
    _prepare()
    from bridge.celery import app

    app.Beat(quiet=True).run()


def _prepare() -> None:
    """
    Read the settings, and wait for the store.

    Celery's configuration is a module that needs both: an error while it is imported would
    be shown as a traceback.
    """
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    logs.only_json()
    receivers_of(endpoints_of(settings))
    asyncio.run(wait_for_store(settings, say=say))
    warnings.filterwarnings("ignore", message=r"(?s).*superuser privileges")
