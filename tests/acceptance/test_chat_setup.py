"""`mjbridge setup` before platforms that enforce their rules: it ends in a button that works."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Stage
from tests.cli.commands import Ran, Shell
from tests.platforms import clicks, discord, loopback, slack, telegram
from tests.platforms.discord_application import BOT_TOKEN, DiscordApplication
from tests.platforms.slack import Slack
from tests.platforms.telegram import Telegram
from tests.waiting import until

#: What a button carries, on whichever platform.
TOKEN = re.compile(r'"(?:value|custom_id|callback_data)": "([A-Za-z0-9_-]{40,64})"')


@dataclass(kw_only=True)
class Place:
    """Where a deployment is, with a process `web` once `serve` was called."""

    folder: Path
    url: str

    @contextmanager
    def configured(self, **endpoints: Mapping[str, Any]) -> Iterator[Shell]:
        """Configure endpoints, and have `web` serve them; run commands there."""
        with self.installed(**endpoints) as deployment:
            port = str(urlsplit(self.url).port)
            deployment.start_program("web", "mjbridge", "web", "--port", port)
            until(self._answers, within_s=60, what="web answers")
            yield Shell(self.folder, deployment.env)

    @contextmanager
    def installed(self, **endpoints: Mapping[str, Any]) -> Iterator[Installation]:
        with Installation(
            self.folder,
            upstreams={"main": {**QUICK_UPSTREAM, "base_url": "http://127.0.0.1:9"}},
            endpoints=endpoints,
            public_url=self.url,
        ) as deployment:
            yield deployment

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def click(self, path: str, click: clicks.Click) -> None:
        body, headers = click
        answer = httpx.post(
            self.url + path, content=body, headers=headers, trust_env=False
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Place(folder=tmp_path, url=f"http://127.0.0.1:{port}")


def tried(
    shell: Shell, *args: str, posted: Callable[[], Any], press: Callable[[str], None]
) -> str:
    """Run a set-up until its test message is posted, press its button; return what it says."""
    with shell.running("setup", *args, "--wait", "60") as running:
        seen = until(
            lambda: TOKEN.search(json.dumps(posted())),
            within_s=60,
            what=lambda: running.err + running.out,
        )
        running.says("press one of them")
        assert seen is not None
        press(seen[1])
        assert running.process.wait(60) == 0, running.err
        return running.err


def refused(shell: Shell, *args: str) -> str:
    ran: Ran = shell.run("setup", *args)
    assert ran.code == 2, ran
    return ran.err


def complaints(shell: Shell) -> str:
    """What `check --online` finds wrong with endpoints, the process web up or not."""
    found = shell.run("check", "--online", "--json").rows
    wrong = [one for one in found if one["level"] in {"warning", "error"}]
    return "; ".join(one["detail"] for one in wrong if one["check"] == "endpoint")


def test_slack_is_set_up_by_a_link_and_a_button_that_works(
    stage: Stage, place: Place
) -> None:
    chat = Slack()
    url = stage.serve(chat.app) + slack.HOOK
    with place.configured() as shell:
        ran = shell.run("setup", "slack")
        query = parse_qs(urlsplit(ran.out.strip()).query)
        asked = json.loads(query["manifest_json"][0])["settings"]["interactivity"]
        assert asked["request_url"] == f"{place.url}/interactions/slack"
        assert "signing_secret" in ran.err
        assert "no endpoint 'studio'" in refused(shell, "slack", "studio")

    settings = {"kind": "slack", "url": url, "signing_secret": clicks.SIGNING_SECRET}
    with place.configured(
        studio={**settings, "buttons": "native"}, plain=settings | {"buttons": "off"}
    ) as shell:
        assert 'set buttons = "native"' in refused(shell, "slack", "plain")
        assert "studio" in refused(shell, "slack")
        assert "is of kind slack" in refused(shell, "telegram", "studio")
        said = tried(
            shell,
            "slack",
            "studio",
            posted=lambda: [one.payload for one in chat.shown],
            press=lambda token: place.click(
                "/interactions/slack",
                clicks.slack(clicks.slack_payload(token, response_url=url)),
            ),
        )

    assert "it works: ada has pressed a button" in said


def test_discord_is_set_up_from_a_bots_token_to_a_button_that_works(
    stage: Stage, place: Place
) -> None:
    bot = DiscordApplication(may_make_webhooks=False)
    api = ("--api", stage.serve(bot.app))
    made = ("discord", "studio", "--token", BOT_TOKEN, "--channel", discord.CHANNEL)
    with place.configured() as shell:
        assert "403 Missing Permissions" in refused(shell, *made, *api)
        bot.may_make_webhooks = True
        assert "401" in refused(shell, *made, *api, "--token", "another")
        assert "404 Unknown Channel" in refused(shell, *made, *api, "--channel", "7")
        assert "BOT_TOKEN" in shell.run("setup", "discord").err
        ran = shell.run("setup", *made, *api)
        assert ran.code == 0
        assert "mjbridge setup discord studio --token" in ran.err
        # Nobody is asked yet whether he is there, as nobody could prove that he is.
        assert bot.clicks_go_to is None

    def press(token: str) -> None:
        payload = clicks.discord_payload(token)
        payload["message"]["webhook_id"] = discord.WEBHOOK
        place.click("/interactions/discord", clicks.discord(payload))

    settings = tomllib.loads(ran.out)["endpoints"]["studio"]
    again = ("discord", "studio", "--token", BOT_TOKEN)
    with place.installed(studio=settings | {"kind": "discord"}) as deployment:
        shell = Shell(place.folder, deployment.env)
        assert "does the process web answer there" in refused(shell, *again, *api)
    with place.configured(studio=settings | {"kind": "discord"}) as shell:
        assert "has a webhook already" in refused(shell, *made, *api)
        said = tried(
            shell,
            *again,
            *api,
            posted=lambda: [one.payload for one in bot.discord.shown],
            press=press,
        )
        assert complaints(shell) == ""

    assert bot.clicks_go_to == f"{place.url}/interactions/discord"
    assert bot.made == 1
    assert f"clicks are sent to {bot.clicks_go_to}" in said
    assert "it works: Ada has pressed a button" in said


def test_telegram_is_told_where_clicks_go_and_a_button_works(
    stage: Stage, place: Place
) -> None:
    chat = Telegram()
    stage.enter(loopback.serving(chat))
    settings = {"kind": "telegram", "url": chat.url, "chat_id": str(telegram.CHAT)}

    def press(token: str) -> None:
        payload = clicks.telegram_payload(token)
        payload["callback_query"]["message"]["chat"]["id"] = telegram.CHAT
        secret = chat.webhook["secret_token"]
        path = urlsplit(chat.webhook["url"]).path
        place.click(path, clicks.telegram(payload, secret=secret))

    with place.configured(studio={**settings, "buttons": "native"}) as shell:
        assert "clicks are sent nowhere" in complaints(shell)
        # With one endpoint of the kind, its name goes without saying.
        said = tried(
            shell,
            "telegram",
            posted=lambda: [body for _, body in chat.calls],
            press=press,
        )
        assert complaints(shell) == ""
        chat.revoked = True
        assert "401 Unauthorized" in refused(shell, "telegram")

    assert f"clicks are sent to {place.url}/interactions/telegram/studio" in said
    assert "it works: @ada has pressed a button" in said
    with place.configured() as shell:
        assert "chat_id" in shell.run("setup", "telegram").err
