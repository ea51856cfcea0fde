"""A hangup (SIGHUP) ends the processes that run in the background as SIGTERM does."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from tests.cli.commands import COMMAND, PATIENCE_S, Shell
from tests.contract.bench import Bench

CELERY = (sys.executable, "-m", "celery", "-A", "bridge")


@pytest.mark.parametrize("program", [COMMAND, CELERY], ids=["mjbridge", "celery"])
async def test_a_hangup_ends_beat_and_a_worker_as_a_request_to_stop_does(
    deployment: Shell, bench: Bench, program: tuple[str, ...]
) -> None:
    with (
        deployment.running("worker", "-c", "1", program=program) as worker,
        deployment.running("beat", program=program) as beat,
    ):
        async with asyncio.timeout(2 * PATIENCE_S):
            while (
                await bench.queries.signs_of_life()
            ).answered_at is None:  # both work
                await asyncio.sleep(0.1)
        codes = [
            await asyncio.to_thread(one.interrupt, signal.SIGHUP)
            for one in (beat, worker)
        ]

    assert codes == [0, 0]
