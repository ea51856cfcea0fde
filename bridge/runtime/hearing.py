"""Hearing plain Celery producers: what they ask for, if they share our server."""

from __future__ import annotations

import asyncio

import structlog

from bridge.adapters.broker.foreign_queue import ForeignQueue
from bridge.app.outage import store_outage
from bridge.core.cadence import TICK
from bridge.errors import BridgeError, StoreForbids
from bridge.runtime.producers import Producers

log = structlog.get_logger(__name__)


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
