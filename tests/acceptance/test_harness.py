"""The tests' own processes: none outlives the tests, however these end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.harness import gone
from tests.waiting import until

ROOT = Path(__file__).parents[2]

DEPLOYMENT = """
with Installation(folder, upstreams={}, endpoints={}) as deployment:
    worker, beat = deployment.start_worker(), deployment.start_beat()
    tell(deployment.store.pid, worker.pid, *worker.children(), beat.pid)
"""
BROKER = """
with RabbitMQ(folder) as broker:
    tell(*broker.pids)
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(DEPLOYMENT, id="a deployment"),
        pytest.param(BROKER, id="RabbitMQ", marks=pytest.mark.parts),
    ],
)
def test_what_tests_have_started_ends_with_tests_that_are_killed(
    tmp_path: Path, program: str
) -> None:
    head = f"""
import json, signal
from pathlib import Path
from tests.acceptance.harness import Installation
from tests.parts import RabbitMQ
folder = Path({str(tmp_path)!r})
def tell(*pids):
    print(json.dumps(pids), flush=True)
    signal.pause()
"""
    with subprocess.Popen(
        [sys.executable, "-c", head + program], cwd=ROOT, stdout=subprocess.PIPE
    ) as tests:
        assert tests.stdout is not None
        pids = json.loads(tests.stdout.readline())
        tests.kill()

    until(lambda: gone(pids), within_s=60, what=f"one of {pids} runs")
