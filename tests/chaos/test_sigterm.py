"""SIGTERM at any moment, from the first import to the middle of the work: no traceback."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.waiting import until

ROUNDS = 20


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_process_prints_a_traceback_whenever_its_group_is_asked_to_end(
    tmp_path: Path, form: str
) -> None:
    upstream = {**QUICK_UPSTREAM, "base_url": "http://127.0.0.1:1"}
    roll = Random(form)
    with Installation(
        tmp_path, upstreams={"default": upstream}, endpoints={}, log_format=form
    ) as deployment:
        deployment.track("unreachable")
        began = monotonic()
        deployment.start_worker().terminate()
        starts_within = monotonic() - began
        for _ in range(ROUNDS):
            processes = [
                deployment.start_program(name, "mjbridge", name)
                for name in ("worker", "beat")
            ]
            moment = monotonic() + roll.uniform(0, 1.5 * starts_within)
            until(lambda moment=moment: monotonic() > moment, within_s=60)  # type: ignore[misc]
            for process in processes:
                os.killpg(process.pid, signal.SIGTERM)
            for process in processes:
                # Before Python has taken over, the signal itself ends it.
                assert process.popen.wait(15) in {0, -signal.SIGTERM}
                assert "Traceback" not in process.log.read_text()
