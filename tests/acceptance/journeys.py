"""A task's way through a deployment, which a test takes with parts of its own choice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.waiting import until

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
