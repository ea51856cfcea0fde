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
from tests.waiting import until

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
    ) as small:
        yield small


def at_work(deployment: Installation) -> tuple[Process, Process]:
    """A beat and a worker that has polled on a tick."""
    deployment.track("unreachable")
    beat, worker = deployment.start_beat(), deployment.start_worker()
    until(lambda: worker.says("upstream.complained"), within_s=30)
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
    """Also the banner, the warning about root, and what Celery says when it ends."""
    beat, worker = at_work(deployment)

    assert worker.terminate() < 10
    beat.terminate()

    assert not_json(worker.log) == []
    assert not_json(beat.log) == []


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
from bridge.cli.app import run
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


def test_a_group_that_is_asked_to_end_in_the_middle_of_its_work_logs_no_error(
    deployment: Installation,
) -> None:
    """As honcho and Kubernetes do: the pool's children get the signal as well."""
    _, worker = at_work(deployment)
    deployment.freeze_store()
    until(lambda: worker.says("poll.store_away"), within_s=30)

    os.killpg(worker.pid, signal.SIGTERM)
    worker.popen.wait(15)
    deployment.thaw_store()

    assert worker.popen.returncode == 0
    levels = {json.loads(line)["level"] for line in lines(worker.log)}
    assert not levels & {"error", "critical"}, worker.log.read_text()
    assert not worker.says("Traceback")


def refuses(
    deployment: Installation, folder: Path, pool: str, **variables: str
) -> None:
    """Fail if Celery's own command starts a worker with that pool, or ends without a sentence."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("celery"),
            "-A",
            "bridge",
            "worker",
            "-P",
            pool,
        ],
        env=deployment.env | {"BRIDGE_LOG_FORMAT": "text"} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    # gevent itself may have warned of what was imported before it.
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"mjbridge: the pool {pool} cannot deliver"), done.stderr
    assert "Traceback" not in done.stderr


def test_gevent_is_refused_in_a_sentence(
    deployment: Installation, tmp_path: Path
) -> None:
    refuses(deployment, tmp_path, "gevent")


def test_eventlet_is_refused_in_a_sentence(
    deployment: Installation, tmp_path: Path
) -> None:
    """
    Its authors advise against using it, so it is not installed: a stand-in has just what
    Celery touches before it makes a worker.
    """
    package = tmp_path / "installed" / "eventlet"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "__version__ = '99'\ndef monkey_patch(): pass\nclass Timeout(Exception): pass\n"
    )
    (package / "monkey.py").write_text("def patch_all(*_, **__): pass\n")
    for module in ("signal", "debug"):
        (package / f"{module}.py").touch()
    (package.parent / "greenlet.py").write_text("class GreenletExit(Exception): pass\n")

    refuses(deployment, tmp_path, "eventlet", PYTHONPATH=str(package.parent))


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
