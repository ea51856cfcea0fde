"""
Processes that are killed at the worst moment. A ledger shows afterwards that nothing was
lost, nothing came out of order, and what came twice came with the same id.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from bridge.app.ports import EventRow
from bridge.sandbox.responses import CannedResponse
from tests.acceptance.checks import in_order, same_on_every_attempt
from tests.acceptance.harness import QUICK_UPSTREAM, Installation, gone
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.waiting import ENDS_WITHIN_S, until

#: Seconds after which what a dead worker had claimed is up for others: the timeout of the
#: endpoint, or of the upstream, and ten more. And some for the machine.
LEASE_S = 1.0 + 10.0 + 20.0

STEPS = (("NOT_START", ""), ("IN_PROGRESS", "0%"), ("SUCCESS", ""))
TYPES = ["task.submitted", "task.started", "task.succeeded"]

#: Corners as in `everyday.scenery`: an upstream, and the endpoints that hear about it.
CORNERS = {
    "worker": ("answered", "unanswered"),
    "main": ("orphaned",),
    "store": ("behind", "in_flight"),
    "beat": ("ticked",),
    "beats": ("twice_ticked",),
    "polite": ("quick",),
    "dawdling": ("slow",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A deployment whose processes each test starts for itself."""

    deployment: Installation
    gateway: Gateway
    hooks: Hooks

    def step(self, number: int, upstream: str, *tasks: str) -> None:
        """Let tasks come to their next step, the first one being 0, and look at them."""
        status, progress = STEPS[number]
        self.gateway.put(*(row(task, status, progress) for task in tasks))
        if number == 0:
            self.deployment.track(*tasks, upstream=upstream)

    def told(self, steps: int, path: str, *tasks: str, within_s: float = 20.0) -> None:
        """Wait until so many steps of each task were taken on a path, and no others."""
        for task in tasks:
            until(
                lambda task=task: self.hooks.types(path, task=task) == TYPES[:steps],  # type: ignore[misc]
                within_s=within_s,
                what=lambda task=task: f"{task}: {self.hooks.types(path, task=task)}",  # type: ignore[misc]
            )

    def settled(self, task: str, upstream: str) -> Sequence[EventRow]:
        """The events of a task, once what receivers took is written down, which comes after it."""
        story = self.deployment.story(task, upstream=upstream)
        states = {one.state for event in story for one in event.deliveries}
        return story if states == {"delivered"} else ()

    def audit(self, upstream: str, tasks: Sequence[str]) -> None:
        """Compare what the gateway said, what the store holds and what receivers took."""
        for task in tasks:
            assert {one.status for one in self.gateway.said(task)} == {
                status for status, _ in STEPS
            }
            story = until(lambda task=task: self.settled(task, upstream))  # type: ignore[misc]
            assert [one.event.type for one in story] == TYPES
            for endpoint in CORNERS[upstream]:
                taken = self.hooks.events(f"/{endpoint}", task=task)
                assert [one.id for one in taken] == [one.event.id for one in story]
        for endpoint in CORNERS[upstream]:
            in_order(self.hooks.received(f"/{endpoint}"))
            same_on_every_attempt(self.hooks.received(f"/{endpoint}"))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Iterator[Scene]:
    gateway, hooks = stage.gateway(), stage.hooks()
    upstream = {**QUICK_UPSTREAM, "base_url": gateway.url, "timeout": 1}
    endpoints = {
        name: {
            "url": f"{hooks.url}/{name}",
            "upstreams": [corner],
            "retry": [1] * 30,
            "timeout": 20 if corner in {"polite", "dawdling"} else 1,
        }
        for corner, names in CORNERS.items()
        for name in names
    }
    with Installation(
        tmp_path_factory.mktemp("crashes"),
        upstreams=dict.fromkeys(CORNERS, upstream),
        endpoints=endpoints,
    ) as deployment:
        yield Scene(deployment=deployment, gateway=gateway, hooks=hooks)


@pytest.fixture
def scene(deployed: Scene) -> Iterator[Scene]:
    """The scene; what a test has started is gone afterwards, and the store runs."""
    yield deployed
    deployed.deployment.kill_all()
    deployed.deployment.thaw_store()
    deployed.deployment.restart_store()


@pytest.fixture
def deployment(scene: Scene) -> Installation:
    """Named on its own so that a failure shows its logs."""
    return scene.deployment


def test_a_worker_killed_between_post_and_settle_loses_nothing(
    scene: Scene, deployment: Installation
) -> None:
    """
    One delivery was answered, but the store hangs, so that nobody could note it; of the
    other the answer is still to come. Then the worker is gone, children and all, and so is
    the store with whatever it was sent last.
    """
    hooks, tasks = scene.hooks, ("killed-1", "killed-2")
    deployment.start_beat()
    worker = deployment.start_worker()
    hooks.answer("/answered", *[CannedResponse(delay=0.3)] * 2)
    hooks.hold("/unanswered")
    scene.step(0, "worker", *tasks)
    until(lambda: hooks.open("/answered") == hooks.open("/unanswered") == 2)
    deployment.freeze_store()
    until(lambda: hooks.open("/answered") == 0)
    assert hooks.open("/unanswered") == 2

    children = worker.children()
    worker.kill()
    until(lambda: gone(children))
    deployment.kill_store()
    deployment.restart_store()
    hooks.release("/unanswered")
    deployment.start_worker()

    until(
        lambda: len(hooks.received("/answered")) == 4,
        within_s=LEASE_S,
        what=lambda: str([(one.task, one.at) for one in hooks.received("/answered")]),
    )
    assert [one.repeat for one in hooks.received("/answered")] == [False] * 2 + [
        True
    ] * 2
    for number in (1, 2):
        scene.step(number, "worker", *tasks)
        for path in ("/answered", "/unanswered"):
            scene.told(number + 1, path, *tasks, within_s=LEASE_S)
    scene.audit("worker", tasks)


def test_the_children_of_a_killed_worker_leave_by_themselves(
    scene: Scene, deployment: Installation
) -> None:
    """Nobody is left to tell them to; what they were at is not lost either."""
    deployment.start_beat()
    worker = deployment.start_worker()
    scene.step(0, "main", "fatherless")
    scene.told(1, "/orphaned", "fatherless")
    children = worker.children()
    assert len(children) == 2

    os.kill(worker.pid, signal.SIGKILL)

    until(lambda: gone(children), within_s=15, what="its children are gone")
    deployment.start_worker()
    for number in (1, 2):
        scene.step(number, "main", "fatherless")
        scene.told(number + 1, "/orphaned", "fatherless", within_s=LEASE_S)
    scene.audit("main", ["fatherless"])


def test_a_store_that_is_killed_comes_back_with_everything(
    scene: Scene, deployment: Installation
) -> None:
    """
    One endpoint has a backlog, for it is paused; at the other an attempt is in flight. The
    worker keeps what it could not note, and notes it when the store is back.
    """
    hooks, tasks = scene.hooks, ("stored-1", "stored-2")
    deployment.start_beat()
    deployment.start_worker()
    deployment.pause("behind")
    scene.step(0, "store", *tasks)
    scene.told(1, "/in_flight", *tasks)
    hooks.answer("/in_flight", *[CannedResponse(delay=0.6)] * 2)
    scene.step(1, "store", *tasks)
    until(lambda: hooks.open("/in_flight") == 2)

    deployment.kill_store()
    until(lambda: hooks.open("/in_flight") == 0)
    deployment.restart_store()

    deployment.resume("behind")
    scene.told(2, "/behind", *tasks, within_s=LEASE_S)
    scene.step(2, "store", *tasks)
    for path in ("/behind", "/in_flight"):
        scene.told(3, path, *tasks, within_s=LEASE_S)
        assert not any(one.repeat for one in hooks.received(path))
    scene.audit("store", tasks)


def test_nothing_is_lost_while_there_is_no_beat(
    scene: Scene, deployment: Installation
) -> None:
    beat = deployment.start_beat()
    deployment.start_worker()
    scene.step(0, "beat", "beaten")
    scene.told(1, "/ticked", "beaten")

    beat.kill()
    scene.step(1, "beat", "beaten")
    asked = scene.gateway.requests()
    deployment.start_beat()

    scene.told(2, "/ticked", "beaten")
    assert scene.gateway.requests() > asked
    scene.step(2, "beat", "beaten")
    scene.told(3, "/ticked", "beaten")
    scene.audit("beat", ["beaten"])


def test_two_beats_and_two_workers_tell_everything_once(
    scene: Scene, deployment: Installation
) -> None:
    tasks = [f"shared-{number}" for number in range(10)]
    for _ in range(2):
        deployment.start_beat()
    workers = [deployment.start_worker(wait=False) for _ in range(2)]
    for worker in workers:
        deployment.is_up(worker)

    for number in range(3):
        scene.step(number, "beats", *tasks)
        scene.told(number + 1, "/twice_ticked", *tasks)

    scene.audit("beats", tasks)
    assert not any(one.repeat for one in scene.hooks.received("/twice_ticked"))
    assert len(scene.hooks.received("/twice_ticked")) == 3 * len(tasks)


def test_a_worker_that_is_asked_to_end_finishes_what_it_can_and_hands_back_the_rest(
    scene: Scene, deployment: Installation
) -> None:
    """
    An attempt that takes 2 s ends by itself. One that takes 18 s is broken off, and the next
    worker makes it at once, not when the lease of 30 s is over.
    """
    hooks = scene.hooks
    deployment.start_beat()
    worker = deployment.start_worker()
    hooks.answer("/quick", CannedResponse(delay=2))
    hooks.answer("/slow", CannedResponse(delay=18))
    scene.step(0, "polite", "finished")
    scene.step(0, "dawdling", "handed-on")
    until(lambda: hooks.open("/quick") == hooks.open("/slow") == 1)

    took = worker.terminate()

    assert took < ENDS_WITHIN_S
    assert worker.popen.returncode == 0
    (finished,) = deployment.deliveries("quick")
    (handed_on,) = deployment.deliveries("slow")
    assert (finished.state, handed_on.state) == ("delivered", "pending")
    deployment.start_worker()
    until(lambda: len(hooks.received("/slow")) == 2, within_s=15)
    until(lambda: deployment.deliveries("slow")[0].state == "delivered")
    assert len(hooks.received("/quick")) == 1
