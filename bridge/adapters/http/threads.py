"""Threads of their own for what blocks: the event loop's shared pool is for short work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], *, name: str) -> T:
    """
    Run blocking work in a daemon thread of its own, and return what it returns.

    A thread cannot be stopped: if this is cancelled the work goes on, and nothing waits for it,
    not even the process's end.

    Raises:
        Exception: Whatever *work* raises.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it is handed to the one that waits
            future.set_exception(error)
        else:
            future.set_result(result)

    Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)
