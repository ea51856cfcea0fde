"""How a worker and a beat begin, with a store that is not there, or not right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from redis import Redis

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.waiting import ENDS_WITHIN_S, until


@pytest.fixture
def gateway(stage: Stage) -> Gateway:
    return stage.gateway()


@pytest.fixture
def hooks(stage: Stage) -> Hooks:
    return stage.hooks()


@pytest.fixture
def deployment(
    tmp_path: Path, gateway: Gateway, hooks: Hooks
) -> Iterator[Installation]:
    """The smallest deployment there is; only its store runs."""
    upstream = {**QUICK_UPSTREAM, "base_url": gateway.url}
    with Installation(
        tmp_path,
        upstreams={"default": upstream},
        endpoints={"me": {"url": f"{hooks.url}/me"}},
    ) as small:
        yield small


def test_a_store_that_is_away_is_waited_for_and_its_return_is_told(
    deployment: Installation, gateway: Gateway, hooks: Hooks
) -> None:
    gateway.put(row("early", "SUCCESS"))
    deployment.track("early")
    deployment.kill_store()
    worker = deployment.start_worker(wait=False)
    beat = deployment.start_beat()
    for process in (worker, beat):
        until(lambda process=process: process.says("store.away"), within_s=20)  # type: ignore[misc]
        assert process.popen.poll() is None

    deployment.restart_store()

    for process in (worker, beat):
        until(lambda process=process: process.says("store.back"))  # type: ignore[misc]
    hooks.wait_for("/me", "task.succeeded", within_s=20)
    for process in (worker, beat):
        assert "Traceback" not in process.log.read_text()


def test_a_worker_whose_whole_group_is_asked_to_end_leaves_no_late_child_behind(
    deployment: Installation,
) -> None:
    """As honcho and systemd do: the children may go first, and be replaced at once."""
    deployment.start_beat()
    worker = deployment.start_worker()

    began = monotonic()
    os.killpg(worker.pid, signal.SIGTERM)
    worker.popen.wait(30)

    assert monotonic() - began < ENDS_WITHIN_S
    assert "Signal handler" not in worker.log.read_text()


def test_a_worker_that_does_not_fork_does_the_same_work(
    deployment: Installation, gateway: Gateway, hooks: Hooks
) -> None:
    deployment.start_beat()
    deployment.start_worker("--pool", "solo")
    gateway.put(row("alone", "SUCCESS"))

    deployment.track("alone")

    hooks.wait_for("/me", "task.succeeded", task="alone", within_s=20)


def test_what_a_full_store_holds_is_delivered_though_it_takes_no_tick(
    deployment: Installation, gateway: Gateway, hooks: Hooks
) -> None:
    """Where the store is the broker as well, beat's messages are refused like all others."""
    deployment.start_beat()
    deployment.start_worker()
    hooks.answer("/me", 500)
    gateway.put(row("late", "SUCCESS"))
    deployment.track("late")
    until(lambda: hooks.received("/me"), within_s=20)
    with Redis.from_url(deployment.store.url) as client:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) // 2)

    hooks.wait_for("/me", "task.succeeded", task="late", within_s=40)


def test_a_worker_goes_on_when_beat_is_gone(
    deployment: Installation, gateway: Gateway, hooks: Hooks
) -> None:
    beat = deployment.start_beat()
    worker = deployment.start_worker()
    gateway.put(row("on", "IN_PROGRESS"))
    deployment.track("on")
    hooks.wait_for("/me", "task.started", task="on", within_s=20)
    beat.kill()
    until(lambda: worker.says("ticks.missing"), within_s=40)

    gateway.put(row("on", "SUCCESS"))

    hooks.wait_for("/me", "task.succeeded", task="on")


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_store_that_evicts_is_refused_in_one_sentence(
    deployment: Installation, role: str
) -> None:
    with Redis.from_url(deployment.store.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")

    process = deployment.start(role, role)

    assert process.popen.wait(20) == 2
    said = process.log.read_text()
    assert "maxmemory-policy" in said
    assert "noeviction" in said
    assert "Traceback" not in said


def test_a_store_of_another_version_is_refused_in_one_sentence(
    deployment: Installation,
) -> None:
    with Redis.from_url(deployment.store.url) as client:
        client.set("{acc}:schema", "999")

    process = deployment.start("worker", "worker")

    assert process.popen.wait(20) == 2
    assert "999" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()
