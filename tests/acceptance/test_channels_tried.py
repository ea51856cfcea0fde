"""What an operator sees who tries a chat out before there is anything to tell it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.chats import BOT, Chat, Platform, Scene, set_up
from tests.acceptance.stage import Stage
from tests.platforms.dingtalk import DingTalk
from tests.platforms.discord import TOKEN as DISCORD_TOKEN
from tests.platforms.discord import Discord
from tests.platforms.feishu import Feishu
from tests.platforms.ntfy import Ntfy
from tests.platforms.slack import HOOK, Slack
from tests.platforms.slack import TOKEN as SLACK_TOKEN
from tests.platforms.teams import SIGNATURE, Teams, texts
from tests.platforms.telegram import TOKEN as TELEGRAM_TOKEN
from tests.platforms.telegram import Telegram
from tests.platforms.wecom import WeCom

#: By endpoint: the platform, its settings, what it shows, and what nobody is to see.
TRIED: dict[
    str, tuple[Platform, dict[str, Any], Callable[[Any], list[str]], tuple[str, ...]]
] = {
    "discord": (
        Discord(),
        {"progress": "edit"},
        lambda at: [one.text for one in at.shown],
        (DISCORD_TOKEN,),
    ),
    "slack_hook": (
        Slack(),
        {},
        lambda at: [str(one.payload) for one in at.shown],
        (HOOK.rpartition("/")[2],),
    ),
    "slack_bot": (
        Slack(),
        {**BOT, "progress": "edit"},
        lambda at: [str(one.payload) for one in at.shown],
        (SLACK_TOKEN,),
    ),
    "telegram": (
        Telegram(),
        {"progress": "edit"},
        lambda at: [one.text for one in at.shown],
        (TELEGRAM_TOKEN,),
    ),
    "feishu": (
        Feishu(secret="feishu-signing-secret"),
        {},
        lambda at: [one.text for one in at.messages],
        ("robotkey", "feishu-signing-secret"),
    ),
    "dingtalk": (
        DingTalk(secret="SECdingtalk-signing-secret"),
        {},
        lambda at: [one.text for one in at.messages],
        ("robotkey", "SECdingtalk-signing-secret"),
    ),
    "wecom": (
        WeCom(),
        {},
        lambda at: [one.text for one in at.messages],
        ("robotkey",),
    ),
    "teams": (
        Teams(),
        {},
        lambda at: [" ".join(texts(one)) for one in at.cards],
        (SIGNATURE,),
    ),
    "ntfy": (
        Ntfy(tokens=frozenset({"tk_not-for-everybody"})),
        {"token": "tk_not-for-everybody"},
        lambda at: [str(one) for one in at.published],
        ("tk_not-for-everybody",),
    ),
}


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Nobody works here, and nobody has to."""
    chats = {
        name: Chat(hears="default", platform=platform, settings=settings)
        for name, (platform, settings, _, _) in TRIED.items()
    }
    with set_up(stage, tmp_path_factory.mktemp("tried"), chats) as scene:
        yield scene


@pytest.mark.parametrize("name", TRIED)
def test_a_test_is_a_message_that_says_that_it_is_a_sample(
    scene: Scene, name: str
) -> None:
    platform, _, shown, secrets = TRIED[name]
    ran = scene.shell.run("endpoints", "test", name, "--json")

    assert ran.code == 0, ran.out + ran.err
    (said,) = ran.rows
    assert said["outcome"] == "delivered"
    (message,) = shown(platform)
    assert "This is a sample" in message
    for secret in secrets:
        assert secret not in ran.out + ran.err


@pytest.mark.parametrize("name", TRIED)
def test_a_preview_shows_what_would_be_sent_and_sends_nothing(
    scene: Scene, name: str
) -> None:
    platform, _, shown, secrets = TRIED[name]
    before = shown(platform)
    ran = scene.shell.run("preview", "task.failed", "--endpoint", name, "--json")

    assert ran.code == 0, ran.err
    (request,) = ran.rows
    assert request["method"] == "POST"
    assert "nothing is wrong" in str(json.loads(request["body"]))
    for secret in secrets:
        assert secret not in ran.out + ran.err
    assert shown(platform) == before


def test_a_test_of_a_chat_that_is_gone_says_why(scene: Scene) -> None:
    discord = scene.at("discord", Discord)
    scene.stage.do(discord.threads.clear)
    ran = scene.shell.run(
        "endpoints",
        "test",
        "discord",
        BRIDGE_ENDPOINTS__DISCORD__THREAD_ID="1300000000000000099",
    )

    assert ran.code == 1
    assert "the channel or thread was deleted" in ran.out
