"""Hooks of tasks, through a real worker: a receiver for each, at one origin."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.sandbox.received import Received
from tests.acceptance.checks import in_order, verified
from tests.acceptance.everyday.scenery import NEW_SECRET, Everyday
from tests.acceptance.stage import row
from tests.waiting import until


def track(everyday: Everyday, task: str, path: str, hook_format: str = "event") -> None:
    tracked = everyday.deployment.deployment(
        lambda deployment: deployment.tracking.track(
            [task],
            upstream="hooked",
            hook=f"{everyday.hooks.url}{path}",
            hook_format=hook_format,
        )
    )
    assert tracked.tracked == (task,)


def types(received: Sequence[Received]) -> list[str]:
    return [one.type for one in received]


def test_each_task_has_its_own_receiver_and_a_410_ends_one_of_them(
    everyday: Everyday,
) -> None:
    gateway, hooks = everyday.gateway, everyday.hooks
    hooks.answer("/hooked/gone", then=410)
    paths = {"h-1": "/hooked/kept", "h-2": "/hooked/gone", "h-3": "/hooked/protocol"}
    gateway.put(*(row(task, "IN_PROGRESS", "0%") for task in paths))
    for task, path in paths.items():
        track(everyday, task, path, "midjourney" if task == "h-3" else "event")
    hooks.wait_for("/hooked/kept", "task.started")
    until(lambda: bool(hooks.received("/hooked/gone")), what="410 was answered")
    until(lambda: bool(hooks.received("/hooked/protocol")), what="the task was sent")
    gateway.put(*(row(task, "SUCCESS") for task in paths))
    hooks.wait_for("/hooked/kept", "task.succeeded")
    hooks.wait_for("/hooked/protocol", "task.succeeded")

    kept = hooks.received("/hooked/kept")
    assert types(kept) == ["task.started", "task.succeeded"]
    in_order(kept)
    assert types(hooks.received("/hooked/gone")) == ["task.started"]
    *_, last = hooks.received("/hooked/protocol")
    assert (last.event["id"], last.event["progress"]) == ("h-3", "100%")
    for one in (*kept, *hooks.received("/hooked/protocol")):
        verified(one, NEW_SECRET)


def test_an_event_is_sent_to_a_hook_again_by_the_name_of_its_origin(
    everyday: Everyday,
) -> None:
    gateway, hooks = everyday.gateway, everyday.hooks
    gateway.put(row("h-again", "SUCCESS"))
    track(everyday, "h-again", "/hooked/again-t0ken-t0ken")
    hooks.wait_for("/hooked/again-t0ken-t0ken", "task.succeeded")
    (first,) = hooks.received("/hooked/again-t0ken-t0ken")
    origin = f"hook:{hooks.url}"

    def queued() -> bool:  # not before the answer to the first is written down
        return everyday.deployment.redeliver(first.id, origin) == "queued"

    until(queued, within_s=60.0, what="the event is queued again")
    until(
        lambda: len(hooks.received("/hooked/again-t0ken-t0ken")) == 2,
        what="it has come again",
    )

    _, second = hooks.received("/hooked/again-t0ken-t0ken")
    assert (second.id, second.redelivery) == (first.id, True)
    for _, log in everyday.deployment.logs():
        assert "t0ken" not in log
