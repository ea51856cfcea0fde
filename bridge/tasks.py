"""
What Celery runs: each task starts something in this process's engine.

The engine is made after the fork, when the pool's child begins, or with the first task
in pools that do not fork. It is stopped when the child ends, which gives attempts in
flight a few seconds and hands the rest back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import structlog
from billiard.exceptions import WorkerLostError
from celery import signals

from bridge import logs
from bridge.celery import app
from bridge.core.event import Json
from bridge.errors import BridgeError
from bridge.runtime.deployment import wait_for_store
from bridge.runtime.engine import Engine
from bridge.settings import load_settings

log = structlog.get_logger(__name__)

_lock = threading.Lock()
_engines: dict[int, Engine] = {}


def engine() -> Engine:
    """Return this process's engine; the first call makes it."""
    with _lock:
        pid = os.getpid()
        if pid not in _engines:
            _engines.clear()  # inherited over a fork: its thread stayed behind
            _engines[pid] = Engine(load_settings(), wake=wake)
        return _engines[pid]


def wake() -> None:
    """Publish a wake-up for a deliverer; if that fails, the next tick does its work."""
    try:
        deliver.apply_async(expires=5.0)
    except Exception as error:  # noqa: BLE001 - a broker that is away is no reason to fail
        log.warning("wake_up.not_sent", error=type(error).__name__)


@app.task(name="mjbridge.poll")
def poll() -> None:
    """Poll everything that is due."""
    engine().poll()


@app.task(name="mjbridge.deliver")
def deliver() -> None:
    """Deliver everything that is due."""
    engine().deliver()


@app.task(name="mjbridge.sweep")
def sweep() -> None:
    """Do a sweep's worth of housekeeping."""
    engine().sweep()


@app.task(name="mjbridge.track")
def track(
    ids: Sequence[object],
    upstream: str | None = None,
    metadata: dict[str, Json] | None = None,
) -> None:
    """
    Track tasks, from any Celery producer on the same broker.

    Ids that are not ids, or an upstream that is not configured, are logged: a producer
    that does not wait for results has no other way to learn it.
    """
    try:
        tracked = engine().track(ids, upstream, metadata)
    except BridgeError as error:
        log.error("track.refused", error=str(error))  # noqa: TRY400 - a trace says no more
        return
    log.info("track.done", tracked=len(tracked.tracked), known=len(tracked.known))
    engine().poll()


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)


@signals.worker_init.connect
@signals.beat_init.connect
def _wait_for_the_store(**_: Any) -> None:
    try:
        warnings = asyncio.run(wait_for_store(load_settings(), say=_say))
    except BridgeError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    _set_up_logging()
    for warning in warnings:
        log.warning("store.careless", detail=warning)


def _say(line: str) -> None:
    print(f"mjbridge: {line}", file=sys.stderr)  # noqa: T201 - logs may be off


# --- a pool's children and their worker ----------------------------------------------


class DrainPipe:
    """
    Tells the children of a pool to drain, in the moment when their worker is asked to end.

    A worker has to be gone 5 s after SIGTERM, attempts in flight included. But Celery tells
    the children to end only when its own loop has come round, and each child then sleeps for
    a second, for its parent to read a message that nobody reads at that time (billiard,
    `pool.Worker._do_exit`). So children watch the reading end of a pipe: it ends when the
    worker lets go of the other one, or is killed; and they leave at once.
    """

    def __init__(self) -> None:
        self._reader = self._writer = -1
        self._worker = 0  #: the process that holds the writing end

    def open(self) -> None:
        """Open it, in the worker, before it forks."""
        self._reader, self._writer = os.pipe()
        self._worker = os.getpid()

    def release(self) -> None:
        """Let go of the writing end, in the worker: every child drains, also later ones."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def in_child(self) -> int | None:
        """
        Return the end to watch, in a child that was just forked. Ends the process if the
        worker has let go already.

        Returns:
            ``None`` in a pool that does not fork: that is the worker itself.
        """
        if self._worker in {0, os.getpid()}:
            return None
        if self._writer < 0:
            os._exit(0)
        self.release()  # the child's copy, which would keep the pipe open
        return self._reader


_pipe = DrainPipe()


@signals.worker_init.connect
def _open_pipe(**_: Any) -> None:
    _pipe.open()


@signals.worker_shutting_down.connect
def _drain_children(**_: Any) -> None:
    _pipe.release()
    # Where the whole group was asked to end (honcho, Kubernetes), children go in the middle of
    # a task, and Celery logs each as lost. They drain, which is not an error.
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_a_lost_child)


def _is_not_a_lost_child(record: logging.LogRecord) -> bool:
    return WorkerLostError.__name__ not in record.getMessage()


@signals.worker_process_init.connect
def _begin(**_: Any) -> None:
    reader = _pipe.in_child()
    if reader is not None:
        engine().drain_at_end_of(reader)
    else:
        engine()


@signals.worker_shutdown.connect
def _end(**_: Any) -> bool:
    ours = _engines.pop(os.getpid(), None)
    if ours is None:
        return False
    ours.stop()
    return ours.cut_off


@signals.worker_process_shutdown.connect
def _end_of_child(**_: Any) -> None:
    if _end():
        os._exit(0)
