"""
Kinds of endpoint: which there are, how a URL tells its kind, and what each kind can be told.

All of it is tables. Whether a kind has a channel to speak through is not decided here:
a configuration is read and judged as a whole, whatever this version can already send.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, get_args
from urllib.parse import urlsplit

from bridge.core.change import ChangeType
from bridge.core.endpoint import DEFAULT_EVENTS, Rate

Kind = Literal[
    "webhook",
    "slack",
    "discord",
    "feishu",
    "dingtalk",
    "wecom",
    "telegram",
    "teams",
    "ntfy",
    "apprise",
    "template",
]

KINDS: tuple[Kind, ...] = get_args(Kind)

#: Kinds whose events are messages for people.
CHAT_KINDS = frozenset(KINDS) - {"webhook", "template"}

#: What a chat is told unless its ``events`` say otherwise: what ends, and what waits for
#: a person.
CHAT_EVENTS = tuple(
    str(kind)
    for kind in (
        ChangeType.SUCCEEDED,
        ChangeType.FAILED,
        ChangeType.CANCELLED,
        ChangeType.LOST,
        ChangeType.ACTION_REQUIRED,
    )
)

#: Other names that people know a kind by.
ALIASES: dict[str, Kind] = {"lark": "feishu"}

#: The platforms' own hosts; a leading dot stands for any subdomain.
HOSTS: dict[str, Kind] = {
    "hooks.slack.com": "slack",
    "hooks.slack-gov.com": "slack",
    "slack.com": "slack",
    "slack-gov.com": "slack",
    "discord.com": "discord",
    "ptb.discord.com": "discord",
    "canary.discord.com": "discord",
    "discordapp.com": "discord",
    "ptb.discordapp.com": "discord",
    "canary.discordapp.com": "discord",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "oapi.dingtalk.com": "dingtalk",
    "qyapi.weixin.qq.com": "wecom",
    "api.telegram.org": "telegram",
    ".logic.azure.com": "teams",
    ".api.powerplatform.com": "teams",
    ".webhook.office.com": "teams",
    "ntfy.sh": "ntfy",
}

#: URL schemes of Apprise that are taken for one without ``kind = "apprise"``.
APPRISE_SCHEMES = frozenset(
    [
        "apprise",
        "apprises",
        "bark",
        "barks",
        "bluesky",
        "dbus",
        "dingtalk",
        "discord",
        "email",
        "fcm",
        "feishu",
        "flock",
        "form",
        "forms",
        "gchat",
        "gnome",
        "gotify",
        "gotifys",
        "guilded",
        "hassio",
        "hassios",
        "homeassistant",
        "ifttt",
        "jira",
        "join",
        "json",
        "jsons",
        "kodi",
        "kodis",
        "lark",
        "line",
        "macosx",
        "mailgun",
        "mailto",
        "mailtos",
        "mastodon",
        "mastodons",
        "matrix",
        "matrixs",
        "mmost",
        "mmosts",
        "mqtt",
        "mqtts",
        "msteams",
        "ncloud",
        "nclouds",
        "nctalk",
        "nctalks",
        "ntfy",
        "ntfys",
        "opsgenie",
        "pagerduty",
        "pbul",
        "pover",
        "prowl",
        "pushdeer",
        "pushdeers",
        "pushme",
        "pushplus",
        "qq",
        "reddit",
        "rocket",
        "rockets",
        "schan",
        "sendgrid",
        "ses",
        "signal",
        "signals",
        "slack",
        "smtp2go",
        "sns",
        "spike",
        "splunk",
        "syslog",
        "teams",
        "telegram",
        "tgram",
        "threema",
        "twilio",
        "twitter",
        "victorops",
        "vonage",
        "webex",
        "whatsapp",
        "windows",
        "workflow",
        "workflows",
        "wxpusher",
        "wxteams",
        "xml",
        "xmls",
        "zulip",
    ]
)

_CHAT = frozenset(CHAT_KINDS)

#: Settings that only some kinds have. What is not listed, every kind has.
BELONGS_TO: dict[str, frozenset[str]] = {
    "secrets": frozenset({"webhook"}),
    "token": frozenset({"slack", "ntfy", "template"}),
    "channel": frozenset({"slack"}),
    "thread_id": frozenset({"discord", "telegram"}),
    "thread_name": frozenset({"discord"}),
    "username": frozenset({"discord"}),
    "avatar_url": frozenset({"discord"}),
    "secret": frozenset({"feishu", "dingtalk"}),
    "keyword": frozenset({"feishu", "dingtalk"}),
    "chat_id": frozenset({"telegram"}),
    "method": frozenset({"template"}),
    "preset": frozenset({"template"}),
    "body": frozenset({"template"}),
    "content_type": frozenset({"template"}),
    "success": frozenset({"template"}),
    "values": frozenset({"template"}),
    "progress": _CHAT,
    "min_interval": _CHAT,
    "final": _CHAT,
    "silent": _CHAT,
    "images": _CHAT,
    "prompt_max": _CHAT,
    "language": _CHAT,
}


def infer(url: str) -> Kind:
    """
    Tell a URL's kind by the platform's own host, or by a scheme that only Apprise has.

    Anything else, a URL that is no URL included, is a plain webhook's.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "webhook"
    if parts.scheme in APPRISE_SCHEMES:
        return "apprise"
    for known, kind in HOSTS.items():
        if host == known or (known.startswith(".") and host.endswith(known)):
            return kind
    return "webhook"


def default_events(kind: str) -> tuple[str, ...]:
    """Globs over the events that a kind is told when nobody says which."""
    return CHAT_EVENTS if kind in CHAT_KINDS else DEFAULT_EVENTS


#: The platforms' own limits, in requests; unless ``rate_limit`` says otherwise. A bucket
#: lets its burst and what flows in meanwhile through at once, so both together stay below
#: what a platform counts in one window:
#: Slack 1/s with short bursts; Discord 5 in 2 s; Feishu 5/s and 100/min; DingTalk and WeCom
#: 20/min; Telegram 20/min in a group; Teams 4/s. ntfy says for itself when it is enough.
RATES: dict[str, Rate] = {
    "slack": Rate(per_second=1.0, burst=3.0),
    "discord": Rate(per_second=2.0, burst=1.0),
    "feishu": Rate(per_second=1.5, burst=3.0),
    "dingtalk": Rate(per_second=0.25, burst=5.0),
    "wecom": Rate(per_second=0.25, burst=5.0),
    "telegram": Rate(per_second=0.25, burst=5.0),
    "teams": Rate(per_second=2.0, burst=2.0),
}

#: What a message that is edited in place shows on the way to its end.
_ON_THE_WAY = (ChangeType.SUBMITTED, ChangeType.STARTED, ChangeType.PROGRESS)


def can_edit(kind: str, *, has_token: bool) -> bool:
    """Whether messages of a kind can be edited. Slack's incoming webhooks cannot."""
    return kind in {"discord", "telegram"} or (kind == "slack" and has_token)


def with_edits(events: tuple[str, ...]) -> tuple[str, ...]:
    """Add what a message that is edited in place shows on the way."""
    missing = [
        str(kind)
        for kind in _ON_THE_WAY
        if not any(fnmatchcase(kind, glob) for glob in events)
    ]
    return (*events, *missing)
