"""
Chats that refuse, vanish, stumble, or are told a lot at once; and what operators see of
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.chats import BOT, Chat, Platform, Scene, running
from tests.acceptance.harness import Installation
from tests.acceptance.stage import Stage, row
from tests.platforms.dingtalk import DingTalk
from tests.platforms.discord import (
    INVALID_TOKEN,
    UNKNOWN_WEBHOOK,
    Bucket,
    Discord,
    page,
    too_many,
)
from tests.platforms.feishu import Feishu
from tests.platforms.slack import Channel, Slack
from tests.platforms.teams import Teams
from tests.platforms.telegram import Telegram
from tests.platforms.wecom import WeCom
from tests.waiting import until

#: By endpoint: a chat that nobody can post to, how it is mended, and what an operator is told.
GONE: dict[str, tuple[Chat, Callable[[Any], None], str]] = {}


def _gone(
    name: str, platform: Platform, mend: Callable[[Any], None], why: str, **more: Any
) -> None:
    chat = Chat(hears="gone", platform=platform, settings=more)
    GONE[name] = chat, mend, why


def _set(name: str, value: object) -> Callable[[Any], None]:
    return lambda platform: setattr(platform, name, value)


def _unarchive(slack: Slack) -> None:
    slack.channel.archived = False


def _archived() -> Slack:
    return Slack(channels={"C0123456789": Channel(archived=True)})


_gone(
    "webhook_deleted",
    Discord(trouble=UNKNOWN_WEBHOOK),
    _set("trouble", None),
    "the webhook was deleted",
)
_gone(
    "webhook_reset",
    Discord(trouble=INVALID_TOKEN),
    _set("trouble", None),
    "the webhook's token is not valid any more",
)
_gone(
    "bot_revoked",
    Slack(token_trouble="token_revoked"),
    _set("token_trouble", ""),
    "the token was revoked",
    **BOT,
)
_gone("bot_archived", _archived(), _unarchive, "the channel was archived", **BOT)
_gone("hook_archived", _archived(), _unarchive, "the channel was archived")
_gone(
    "hook_removed",
    Slack(hook_trouble=(404, "no_service")),
    _set("hook_trouble", None),
    "the webhook was removed",
)
_gone(
    "telegram_revoked",
    Telegram(revoked=True),
    _set("revoked", False),
    "the bot's token is not valid",
)
for robot in (Feishu(removed=True), DingTalk(removed=True), WeCom(removed=True)):
    _gone(
        f"{type(robot).__name__.lower()}_removed",
        robot,
        _set("removed", False),
        "there is no such robot any more",
    )
_gone("teams_deleted", Teams(deleted=True), _set("deleted", False), "workflow")


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    edit = {"progress": "edit"}
    chats = {
        **{name: chat for name, (chat, _, _) in GONE.items()},
        # Discord, but ten times as quick, and its hidden limit more.
        "crowd": Chat(
            hears="crowd",
            platform=Discord(buckets={"POST": Bucket(5, 0.2)}, hidden=Bucket(30, 1.5)),
            settings={"rate_limit": "16/s"},
        ),
        "tight": Chat(
            hears="tight", platform=Discord(), settings={**edit, "rate_limit": "2/s"}
        ),
        "proxied": Chat(hears="proxied", platform=Discord(), settings=edit),
        **{
            f"late_{platform.__class__.__name__.lower()}": Chat(
                hears="late",
                platform=platform,
                settings={**edit, "final": "edit", **more},
            )
            for platform, more in ((Discord(), {}), (Slack(), BOT), (Telegram(), {}))
        },
    }
    with running(stage, tmp_path_factory.mktemp("trouble"), chats) as scene:
        yield scene


@pytest.fixture
def deployment(scene: Scene) -> Installation:
    """Named on its own so that a failure shows its logs."""
    return scene.deployment


def test_a_chat_that_is_gone_is_disabled_and_its_operator_is_told_why(
    scene: Scene, deployment: Installation
) -> None:
    """What happens meanwhile is held, and goes out when it was mended and resumed."""

    def states() -> set[tuple[str, int]]:
        rows = scene.health()
        return {(rows[name].state, rows[name].pending) for name in GONE}

    for number in (1, 2):
        scene.says("gone", f"pig-{number}", "SUCCESS")
        until(lambda: states() == {("disabled", number)}, what=lambda: str(states()))  # noqa: B023

    ran = scene.shell.run("endpoints", "--json")
    listed = {one["name"]: one for one in ran.rows}
    for name, (_, _, why) in GONE.items():
        assert listed[name]["state"] == "disabled"
        assert why in listed[name]["reason"]
        assert "://" not in listed[name]["reason"]
    for name, (chat, mend, _) in GONE.items():
        scene.stage.do(lambda mend=mend, chat=chat: mend(chat.platform))  # type: ignore[misc]
        deployment.resume(name)
    until(lambda: states() == {("up", 0)}, what=lambda: str(states()))
    for name in GONE:
        assert [one.state for one in deployment.deliveries(name)] == ["delivered"] * 2


def test_200_tasks_at_once_keep_within_discords_limits_and_none_is_lost(
    scene: Scene, deployment: Installation
) -> None:
    tasks = [f"crowd-{number}" for number in range(200)]
    discord = scene.at("crowd", Discord)
    scene.gateway.put(*(row(task, "SUCCESS") for task in tasks))

    deployment.track(*tasks, upstream="crowd")

    until(
        lambda: len(discord.shown) >= len(tasks),
        within_s=40,
        what=lambda: f"{len(discord.shown)} messages",
    )
    told = [
        next(task for task in tasks if f"({task})" in one.text.replace("\\", ""))
        for one in discord.shown
    ]
    assert sorted(told) == sorted(tasks)
    assert discord.statuses().count(429) < len(tasks) / 4
    until(
        lambda: {one.state for one in deployment.deliveries("crowd")} == {"delivered"}
    )


def test_when_the_budget_is_short_ends_go_first_and_edits_are_left_out(
    scene: Scene, deployment: Installation
) -> None:
    discord = scene.at("tight", Discord)
    tasks = [f"slow-{number}" for number in range(8)]
    deployment.pause("tight")
    for number, progress in enumerate(("0%", "31%", "62%"), start=1):
        scene.gateway.put(
            *(row(task, "IN_PROGRESS", progress) for task in (*tasks, "winner"))
        )
        deployment.track(*tasks, "winner", upstream="tight")
        until(lambda: len(deployment.deliveries("tight")) == number * 9)  # noqa: B023
    scene.says("tight", "winner", "SUCCESS")
    until(lambda: len(deployment.deliveries("tight")) == 28)

    deployment.resume("tight")

    until(lambda: len(discord.messages) >= 3)
    first, *others = discord.messages
    assert "finished" in first.title
    assert all(one.percents[0] == 62 for one in others)

    before = len(discord.calls)
    scene.says("tight", tasks[-1], "SUCCESS")
    until(lambda: any("finished" in one.title for one in discord.messages[1:]))
    place = next(
        place
        for place, call in enumerate(discord.calls)
        if place >= before and "finished" in str(call.payload)
    )
    assert place - before <= 2


def test_a_late_progress_never_overwrites_what_ended(
    scene: Scene, deployment: Installation
) -> None:
    scene.tells("late", "pig", "IN_PROGRESS", "0%")
    scene.tells("late", "pig", "IN_PROGRESS", "80%")
    late = scene.story("late", "pig")[-1].event.id
    scene.tells("late", "pig", "SUCCESS")

    for name in ("late_discord", "late_slack", "late_telegram"):
        assert deployment.redeliver(late, name) == "queued"
    until(lambda: scene.told("late", "pig") == 3)

    (message,) = scene.at("late_discord", Discord).messages
    assert "finished" in message.title
    (posted,) = scene.at("late_slack", Slack).channel.messages
    assert "finished" in posted.text
    (sent,) = scene.at("late_telegram", Telegram).messages
    assert "finished" in sent.text


def test_a_proxy_that_stumbles_costs_time_and_nothing_else(
    scene: Scene, deployment: Installation
) -> None:
    discord = scene.at("proxied", Discord)
    scene.tells("proxied", "pig", "IN_PROGRESS", "0%")
    discord.faults.extend(
        [page(502), too_many(0.4, "global"), page(429, retry_after="1")]
    )

    scene.tells("proxied", "pig", "SUCCESS")

    (final,) = discord.shown
    assert "finished" in final.title
    assert discord.statuses()[1:] == [502, 429, 429, 200, 204]
    assert [one.state for one in deployment.deliveries("proxied")] == ["delivered"] * 2
