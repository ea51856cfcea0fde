"""What Celery producers ask for, by whichever queue it came: to track, to press, to imagine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from bridge.adapters.broker.foreign_queue import ForeignQueue
from bridge.app.outage import store_outage
from bridge.app.views.actions import Action
from bridge.core.cadence import TICK
from bridge.core.event_data import Json
from bridge.core.task import TaskKey
from bridge.errors import BridgeError, StoreForbids, StoreUnavailable
from bridge.runtime.deployment import Deployment

log = structlog.get_logger(__name__)


class Producers:
    """
    Does what producers ask for.

    What cannot be done is logged: a producer that does not wait for results has no other way
    to learn it.
    """

    def __init__(self, deployment: Deployment) -> None:
        """Bind it to a deployment."""
        self._deployment = deployment
        self._tasks: Mapping[str, Callable[..., Awaitable[Action | None]]] = {
            "mjbridge.track": self._track,
            "mjbridge.press": self._press,
            "mjbridge.imagine": self._imagine,
        }

    async def take(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        message: str | None,
    ) -> Action | None:
        """
        Do what a message asks for. One that is delivered twice does the same as once.

        Args:
            task: One of those that producers send.

            message: Its id.

        Returns:
            The action, if one was asked for and could be.

        Raises:
            StoreUnavailable: The store does not answer, and it can be tried again.
        """
        try:
            return await self._tasks[task](message, *args, **kwargs)
        except StoreUnavailable:
            raise
        except (BridgeError, TypeError) as error:
            # A TypeError is about the arguments, and names them without their values.
            log.error(  # noqa: TRY400 - a trace says no more
                "message.refused", task=task, error=str(error)
            )
        except Exception:
            log.exception("message.not_understood", task=task)  # costs no other one
        return None

    async def _track(
        self,
        _message: str | None,
        /,
        ids: Sequence[object],
        upstream: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        hook: str | None = None,
        hook_format: str | None = None,
    ) -> None:
        tracked = await self._deployment.tracking.track(
            ids,
            upstream=upstream,
            metadata=metadata,
            hook=hook,
            hook_format=hook_format,
        )
        log.info("track.done", tracked=len(tracked.tracked), known=len(tracked.known))
        for reason in set(tracked.rejected.values()):
            log.error("message.refused", task="mjbridge.track", error=reason)

    async def _press(
        self,
        _message: str | None,
        /,
        task_id: str,
        button: str,
        upstream: str | None = None,
        **options: Any,
    ) -> Action:
        task = task_id if upstream is None else TaskKey(upstream, task_id)
        press = self._deployment.actions.press
        action, _ = await press(task, button, by="program", **options)
        return action

    async def _imagine(
        self, message: str | None, /, prompt: str, **options: Any
    ) -> Action:
        options.setdefault("key", message)
        submit = self._deployment.actions.submit
        body = {"prompt": prompt}
        action, _ = await submit("imagine", body, by="program", **options)
        return action


async def hear(queue: ForeignQueue, producers: Producers) -> None:
    """
    Do what programs ask for that know nothing of us, once a second. Never raises: it is a
    convenience. Ends where the bridge's user may not read their queue.
    """
    while True:
        try:
            for one in await queue.pending():
                await producers.take(one.task, one.args, one.kwargs, message=one.id)
                await queue.ack(one)
        except StoreForbids as error:
            log.warning("message.not_heard", reason=str(error))
            return
        except BridgeError as error:
            store_outage.failed(str(error))
        except Exception:
            log.exception("message.not_understood")
        await asyncio.sleep(TICK)
