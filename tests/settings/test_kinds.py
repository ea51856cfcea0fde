"""`bridge.settings.kinds`: an endpoint's kind, and what belongs to it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import certifi
import pytest

from bridge.channels.discord.payload import DiscordOptions
from bridge.channels.webhook import WebhookOptions
from bridge.core.endpoint import DEFAULT_EVENTS, Rate
from bridge.settings import (
    CHAT_EVENTS,
    CHAT_KINDS,
    KINDS,
    default_events,
    infer,
)
from bridge.settings.kinds import MODELS, kinds_with
from tests.settings.loading import Workplace, uncommented

#: An endpoint of each kind with nothing but what it needs.
LEAST: dict[str, dict[str, object]] = {kind: {} for kind in KINDS} | {
    "telegram": {"chat_id": -100},
    "template": {"body": "{}"},
}
#: A URL of the form that a kind insists on wherever it is.
FORMS = {
    "discord": "https://x.example/api/webhooks/1/x",
    "telegram": "https://x.example/bot1:x",
    "ntfy": "https://x.example/topic",
}


def examples() -> dict[str, object]:
    """A value of each setting that belongs to some kinds only, as the example has it."""
    shown = tomllib.loads(uncommented(Path("bridge.example.toml").read_text()))
    return {
        setting: value
        for endpoint in shown["endpoints"].values()
        for setting, value in endpoint.items()
        if kinds_with(setting) != KINDS
    }


VALUES = examples()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://hooks.slack-gov.com/services/T/B/x", "slack"),
        ("https://slack.com/api", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/webhooks/1/x", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://canary.discord.com/api/v9/webhooks/1/x", "discord"),
        ("https://www.discord.com/api/webhooks/1/x", "discord"),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/x", "feishu"),
        ("https://open.larksuite.com/open-apis/bot/v2/hook/x", "feishu"),
        ("https://oapi.dingtalk.com/robot/send?access_token=x", "dingtalk"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x", "wecom"),
        ("https://api.telegram.org/bot1:x", "telegram"),
        ("https://prod-1.westus.logic.azure.com:443/workflows/x", "teams"),
        ("https://a.b.environment.api.powerplatform.com/x", "teams"),
        ("https://ntfy.sh/topic", "ntfy"),
        ("mailto://user:pw@example.com", "apprise"),
        ("tgram://token/chat", "apprise"),
        ("HTTPS://HOOKS.SLACK.COM./services/T/B/x", "slack"),
        ("https://example.com/hooks.slack.com", "webhook"),
        ("https://hooks.slack.com.evil.example/", "webhook"),
        ("https://notdiscord.com/", "webhook"),
        ("https://[", "webhook"),
        ("", "webhook"),
    ],
)
def test_the_kind_is_inferred_from_the_platforms_own_hosts(url: str, kind: str) -> None:
    assert infer(url) == kind


def test_a_kind_given_outright_takes_any_host(place: Workplace) -> None:
    settings = place.load(
        {
            "BRIDGE_ENDPOINTS__A__URL": "http://127.0.0.1:9/services/x",
            "BRIDGE_ENDPOINTS__A__KIND": "Slack",
            "BRIDGE_ENDPOINTS__B__URL": "https://hooks.slack.com/services/x",
            "BRIDGE_ENDPOINTS__B__KIND": "webhook",
            "BRIDGE_ENDPOINTS__C__URL": "https://proxy.example/hook",
            "BRIDGE_ENDPOINTS__C__KIND": "lark",
            "BRIDGE_ENDPOINTS__D__URL": "https://discord.com/api/webhooks/1/x",
        }
    )

    kinds = {name: each.kind for name, each in settings.endpoints.items()}
    assert kinds == {"a": "slack", "b": "webhook", "c": "feishu", "d": "discord"}


def test_apprise_takes_any_scheme_and_the_others_take_http(place: Workplace) -> None:
    odd = {"BRIDGE_ENDPOINTS__A__URL": "odd://user:pw@host/x?y"}

    settings = place.load(odd | {"BRIDGE_ENDPOINTS__A__KIND": "apprise"})

    assert settings.endpoints["a"].kind == "apprise"
    assert "must begin with http:// or https://" in place.refused(odd)
    assert "must begin with a scheme" in place.refused(
        {"BRIDGE_ENDPOINTS__A__URL": "odd", "BRIDGE_ENDPOINTS__A__KIND": "apprise"}
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_a_kind_is_accepted_there_and_refused_elsewhere(
    place: Workplace, kind: str
) -> None:
    for setting, value in VALUES.items():
        given = LEAST[kind] | {setting: value}
        if kind == "slack" and setting in {"token", "channel"}:
            given |= {"token": "t", "channel": "C"}
        if setting == "preset":
            given.pop("body", None)
        table = {"url": FORMS.get(kind, "https://x.example"), "kind": kind} | given
        env = {"BRIDGE_ENDPOINTS__ME": json.dumps(table)}

        if kind in kinds_with(setting):
            assert place.load(env).endpoints["me"].kind == kind
        else:
            said = place.refused(env)
            assert f"endpoints.me.{setting}: " in said
            assert "is a setting of " in said
            assert f"and this endpoint is of kind {kind} (from" in said


def test_every_setting_that_not_all_kinds_have_is_tried() -> None:
    settings = {name for model in MODELS.values() for name in model.model_fields}

    tried = {name for name in settings if kinds_with(name) != KINDS}
    assert VALUES.keys() == tried, "show it with a value in bridge.example.toml"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param(
            {"kind": "telegram"}, ["chat_id: is required for telegram"], id="telegram"
        ),
        pytest.param(
            {"kind": "slack", "token": "t"},
            ["channel: is required to post as a bot, together with token"],
            id="a bot without a channel",
        ),
        pytest.param(
            {"kind": "slack", "channel": "C"},
            ["token: is required to post as a bot, together with channel"],
            id="a bot without a token",
        ),
        pytest.param(
            {"url": "https://slack.com/api"},
            ["token: is required to post", "channel: is required to post"],
            id="Slack's API without either",
        ),
        pytest.param(
            {"kind": "discord", "thread_id": "1", "thread_name": "x"},
            ["thread_name: set this or thread_id, not both"],
            id="two threads",
        ),
        pytest.param(
            {"kind": "template"},
            ["body: is required, unless preset is set"],
            id="no body",
        ),
        pytest.param(
            {"kind": "template", "body": "{}", "preset": "x"},
            ["body: set this or preset, not both"],
            id="two bodies",
        ),
        pytest.param(
            {"kind": "template", "body": "{}", "success": ["ok"], "method": "SEND"},
            [
                'success[0]: must be a pattern over status codes, for example "2??"',
                "method: must be 'POST', 'PUT', 'PATCH', 'GET' or 'DELETE'",
            ],
            id="no such status or method",
        ),
        pytest.param(
            {"kind": "template", "body": "{}", "content_type": "json"},
            ["content_type: is malformed"],
            id="no such content type",
        ),
        pytest.param(
            {"kind": "discord", "public_key": "not hexadecimal"},
            ["public_key: must be the application's public key: 64 hexadecimal digits"],
            id="no public key",
        ),
        pytest.param(
            {"kind": "discord", "username": "x" * 81},
            ["username: must have at most 80 characters"],
            id="a long name",
        ),
        pytest.param(
            {"kind": "discord", "username": "My DISCORD bot"},
            ['username: holds "discord", which Discord lets nobody be called'],
            id="Discord's name",
        ),
        pytest.param(
            {"kind": "discord", "username": "ClydeBot"},
            ['username: holds "clyde"'],
            id="a name that Discord keeps",
        ),
        pytest.param(
            {"kind": "discord", "avatar_url": "a.png"},
            ["avatar_url: must begin with http://"],
            id="no URL",
        ),
        pytest.param(
            {"kind": "ntfy", "silent": "perhaps", "language": "fr"},
            ["silent: must be true or false", "language: must be 'en' or 'zh'"],
            id="neither yes nor no",
        ),
    ],
)
def test_what_a_kind_needs_or_cannot_have_is_told(
    place: Workplace, table: dict[str, object], said: list[str]
) -> None:
    env = {"BRIDGE_ENDPOINTS__ME": json.dumps({"url": "https://x.example"} | table)}

    message = place.refused(env)

    for part in said:
        assert f"endpoints.me.{part}" in message


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        pytest.param(
            None,
            "https://hooks.slack.com/triggers/T0HIDDEN/1/x",
            'is a workflow\'s, which takes fields of its own: use kind = "template"',
            id="a workflow of Slack's",
        ),
        pytest.param(
            "slack",
            "https://proxy.example/slack/workflows/T0HIDDEN/A1/2/x",
            'use kind = "template"',
            id="a workflow behind a proxy",
        ),
        pytest.param(
            None,
            "https://hooks.slack.com/services/T0HIDDEN",
            "is not an incoming webhook's: they look like https://hooks.slack.com/",
            id="half of an incoming webhook's",
        ),
        pytest.param(
            None,
            "https://slack.com/HIDDEN",
            "is not the Web API's, which is https://slack.com/api",
            id="a page of Slack's",
        ),
        pytest.param(
            "discord",
            "http://host.example/HIDDEN",
            "is not a Discord webhook's: they look like https://discord.com/api/",
            id="Discord without a webhook",
        ),
        pytest.param(
            None,
            "https://www.discord.com/channels/1/HIDDEN",
            "is not a Discord webhook's",
            id="a channel of Discord's",
        ),
        pytest.param(
            None,
            "https://discord.com/api/webhooks/mine/HIDDEN",
            "is not a Discord webhook's",
            id="a webhook without a number",
        ),
        pytest.param(
            None,
            "https://api.telegram.org/1:HIDDEN",
            "names no bot: it looks like https://api.telegram.org/bot<token>",
            id="a token without bot",
        ),
        pytest.param(
            None,
            "https://api.telegram.org/",
            "names no bot",
            id="Telegram without a token",
        ),
        pytest.param(
            None, "https://ntfy.sh/", "names no topic", id="ntfy without a topic"
        ),
        pytest.param(
            None,
            "https://ntfy.sh/HIDDEN/json",
            "ends in no topic, which is up to 64 letters, digits, - and _",
            id="a topic's feed",
        ),
        pytest.param(
            "ntfy", "https://x.example/HIDDEN!", "ends in no topic", id="no topic"
        ),
        pytest.param(
            None,
            "https://open.feishu.cn/HIDDEN",
            "is not a robot's: they look like https://open.feishu.cn/open-apis/bot/",
            id="Feishu",
        ),
        pytest.param(
            None,
            "https://oapi.dingtalk.com/robot/send?token=HIDDEN",
            "look like https://oapi.dingtalk.com/robot/send?access_token=<token>",
            id="DingTalk",
        ),
        pytest.param(
            None,
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?HIDDEN",
            "look like https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=<key>",
            id="WeCom",
        ),
        pytest.param(
            None,
            "https://prod-1.westus.logic.azure.com/HIDDEN",
            "is not a workflow's",
            id="Teams",
        ),
    ],
)
def test_a_url_that_cannot_be_the_kinds_is_refused_without_being_shown(
    place: Workplace, kind: str | None, url: str, said: str
) -> None:
    table = {"url": url} | ({"kind": kind} if kind else {}) | LEAST[kind or infer(url)]
    env = {"BRIDGE_ENDPOINTS__ME": json.dumps(table)}

    message = place.refused(env)

    assert "endpoints.me.url: " in message
    assert said in message
    assert "HIDDEN" not in message


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0/x/"),
        ("slack", "http://127.0.0.1:9/hooks/mattermost"),
        ("discord", "http://127.0.0.1:9/proxy/api/webhooks/any/x?wait=true"),
        ("discord", "https://discord.com/api/v9/webhooks/1/x/github"),
        ("telegram", "https://api.telegram.org/bot1:ab/sendMessage?chat_id=5"),
        ("telegram", "http://127.0.0.1:8081/tg/botTOKEN"),
        ("ntfy", "https://push.example/ntfy/topic?auth=x"),
        ("feishu", "https://open.larksuite.com/open-apis/bot/v2/hook/x"),
        ("feishu", "https://proxy.example/any"),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?x=1&access_token=x"),
        ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x&debug=1"),
        ("teams", "https://a.webhook.office.com/webhookb2/x/IncomingWebhook/y/z"),
        (
            "teams",
            "https://a.b.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/x/triggers/manual/paths/invoke?sig=x",
        ),
    ],
)
def test_a_url_of_the_kinds_form_may_have_any_host_and_a_path_before_it(
    place: Workplace, kind: str, url: str
) -> None:
    table = {"kind": kind, "url": url} | LEAST[kind]

    settings = place.load({"BRIDGE_ENDPOINTS__ME": json.dumps(table)})

    assert settings.endpoints["me"].url.get_secret_value() == url


@pytest.mark.parametrize("kind", KINDS)
def test_chats_are_told_of_ends_and_programs_of_all_but_progress(kind: str) -> None:
    expected = CHAT_EVENTS if kind in CHAT_KINDS else DEFAULT_EVENTS

    assert default_events(kind) == expected
    assert "task.progress" not in expected


def test_an_endpoint_is_said_in_the_words_of_the_core(place: Workplace) -> None:
    place.write("ca.pem", Path(certifi.where()).read_bytes())
    settings = place.load(
        toml="""
        [endpoints.me]
        url = "https://x.example"
        secrets = ["first-secret", "second-secret"]
        events = ["*"]
        upstreams = ["default"]
        headers = { X-Team = "art" }
        timeout = 3
        rate_limit = "20/m"
        concurrency = 2
        retry = [1, 2]
        proxy = "http://u:p@proxy.example:3128"
        tls_ca = "ca.pem"
        [endpoints.chat]
        url = "https://discord.com/api/webhooks/1/x"
        thread_id = 5
        """
    )

    me = settings.endpoints["me"].to_endpoint("me")
    chat = settings.endpoints["chat"].to_endpoint("chat")

    assert (me.name, me.kind, me.url) == ("me", "webhook", "https://x.example")
    assert WebhookOptions.of(me).secrets == ("first-secret", "second-secret")
    assert (me.events, me.upstreams) == (("*",), ("default",))
    assert me.headers == {"X-Team": "art"}
    assert me.rate == Rate(per_second=20 / 60, burst=1)
    assert (me.timeout, me.concurrency, me.schedule) == (3, 2, (1, 2))
    assert (me.proxy, me.tls_ca) == (
        "http://u:p@proxy.example:3128",
        str(place.path / "ca.pem"),
    )
    assert chat.events == CHAT_EVENTS
    assert chat.options == DiscordOptions(thread_id="5")
