"""A task's events arrive with the real parts that other deployments have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import QUICK_UPSTREAM, Installation, Process
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.parts import debian_redis, rabbitmq
from tests.waiting import until

PROCFILE = Path(__file__).parents[2] / "Procfile"
STORY = ["task.submitted", "task.started", "task.succeeded"]


class Journey:
    """A deployment, and a task that goes through it."""

    def __init__(self, deployment: Installation, gateway: Gateway, hooks: Hooks):
        self.deployment = deployment
        self._gateway = gateway
        self._hooks = hooks

    def takes_place(self) -> None:
        """Follow a task from its submission to its end."""
        self._gateway.put(row("traveller", "SUBMITTED"))
        self.deployment.track("traveller")
        self._hooks.wait_for("/me", "task.submitted", within_s=40)
        self._gateway.put(row("traveller", "IN_PROGRESS", "0%"))
        self._hooks.wait_for("/me", "task.started", within_s=20)
        self._gateway.put(row("traveller", "SUCCESS"))
        self._hooks.wait_for("/me", "task.succeeded", within_s=20)

        assert self._hooks.types("/me", task="traveller") == STORY
        until(self._is_settled, what="that the store knows of every delivery")

    def _is_settled(self) -> bool:
        states = [one.state for one in self.deployment.deliveries("me")]
        return states == ["delivered"] * len(STORY)


@contextmanager
def journey(stage: Stage, folder: Path, **options: Any) -> Iterator[Journey]:
    gateway, hooks = stage.gateway(), stage.hooks()
    with Installation(
        folder,
        upstreams={"default": {**QUICK_UPSTREAM, "base_url": gateway.url}},
        endpoints={"me": {"url": f"{hooks.url}/me", "events": ["task.*"]}},
        log_format="json",
        **options,
    ) as deployment:
        yield Journey(deployment, gateway, hooks)


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

        for process in (worker, beat):
            process.terminate()
            has_no_error(process)


@pytest.mark.parts
def test_wake_ups_can_travel_through_rabbitmq(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    with (
        rabbitmq(folder) as broker_url,
        journey(stage, tmp_path, broker_url=broker_url) as rabbit,
    ):
        beat = rabbit.deployment.start_beat()
        worker = rabbit.deployment.start_worker()

        rabbit.takes_place()

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
