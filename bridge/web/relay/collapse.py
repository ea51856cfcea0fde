"""
Collapse: equal questions that one client asks at nearly the same time share a request.

What is shared is an answer to the same bytes, asked under the same secret. So nobody is shown
what another key may see, and the answer's shape is the upstream's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any

#: Bytes of a body that is kept beyond its own request.
MAX_KEPT = 256 * 1024
#: Questions that are remembered at once.
MAX_QUESTIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeAnswer:
    """An answer that has come in."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Collapse:
    """Remembers questions for a moment."""

    def __init__(self, window: float) -> None:
        """
        Remember nothing yet.

        Args:
            window: Seconds after which a question is asked anew.
        """
        self._window = window
        self._asked: dict[Hashable, tuple[float, asyncio.Task[WholeAnswer]]] = {}

    async def ask(
        self, question: Hashable, ask: Callable[[], Coroutine[Any, Any, WholeAnswer]]
    ) -> WholeAnswer:
        """
        Return the answer to a question, as it was given within the window or as *ask* gets it.

        Raises:
            Exception: What *ask* raises, to everyone who shares it.
        """
        now = monotonic()
        at, task = self._asked.get(question, (now, None))
        if task is None or now - at >= self._window or _is_large(task):
            task = asyncio.create_task(ask())
            # Whoever asked may be gone when it fails.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._remember(question, now, task)
        # A client that leaves takes nothing from the others.
        return await asyncio.shield(task)

    def _remember(
        self, question: Hashable, now: float, task: asyncio.Task[WholeAnswer]
    ) -> None:
        if not self._window or len(self._asked) >= MAX_QUESTIONS:
            return
        self._asked[question] = now, task

        def forget() -> None:
            if self._asked.get(question, (0.0, None))[1] is task:
                del self._asked[question]

        asyncio.get_running_loop().call_later(self._window, forget)


def _is_large(task: asyncio.Task[WholeAnswer]) -> bool:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return False
    return len(task.result().body) > MAX_KEPT
