"""Gateways as they are: whatever fault one has, no event is false and no task is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from bridge.sandbox.received import Received
from tests.acceptance.checks import conforms, in_order, same_on_every_attempt
from tests.acceptance.everyday.scenery import FAULTS, Everyday
from tests.acceptance.stage import sequences
from tests.waiting import until

#: The steps of a task that succeeds. A look may come too late for any but the last.
STEPS = ["task.submitted", "task.started", "task.progress", "task.succeeded"]


#: Faults that are in the way of every answer until somebody switches them off.
LASTING = ("cut_off", "web_page", "envelope")
#: Those, and the ones that are over after a few answers but are told to operators.
UNHEALTHY = (*LASTING, "refusing_the_key", "broken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Tasks at gateways with faults."""

    tasks: Mapping[str, list[str]]  #: By the fault.
    told_too_early: list[Received]  #: Events of tasks that nobody could know about.


@pytest.fixture(scope="module")
def lives(everyday: Everyday) -> Lives:
    """Three tasks at each of them, all begun at once; what fails for ever is mended soon."""
    begun = {}
    for fault, gateway in everyday.faulty.items():
        begun[fault] = [gateway.submit(f"a pig for {fault}") for _ in range(3)]
        gateway.faults(
            **({"poison": begun[fault][0]} if fault == "poison" else FAULTS[fault])
        )
        everyday.deployment.track(*begun[fault], upstream=fault)
    for fault in UNHEALTHY:
        until(lambda fault=fault: _about(everyday, fault), what=f"{fault} is told")  # type: ignore[misc]
    unknown = {task for fault in LASTING for task in begun[fault]}
    early = [one for one in everyday.hooks.received("/watcher") if one.task in unknown]
    for fault in LASTING:
        everyday.faulty[fault].faults(**dict.fromkeys(FAULTS[fault]))
    return Lives(tasks=begun, told_too_early=early)


def _about(everyday: Everyday, upstream: str) -> list[Received]:
    """What operators heard about an upstream."""
    heard = everyday.hooks.events("/operators")
    return [
        one for one in heard if one.data.get("upstream") == upstream and not one.task
    ]


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "poison"])
def test_a_task_is_told_to_its_end_whatever_its_gateway_does(
    everyday: Everyday, lives: Lives, fault: str
) -> None:
    for task in lives.tasks[fault]:
        everyday.hooks.wait_for("/watcher", "task.succeeded", task=task, within_s=20)
        told = everyday.hooks.events("/watcher", task=task)
        places = [STEPS.index(one.type) for one in told]
        assert places == sorted(places)
        assert [one.type for one in told].count("task.succeeded") == 1
        assert sequences(told) == list(range(1, len(told) + 1))
        progress = [one.data["progress"] or 0 for one in told]
        assert progress == sorted(progress)
        assert told[-1].data["buttons"]
        for one in told:
            conforms(one.event)
    in_order(everyday.hooks.received("/watcher"))
    same_on_every_attempt(everyday.hooks.received("/watcher"))


def test_an_answer_that_is_none_makes_no_event(lives: Lives) -> None:
    assert lives.told_too_early == []


def test_a_poisonous_id_harms_only_itself(everyday: Everyday, lives: Lives) -> None:
    poisonous, *others = lives.tasks["poison"]

    for task in others:
        everyday.hooks.wait_for("/watcher", "task.succeeded", task=task, within_s=20)
    assert everyday.hooks.events("/watcher", task=poisonous) == []
    everyday.faulty["poison"].faults(poison=None)

    everyday.hooks.wait_for("/watcher", "task.succeeded", task=poisonous, within_s=20)


@pytest.mark.parametrize("fault", UNHEALTHY)
def test_operators_hear_once_that_an_upstream_fails_and_once_that_it_is_back(
    everyday: Everyday, lives: Lives, fault: str
) -> None:
    for task in lives.tasks[fault]:
        everyday.hooks.wait_for("/watcher", "task.succeeded", task=task, within_s=20)

    until(lambda: len(_about(everyday, fault)) >= 2)
    unhealthy, recovered = _about(everyday, fault)
    assert unhealthy.type == "upstream.unhealthy"
    assert recovered.type == "upstream.recovered"
    assert recovered.data["since"] == unhealthy.data["since"]
    for one in (unhealthy, recovered):
        conforms(one.event)
        assert "sk-test" not in one.body.decode()


def test_an_upstream_that_asks_for_patience_gets_it(
    everyday: Everyday, lives: Lives
) -> None:
    """It said 429 with ``Retry-After: 2``, twice."""
    gateway = everyday.faulty["throttling"]
    for task in lives.tasks["throttling"]:
        everyday.hooks.wait_for("/watcher", "task.succeeded", task=task, within_s=20)

    refused = [one["at"] for one in gateway.shown()["recent"] if one["status"] == 429]
    asked = [one["at"] for one in gateway.shown()["recent"]]
    assert len(refused) == 2
    for at in refused:
        assert not [one for one in asked if at < one < at + 1.9]
