"""What a worker tells those who run it: its exit code, its log, and what it cannot do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.adapters.local.embedded import EmbeddedStore
from tests.acceptance.harness import QUICK_UPSTREAM, Installation, Process
from tests.waiting import ENDS_WITHIN_S, until

COMMAND = (sys.executable, "-m", "bridge.cli")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def deployment(tmp_path: Path, broker: EmbeddedStore) -> Iterator[Installation]:
    """A deployment whose messages travel elsewhere than its store, and its gateway is away."""
    upstream = {**QUICK_UPSTREAM, "base_url": "http://127.0.0.1:1"}
    with Installation(
        tmp_path,
        upstreams={"default": upstream},
        endpoints={},
        broker_url=broker.url,
        log_format="json",
        celery=True,
    ) as small:
        yield small


def at_work(deployment: Installation) -> tuple[Process, Process]:
    """A beat and a worker that has polled on a tick."""
    deployment.track("unreachable")
    beat, worker = deployment.start_beat(), deployment.start_worker()
    until(lambda: worker.says("poll.failed"), within_s=30)
    deployment.is_ticking()
    return beat, worker


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines()


def not_json(log: Path) -> list[str]:
    """The lines that a program which reads JSON would stumble on."""
    found = []
    for line in lines(log):
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or {"timestamp", "level", "event"} - set(event):
            found.append(line)
    return found


def test_every_line_of_a_worker_and_a_beat_is_json_from_start_to_end(
    deployment: Installation,
) -> None:
    """
    Also the banner, the warning about root, and what Celery says when it ends: where a beat is
    asked to again and again, as a group's leader and its supervisor do, nothing.
    """
    beat, worker = at_work(deployment)
    before = lines(beat.log)

    def ended() -> bool:
        beat.popen.terminate()
        return beat.popen.poll() is not None

    until(ended)
    assert worker.terminate() < ENDS_WITHIN_S

    assert (beat.popen.returncode, lines(beat.log)) == (0, before)
    assert not_json(worker.log) == []
    assert not_json(beat.log) == []


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_who_has_no_upstream_says_so_in_json_as_well(tmp_path: Path, role: str) -> None:
    with Installation(
        tmp_path, upstreams={}, endpoints={}, log_format="json"
    ) as deployment:
        process = deployment.start_program(role, "mjbridge", role)
        until(lambda: process.says("nothing will be polled"), within_s=30)

    said = [json.loads(line)["event"] for line in lines(process.log)]
    assert not [event for event in said if event.startswith("mjbridge:")]


def test_a_worker_that_dies_of_an_error_logs_it_as_json_and_exits_with_1(
    deployment: Installation,
) -> None:
    """A bootstep that raises is what Celery calls an unrecoverable error."""
    program = """
import sys
from celery import bootsteps
from bridge.celery import app
class Broken(bootsteps.StartStopStep):
    def start(self, worker):
        raise OSError("no more file descriptors")
app.steps["worker"].add(Broken)
from bridge.cli.commands import run
sys.exit(run(["worker"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=deployment.env,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    critical = [json.loads(line) for line in done.stderr.splitlines()]
    assert "no more file descriptors" in str(critical)
    assert done.stdout == b""


def workers_found(deployment: Installation) -> list[str]:
    """What `mjbridge check` has to say about workers."""
    done = subprocess.run(
        [*COMMAND, "check", "--json"],
        env=deployment.env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [row["detail"] for row in rows if row["check"] == "workers"]


def test_a_queue_that_no_worker_serves_is_found(deployment: Installation) -> None:
    deployment.start_beat()
    deployment.start_worker("-Q", "poll,celery")

    until(lambda: "no event is delivered" in str(workers_found(deployment)))
    deployment.start_worker("-Q", "deliver")

    until(lambda: "beat and a worker are running" in str(workers_found(deployment)))


def test_workers_with_different_configurations_are_found(
    deployment: Installation,
) -> None:
    deployment.start_beat()
    deployment.start_worker()

    deployment.configure(endpoints={"other": {"url": "https://other.example.com/"}})
    deployment.start_worker()

    until(lambda: "2 different configurations" in str(workers_found(deployment)))


def test_a_group_that_is_asked_to_end_in_the_middle_of_its_work_logs_no_error(
    deployment: Installation,
) -> None:
    """As honcho and Kubernetes do: the pool's children get the signal as well."""
    _, worker = at_work(deployment)
    deployment.freeze_store()
    until(lambda: worker.says("store.away"), within_s=30)

    os.killpg(worker.pid, signal.SIGTERM)
    worker.popen.wait(30)
    deployment.thaw_store()

    assert worker.popen.returncode == 0
    levels = {json.loads(line)["level"] for line in lines(worker.log)}
    assert not levels & {"error", "critical"}, worker.log.read_text()
    assert not worker.says("Traceback")


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_a_pool_of_greenlets_is_refused_in_a_sentence(
    deployment: Installation, tmp_path: Path, pool: str
) -> None:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("celery"),
            "-A",
            "bridge",
            "worker",
            "-P",
            pool,
        ],
        env=deployment.env | {"BRIDGE_LOG_FORMAT": "text"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    # The pool's own package may have warned before.
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"mjbridge: the pool {pool} cannot deliver"), done.stderr
    assert "Traceback" not in done.stderr


def test_children_that_live_for_one_task_are_warned_of(
    deployment: Installation,
) -> None:
    worker = deployment.start_worker("--max-tasks-per-child", "1")

    [warning] = [
        event
        for line in lines(worker.log)
        if (event := json.loads(line))["event"] == "worker.short_lived_children"
    ]
    assert warning["max_tasks_per_child"] == 1
    assert "use 1000 or more" in warning["effect"]
