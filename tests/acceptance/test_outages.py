"""What a worker and a beat log while the store or the broker is away, or full."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.acceptance.harness import QUICK_UPSTREAM, Installation, Process
from tests.acceptance.journeys import journey
from tests.acceptance.stage import Stage
from tests.parts import RabbitMQ
from tests.waiting import ENDS_WITHIN_S, last_for, until

#: Seconds that a trouble lasts here. Without care, each process logs ten lines in them.
LASTS_S = 5.0
#: Lines that are enough for it, in all four processes: beat, a worker, and the two of its pool.
ENOUGH = 10


@contextmanager
def installed(folder: Path, **settings: Any) -> Iterator[Installation]:
    upstream = {**QUICK_UPSTREAM, "base_url": "http://127.0.0.1:1"}
    with Installation(
        folder,
        upstreams={"default": upstream},
        endpoints={},
        log_format="json",
        **settings,
    ) as deployment:
        yield deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path) as small:
        yield small


def events(*processes: Process) -> list[dict[str, Any]]:
    return [
        event
        for process in processes
        for line in process.log.read_text().split("\n")[:-1]
        # How a gateway answers is another matter.
        if not (event := json.loads(line))["event"].startswith(("upstream.", "poll."))
    ]


def events_of_a_trouble(before: int, *processes: Process) -> list[dict[str, Any]]:
    """Let a trouble last that is noticed; returns what was logged after so many lines."""
    until(lambda: len(events(*processes)) > before, within_s=30)
    last_for(LASTS_S)
    return events(*processes)[before:]


def fill(deployment: Installation) -> None:
    with Redis.from_url(deployment.store.url) as client:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) // 2)


def make_room(deployment: Installation) -> None:
    with Redis.from_url(deployment.store.url) as client:
        client.config_set("maxmemory", 0)


def has_no_error(*processes: Process) -> None:
    assert all(process.popen.poll() is None for process in processes)
    has_logged_none(*processes)


def has_logged_none(*processes: Process) -> None:
    for process in processes:
        assert "Traceback" not in process.log.read_text()
        assert "Deprecation" not in process.log.read_text()
    levels = {event["level"] for event in events(*processes)}
    assert not levels & {"error", "critical"}, events(*processes)


def at_work(deployment: Installation) -> tuple[Process, Process]:
    deployment.track("unreachable")
    beat, worker = deployment.start_beat(), deployment.start_worker()
    until(lambda: worker.says("poll.failed"), within_s=30)
    deployment.is_ticking()
    return beat, worker


def change_rights(deployment: Installation, *rights: str) -> None:
    with Redis.from_url(deployment.store.url) as client:
        client.execute_command("ACL", "SETUSER", "default", *rights)


def test_a_store_that_takes_a_right_away_is_a_few_lines_until_it_is_back(
    deployment: Installation,
) -> None:
    beat, worker = at_work(deployment)
    before = len(events(beat, worker))

    change_rights(deployment, "-evalsha", "-eval")
    during = events_of_a_trouble(before, beat, worker)
    change_rights(deployment, "+@all")

    until(lambda: worker.says("store.back"), within_s=40)
    has_no_error(beat, worker)
    assert len(during) <= ENOUGH, during


@pytest.mark.parametrize("trouble", ["away", "full"])
def test_a_store_that_is_away_or_full_is_a_few_lines_until_it_is_back(
    deployment: Installation, trouble: str
) -> None:
    beat, worker = at_work(deployment)
    before = len(events(beat, worker))

    deployment.kill_store() if trouble == "away" else fill(deployment)
    during = events_of_a_trouble(before, beat, worker)
    deployment.restart_store() if trouble == "away" else make_room(deployment)

    until(lambda: beat.says("broker.back"), within_s=20)
    if trouble == "away":
        until(lambda: worker.says("store.back"), within_s=40)
    has_no_error(beat, worker)
    assert len(during) <= ENOUGH, during


def test_a_worker_that_begins_beside_a_full_store_waits_until_there_is_room(
    deployment: Installation,
) -> None:
    deployment.start_worker().terminate()  # leaves the store as a deployment has it
    deployment.track("unreachable")
    fill(deployment)

    beat, worker = deployment.start_beat(), deployment.start_worker(wait=False)
    until(lambda: worker.says("store.careless"), within_s=30)
    last_for(LASTS_S)

    assert len(events(beat, worker)) <= 2 * ENOUGH  # Celery greets in some lines, too
    make_room(deployment)
    deployment.is_up(worker)
    has_no_error(beat, worker)


@pytest.mark.parts
@pytest.mark.timeout(300)
def test_wake_ups_can_travel_through_a_rabbitmq_whose_absence_is_a_few_lines(
    stage: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    with (
        RabbitMQ(folder) as broker,
        journey(stage, tmp_path, broker_url=broker.url) as journeys,
    ):
        ours = journeys.deployment
        processes = ours.start_beat(), ours.start_worker()
        journeys.takes_place()
        ours.is_ticking()
        before = len(events(*processes))

        broker.stop()
        during = events_of_a_trouble(before, *processes)
        broker.start()

        for process in processes:
            until(lambda one=process: one.says("broker.back"), within_s=60)  # type: ignore[misc]
        has_no_error(*processes)
        assert len(during) <= ENOUGH, during
        for process in processes:
            process.terminate()
        has_logged_none(*processes)


def broker_found(deployment: Installation) -> str:
    """What `mjbridge check` has to say about the broker."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "check", "--json"],
        env=deployment.env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    (found,) = [row["detail"] for row in rows if row["check"] == "broker"]
    return str(found)


@pytest.mark.parts
def test_a_rabbitmq_that_is_short_of_memory_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    short = "vm_memory_high_watermark.absolute = 1MB"
    with (
        RabbitMQ(folder, short) as broker,
        installed(tmp_path, broker_url=broker.url) as ours,
    ):
        beat = ours.start_beat()

        until(lambda: beat.says("broker.away"), within_s=60)
        assert "short of memory" in broker_found(ours)
    assert "short of memory" in events(beat)[-1]["reason"]


@pytest.mark.parts
def test_a_rabbitmq_that_is_frozen_is_reported_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    with (
        RabbitMQ(folder) as broker,
        installed(tmp_path, broker_url=broker.url) as ours,
    ):
        beat, worker = ours.start_beat(), ours.start_worker()
        assert broker_found(ours) == "configured; it takes messages"

        broker.freeze()
        try:
            until(lambda: beat.says("broker.away"), within_s=60)
            assert broker_found(ours) == "it does not answer"
        finally:
            broker.thaw()

        until(lambda: beat.says("broker.back"), within_s=60)
        has_no_error(beat, worker)


def test_a_worker_that_begins_without_a_broker_polls_by_itself(tmp_path: Path) -> None:
    with installed(tmp_path, broker_url="amqp://guest:guest@127.0.0.1:1//") as ours:
        ours.track("unreachable")
        worker = ours.start_worker(wait=False)

        until(lambda: worker.says("ticks.missing"), within_s=60)
        until(lambda: worker.says("poll.failed"), within_s=30)
        has_no_error(worker)


def test_a_worker_whose_broker_is_frozen_ends_all_the_same(
    deployment: Installation,
) -> None:
    """Its heartbeat of every two seconds would be sent again and again, for ever."""
    _, worker = at_work(deployment)
    deployment.freeze_store()
    last_for(3.0)

    took = worker.terminate()
    deployment.thaw_store()

    assert took < ENDS_WITHIN_S
    assert worker.popen.returncode == 0
    has_logged_none(worker)
