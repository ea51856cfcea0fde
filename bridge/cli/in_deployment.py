"""How a one-shot command gets at its deployment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.cli.output import say
from bridge.errors import StoreUnavailable
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import SANDBOX, find_settings, is_sandbox

Result = TypeVar("Result")

#: Seconds that a one-shot command waits for the store, and between two attempts.
PATIENCE, TRY_EVERY = 3.0, 0.25


def in_deployment(work: Callable[[Deployment], Awaitable[Result]]) -> Result:
    """
    Do something with the deployment that the settings describe.

    Raises:
        Misconfigured: The settings are wrong.

        StoreUnavailable: The store did not answer within `PATIENCE`.
    """

    async def run() -> Result:
        async with await _open() as deployment:
            return await work(deployment)

    return asyncio.run(run())


async def _open() -> Deployment:
    deadline = time.monotonic() + PATIENCE
    while True:
        began = time.monotonic()
        # Read anew each time: where the store is, a `mjbridge up` may be about to say.
        settings = find_settings()
        try:
            deployment = Deployment(settings)
            try:
                await deployment.ready(patience=0.0)
            except BaseException:
                await deployment.client.aclose()
                raise
        except StoreUnavailable:
            # Another attempt would take as long: one at a server that hangs, some seconds.
            if (now := time.monotonic()) + (now - began) > deadline:
                raise
            await asyncio.sleep(TRY_EVERY)
            continue
        if settings.data_dir.name == SANDBOX and is_sandbox(settings):
            say("this is the sandbox, as no API key is configured")
        return deployment
