"""A worker that is killed between a message and the note about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.chats import BOT, Chat, Scene, set_up
from tests.acceptance.harness import Installation, gone
from tests.acceptance.stage import Stage
from tests.platforms.discord import Discord
from tests.platforms.slack import Slack
from tests.waiting import until

#: Seconds after which what a dead worker had claimed is up for others: the timeout of the
#: endpoints and ten more. And some for the machine.
LEASE_S = 2.0 + 10.0 + 8.0
CHATS = ("discord", "slack")


@pytest.fixture
def scene(stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    settings = {"progress": "edit", "timeout": 2}
    chats = {
        "discord": Chat(hears="default", platform=Discord(), settings=settings),
        "slack": Chat(hears="default", platform=Slack(), settings={**settings, **BOT}),
    }
    with set_up(stage, tmp_path, chats) as scene:
        yield scene


@pytest.fixture
def deployment(scene: Scene) -> Installation:
    """Named on its own so that a failure shows its logs."""
    return scene.deployment


def test_a_worker_killed_between_a_post_and_its_note_costs_one_message_at_most(
    scene: Scene, deployment: Installation
) -> None:
    """
    Of one task it was the first message, of the other the last. Everything was posted, but
    nobody could note it: the store hung when the answers came, and then the worker was gone.
    """
    discord, slack = scene.at("discord", Discord), scene.at("slack", Slack)
    deployment.start_beat()
    worker = deployment.start_worker()
    scene.tells("default", "ending", "IN_PROGRESS", "0%")
    for name in CHATS:
        scene.stage.do(scene.doors[name].shut)
    scene.says("default", "ending", "SUCCESS")
    scene.says("default", "beginning", "IN_PROGRESS", "0%")
    until(lambda: all(scene.doors[name].waiting == 2 for name in CHATS))
    deployment.freeze_store()
    for name in CHATS:
        scene.stage.do(scene.doors[name].open)
    until(lambda: all(scene.doors[name].waiting == 0 for name in CHATS))

    children = worker.children()
    worker.kill()
    until(lambda: gone(children))
    deployment.thaw_store()
    deployment.start_worker()

    until(lambda: scene.told("default", "ending") == 2, within_s=LEASE_S)
    until(lambda: scene.told("default", "beginning") == 1, within_s=LEASE_S)
    # Nobody knows whether the first message of a task is there, so no other one follows it.
    scene.tells("default", "beginning", "IN_PROGRESS", "62%")
    scene.tells("default", "beginning", "SUCCESS")

    texts = {
        "discord": [one.title + one.text for one in discord.shown],
        "slack": [str(one.payload) for one in slack.shown],
    }
    for name, shown in texts.items():
        for task in ("ending", "beginning"):
            said = [text for text in shown if f"({task}" in text.replace("\\", "")]
            ends = [text for text in said if "finished" in text]
            assert len(said) <= 2, f"{name}: {said}"
            assert ends
        states = {one.state for one in deployment.deliveries(name)}
        assert states == {"delivered"}
