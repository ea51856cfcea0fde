"""
What people see in their chats of a task's whole life.

One worker and one beat tell of two tasks that go through everything, at platforms that
enforce their rules; each test then looks at one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.chats import BOT, Chat, Platform, Scene, running
from tests.acceptance.harness import Installation
from tests.acceptance.stage import Stage
from tests.platforms.dingtalk import DingTalk
from tests.platforms.discord import Discord
from tests.platforms.feishu import Feishu
from tests.platforms.ntfy import Ntfy
from tests.platforms.robots import Robot
from tests.platforms.slack import Slack
from tests.platforms.teams import Teams
from tests.platforms.telegram import Telegram
from tests.platforms.wecom import WeCom

#: What both tasks go through; what comes last ends them.
LIFE = (
    ("SUBMITTED", ""),
    ("IN_PROGRESS", "0%"),
    ("IN_PROGRESS", "31%"),
    ("IN_PROGRESS", "62%"),
    ("SUCCESS", "100%"),
)
#: One that the platforms show by themselves, at its address.
LINK = "https://cdn.example.com/attachments/link-pig.png"


def _here(platform: Platform, **settings: object) -> Chat:
    """A chat about the task whose picture is on this machine."""
    return Chat(hears="here", platform=platform, settings=settings)


def _there(platform: Platform, **settings: object) -> Chat:
    """A chat about the task whose picture is in the wide world."""
    return Chat(hears="there", platform=platform, settings=settings)


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both tasks have lived their lives, and everybody was told."""
    chats = {
        "replaced": _here(Discord(), progress="edit"),
        "edited": _here(Discord(), progress="edit", final="edit"),
        "replied": _here(Discord(), progress="edit", final="reply"),
        "final_only": _here(Discord()),
        "telegram": _here(Telegram(), progress="edit"),
        "bot": _there(Slack(), progress="edit", **BOT),
        "bot_edits": _there(Slack(), progress="edit", final="edit", **BOT),
        "bot_replies": _there(Slack(), progress="edit", final="reply", **BOT),
        "hook": _there(Slack()),
        "feishu": _there(Feishu(secret="feishu-signing-secret")),
        "dingtalk": _there(DingTalk(secret="SECdingtalk-signing-secret")),
        "wecom": _there(WeCom()),
        "teams": _there(Teams()),
        "ntfy": _there(Ntfy()),
    }
    folder = tmp_path_factory.mktemp("channels")
    with running(stage, folder, chats) as scene:
        for status, progress in LIFE:
            last = status == "SUCCESS"
            here = {"imageUrl": scene.picture_url("here-pig")} if last else {}
            there = {"imageUrl": LINK} if last else {}
            scene.tells("here", "here-pig", status, progress, **here)
            scene.tells("there", "link-pig", status, progress, **there)
        yield scene


@pytest.fixture
def deployment(scene: Scene) -> Installation:
    """Named on its own so that a failure shows its logs."""
    return scene.deployment


pytestmark = pytest.mark.usefixtures("deployment")


# --- Discord --------------------------------------------------------------------------


def test_a_tasks_whole_life_is_one_discord_message_edited_in_place_and_a_final_one(
    scene: Scene,
) -> None:
    discord = scene.at("replaced", Discord)

    older, final = discord.messages
    assert discord.methods() == ["POST", "PATCH", "PATCH", "PATCH", "POST", "DELETE"]
    assert older.percents == [0, 31, 62]
    assert (older.silent, older.deleted) == (True, True)
    assert (final.silent, final.deleted) == (False, False)
    assert "finished" in final.title
    assert "a pig" in final.text
    assert discord.shown == [final]
    assert discord.pinged == []


def test_a_picture_is_uploaded_with_the_final_message(scene: Scene) -> None:
    """It is a real one, from where the gateway said it is."""
    (final,) = scene.at("replaced", Discord).shown

    assert final.picture == scene.picture("here-pig")
    assert len(final.picture) > 1000


def test_a_final_edit_ends_the_one_message_that_there_is(scene: Scene) -> None:
    discord = scene.at("edited", Discord)

    (message,) = discord.messages
    assert discord.methods() == ["POST"] + ["PATCH"] * 4
    assert "finished" in message.title
    assert message.picture == scene.picture("here-pig")


def test_a_final_reply_leads_back_to_the_message_that_it_follows(scene: Scene) -> None:
    discord = scene.at("replied", Discord)

    older, final = discord.shown
    assert final.embed["url"].endswith(older.id)
    assert "finished" in older.title
    assert final.picture == scene.picture("here-pig")


def test_a_chat_that_wants_no_progress_hears_of_the_end_alone(scene: Scene) -> None:
    discord = scene.at("final_only", Discord)

    assert discord.methods() == ["POST"]
    assert discord.shown[0].picture == scene.picture("here-pig")


# --- Slack ----------------------------------------------------------------------------


def test_a_slack_bot_edits_one_message_and_replaces_it_at_the_end(scene: Scene) -> None:
    slack = scene.at("bot", Slack)

    assert slack.methods() == [
        "chat.postMessage",
        "chat.update",
        "chat.update",
        "chat.update",
        "chat.postMessage",
        "chat.delete",
    ]
    (final,) = slack.shown
    assert (final.picture, final.history) == (LINK, [final.payload])
    assert "finished" in final.text
    assert slack.pinged == []


def test_a_slack_bot_ends_its_message_with_an_edit_if_that_is_wanted(
    scene: Scene,
) -> None:
    slack = scene.at("bot_edits", Slack)

    (message,) = slack.channel.messages
    assert message.picture == LINK
    assert len(message.history) == len(LIFE)


def test_a_slack_bot_replies_in_the_thread_of_its_message(scene: Scene) -> None:
    slack = scene.at("bot_replies", Slack)

    (parent,) = slack.top
    (reply,) = [one for one in slack.shown if one.thread_ts]
    assert reply.thread_ts == parent.ts
    assert parent.picture == LINK


def test_a_slack_webhook_is_told_the_end_alone(scene: Scene) -> None:
    slack = scene.at("hook", Slack)

    assert slack.methods() == ["webhook"]
    (message,) = slack.shown
    assert message.picture == LINK
    assert "finished" in message.text


# --- the others -----------------------------------------------------------------------


def test_telegram_edits_one_message_and_replaces_it_by_one_with_the_picture(
    scene: Scene,
) -> None:
    telegram = scene.at("telegram", Telegram)

    older, final = telegram.messages
    assert (older.silent, older.deleted, len(older.history)) == (True, True, 4)
    assert (final.silent, final.deleted) == (False, False)
    assert final.look.photo == scene.picture("here-pig")
    assert "a pig" in final.text


@pytest.mark.parametrize("name", ["feishu", "dingtalk", "wecom"])
def test_a_robot_takes_what_is_signed_and_says_so_inside_of_a_200(
    scene: Scene, name: str
) -> None:
    robot = scene.at(name, Robot)

    assert robot.refusals == []
    (posted,) = robot.messages
    assert "finished" in posted.title
    assert "a pig" in posted.text
    assert posted.mentions == ()


def test_teams_and_ntfy_are_told_the_end_alone(scene: Scene) -> None:
    teams, ntfy = scene.at("teams", Teams), scene.at("ntfy", Ntfy)

    assert (teams.refusals, ntfy.refusals) == ([], [])
    (card,) = teams.cards
    assert any(one["type"] == "Image" for one in card["body"])
    (published,) = ntfy.published
    assert published["attach"] == LINK


def test_everything_was_told_at_the_first_attempt(scene: Scene) -> None:
    for hears, task in (("here", "here-pig"), ("there", "link-pig")):
        story = scene.story(hears, task)
        assert len(story) == len(LIFE)
        for event in story:
            assert {one.state for one in event.deliveries} == {"delivered"}
            assert len(event.attempts) == len(event.deliveries)
