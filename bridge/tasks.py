"""
What Celery runs: each task starts something in this process's engine.

The engine is made after the fork, when the pool's child begins, or with the first task
in pools that do not fork. It is stopped when the child ends, which gives attempts in
flight a few seconds and hands the rest back.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from billiard.exceptions import WorkerLostError
from celery import signals

from bridge import logs
from bridge.celery import app
from bridge.errors import BridgeError
from bridge.runtime.deployment import wait_for_store
from bridge.runtime.discovery import NO_KEY
from bridge.settings import load_settings

if TYPE_CHECKING:
    from bridge.runtime.engine import Engine

log = structlog.get_logger(__name__)

#: Seconds after which a worker that was asked to end does, whatever it waits for. Celery
#: speaks to the broker in between, and tries again for ever. Its children have drained by then.
LAST_RESORT = 7.0
#: Objects that are made, and not freed, until a child looks for cycles of garbage. Deliveries leave none
#: behind; with Python's own number, looking for them took a seventh of a busy deliverer's time.
COLLECT_AFTER = 20_000

_lock = threading.Lock()
_engines: dict[int, Engine] = {}


def engine() -> Engine:
    """Return this process's engine; the first call makes it."""
    # Not above: beat has none, and is up sooner, and smaller, without its imports.
    from bridge.runtime.engine import Engine

    with _lock:
        pid = os.getpid()
        if pid not in _engines:
            _engines.clear()  # inherited over a fork: its thread stayed behind
            queues = app.amqp.queues.consume_from
            _engines[pid] = Engine(load_settings(), queues=queues)
        return _engines[pid]


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


@app.task(name="mjbridge.track", bind=True)
def track(self: Any, /, *args: Any, **options: Any) -> None:
    """
    Track tasks, from any Celery producer on the same broker.

    Arguments are those of `bridge.track`: ids, upstream, metadata, hook, hook_format. What is wrong
    with them is logged.
    """
    _take(self, args, options)


@app.task(name="mjbridge.press", bind=True)
def press(self: Any, /, *args: Any, **options: Any) -> str | None:
    """
    Press a button of a task: its id, the button, the upstream; options are those of `bridge.press`.

    Returns:
        The action's id; ``None`` if there is none.
    """
    return _take(self, args, options)


@app.task(name="mjbridge.imagine", bind=True)
def imagine(self: Any, /, *args: Any, **options: Any) -> str | None:
    """
    Submit a prompt, as `press` does a press; options are those of `bridge.imagine`.

    Without a ``key`` of its own, it has the message's id: one that is delivered twice submits once.
    """
    return _take(self, args, options)


def _take(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Do what a message asks for; return the id of the action that was asked for, if one was."""
    try:
        action = engine().take(task.name, args, kwargs, message=task.request.id)
    except BridgeError as error:
        log.error("message.refused", task=task.name, error=str(error))  # noqa: TRY400
        return None
    if action is None:
        return None
    return action.id


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)


@signals.beat_init.connect
def _end_beat_at_once(**_: Any) -> None:
    # Celery's own handler raises SystemExit wherever beat is, in the middle of a line of its
    # log, too. Beat has nothing to save.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: os._exit(0))


@signals.worker_init.connect
@signals.beat_init.connect
def _wait_for_the_store(**_: Any) -> None:
    settings = load_settings()
    if not settings.upstreams:
        _say(f"nothing will be polled, only delivered: {NO_KEY}")
    try:
        warnings = asyncio.run(wait_for_store(settings))
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
def _before_it_forks(**_: Any) -> None:
    # Imported once for all children, which share its memory.
    importlib.import_module("bridge.runtime.engine")
    _pipe.open()


@signals.worker_shutting_down.connect
def _drain_children(**_: Any) -> None:
    _pipe.release()
    last_resort = threading.Timer(LAST_RESORT, _leave)
    last_resort.daemon = True
    last_resort.start()
    # Where the whole group was asked to end (honcho, Kubernetes), children go in the middle of
    # a task, and Celery logs each as lost. They drain, which is not an error.
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_a_lost_child)


def _leave() -> None:
    """End a worker that waits for a broker which takes its messages and never answers."""
    log.warning(
        "worker.left", reason="the broker does not answer; what it holds stays there"
    )
    os._exit(0)


def _is_not_a_lost_child(record: logging.LogRecord) -> bool:
    return WorkerLostError.__name__ not in record.getMessage()


@signals.worker_process_init.connect
def _begin(**_: Any) -> None:
    reader = _pipe.in_child()
    if reader is not None:
        engine().drain_at_end_of(reader)
    else:
        engine()
    gc.freeze()  # what is there by now stays
    gc.set_threshold(COLLECT_AFTER)


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
