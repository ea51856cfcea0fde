"""A task's events arrive with the real parts that other deployments have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.acceptance.harness import Process
from tests.acceptance.journeys import journey
from tests.acceptance.stage import Stage
from tests.parts import debian_redis

PROCFILE = Path(__file__).parents[2] / "Procfile"


def has_no_error(process: Process) -> None:
    """Fail if a process has logged an error, or anything that is not an event."""
    log = process.log.read_text()
    levels = {json.loads(line)["level"] for line in log.splitlines()}
    assert not levels & {"error", "critical"}, log


@pytest.mark.parts
def test_the_store_can_be_debians_redis(stage: Stage, tmp_path: Path) -> None:
    with journey(stage, tmp_path, server=debian_redis()) as redis:
        beat, worker = redis.deployment.start_beat(), redis.deployment.start_worker()

        redis.takes_place()
        redis.deployment.is_ticking()

        for process in (worker, beat):
            process.terminate()
            has_no_error(process)


def test_honcho_runs_the_procfile_and_ends_it_without_an_error(
    stage: Stage, tmp_path: Path
) -> None:
    shutil.copy(PROCFILE, tmp_path)
    with journey(stage, tmp_path) as procfile:
        honcho = procfile.deployment.start_program(
            "honcho", "honcho", "--no-colour", "start"
        )

        procfile.takes_place()

        honcho.terminate()
        log = honcho.log.read_text()
        assert honcho.popen.returncode in {0, 128 + 15}, log
        assert not any(
            words in log for words in ("Traceback", '"error"', '"critical"', "SIGKILL")
        ), log
