"""
USE CASE: observe. What an upstream answers to a client's question is recorded as the result
of a poll is, before the client sees it: nobody knows more than the bridge has published.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from bridge.app.interpreter import Interpreter
from bridge.app.outage import store_outage
from bridge.app.ports import FetchResult, TaskStore
from bridge.app.recording import record
from bridge.core.cadence import PollPolicy
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)


class Observer:
    """Records answers to questions that others asked."""

    def __init__(
        self,
        *,
        store: TaskStore,
        interpreter: Interpreter,
        policies: Mapping[str, PollPolicy],
    ) -> None:
        """
        Bind it to a deployment.

        Args:
            store: Where tasks are recorded.

            interpreter: Decides what an answer changes.

            policies: By upstream, how its tasks are polled.
        """
        self._store = store
        self._interpreter = interpreter
        self._policies = policies

    async def observe(
        self, upstream: str, answer: FetchResult, *, duration: float
    ) -> None:
        """
        Record what an answer says of tasks that are tracked. Never raises.

        A task that is missing from it does not count as missing: the client may have
        asked in a way of its own.

        Args:
            upstream: The upstream's name.

            answer: What it said.

            duration: Seconds that took.
        """
        if not answer.tasks:
            return
        try:
            await self._record(upstream, answer, duration)
        except BridgeError as error:
            store_outage.failed(str(error))
        except Exception:
            log.exception("gateway.not_observed")  # the client gets its answer

    async def _record(
        self, upstream: str, answer: FetchResult, duration: float
    ) -> None:
        claim = await self._store.read_due(upstream, list(answer.tasks))
        results = [
            await self._interpreter.result(
                due,
                answer.tasks[due.key.id],
                claim=claim,
                duration=duration,
                policy=self._policies[upstream],
            )
            for due in claim.tasks
        ]
        # A task that is as it was is left to the poller, whose rhythm stays what it is.
        news = [one for one in results if one.task_state is not None]
        if news:
            await record(self._store, news)
