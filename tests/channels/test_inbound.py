"""What comes in when a button is pressed: only what is proven is read, and nothing raises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels import slack as slack_channel
from bridge.channels.discord import inbound as discord
from bridge.channels.interaction import (
    Acknowledgement,
    Inbound,
    Interaction,
    is_recent,
    may_press,
)
from bridge.channels.message import MessageButton
from bridge.channels.slack import inbound as slack
from bridge.channels.slack.payload import SlackOptions
from bridge.channels.telegram import inbound as telegram
from bridge.core.endpoint import Endpoint
from bridge.core.token import ActionLinks, TokenKeys
from tests.channels.cases import CASES, NOW, TASK_ID, endpoint, perform
from tests.channels.goldens import json_of
from tests.platforms import clicks, discord_rules, slack_rules

TOKEN = "A" * 58
SECRET = "s" * 32
LINKS = ActionLinks(
    keys=TokenKeys(["a-secret-of-this-deployment"]), public_url=None, ttl=1209600.0
)
SLACK = endpoint("slack", "https://hooks.slack.com/services/T0000/B0/x")
BOT = endpoint("slack", "https://slack.com/api", token="xoxb-1", channel="C0123456789")
DISCORD = endpoint("discord", "https://discord.com/api/webhooks/1/x")
TELEGRAM = endpoint("telegram", "https://api.telegram.org/bot1:abc", chat_id="7")

#: By platform: its inbound half, what proves a request, and a click of its own.
PLATFORMS: dict[str, tuple[Any, Sequence[str], Callable[[], clicks.Click]]] = {
    "slack": (
        slack,
        [clicks.SIGNING_SECRET],
        lambda: clicks.slack(clicks.slack_payload(TOKEN), at=NOW),
    ),
    "discord": (
        discord,
        [clicks.PUBLIC_KEY],
        lambda: clicks.discord(clicks.discord_payload(TOKEN), at=NOW),
    ),
    "telegram": (
        telegram,
        [SECRET],
        lambda: clicks.telegram(clicks.telegram_payload(TOKEN), secret=SECRET),
    ),
}
platforms = pytest.mark.parametrize("platform", PLATFORMS)


def read(
    platform: str, click: clicks.Click | None = None, *, now: float = NOW
) -> Inbound:
    module, secrets, make = PLATFORMS[platform]
    body, headers = make() if click is None else click
    found: Inbound = module.read(body, headers, now, secrets)
    return found


def status(found: Inbound) -> int:
    assert isinstance(found, Acknowledgement)
    return found.status


# --- what is proven is read -----------------------------------------------------------


@platforms
def test_a_click_says_who_pressed_what_and_where(platform: str) -> None:
    found = read(platform)

    assert isinstance(found, Interaction)
    assert found.token == TOKEN
    assert (found.label, found.asks, found.prompt) == ("U1", False, None)
    assert (found.user, found.name) == {
        "slack": ("U0ADA", "ada"),
        "discord": ("300", "Ada"),
        "telegram": ("500", "@ada"),
    }[platform]
    assert found.message in {"1795329601.000200", "400", "1001"}


@platforms
def test_it_has_to_come_from_where_the_endpoint_posts(platform: str) -> None:
    module = PLATFORMS[platform][0]
    own = {"slack": SLACK, "discord": DISCORD, "telegram": TELEGRAM}[platform]
    other = {
        "slack": endpoint("slack", "https://hooks.slack.com/services/T9999/B0/x"),
        "discord": endpoint("discord", "https://discord.com/api/webhooks/2/x"),
        "telegram": endpoint(
            "telegram", "https://api.telegram.org/bot1:abc", chat_id="8"
        ),
    }[platform]

    assert module.may_come_from(read(platform), own)
    assert not module.may_come_from(read(platform), other)


@pytest.mark.parametrize("platform", ["slack", "discord"])
@pytest.mark.parametrize(
    ("away", "taken"), [(299, True), (-299, True), (301, False), (-301, False)]
)
def test_a_click_is_taken_within_five_minutes(
    platform: str, away: int, taken: bool
) -> None:
    found = read(platform, now=NOW + away)

    assert isinstance(found, Interaction) is taken
    if not taken:
        assert status(found) == 401


def test_a_documented_example_of_slacks_is_signed_as_it_says() -> None:
    """Source: docs.slack.dev, "Verifying requests from Slack"."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }

    found = slack.read(
        body, headers, 1531420618.0, ["8f742231b10e8888abcd99yyyzzz85a5"]
    )

    assert found == Acknowledgement()


def test_several_apps_of_slack_may_sign() -> None:
    body, headers = clicks.slack(clicks.slack_payload(TOKEN), at=NOW)

    found = slack.read(body, headers, NOW, ["another", clicks.SIGNING_SECRET])

    assert isinstance(found, Interaction)


def test_discord_is_answered_a_ping() -> None:
    found = read("discord", clicks.discord({"type": 1}, at=NOW))

    assert found == Acknowledgement(body={"type": 1})


# --- attacks --------------------------------------------------------------------------


def attacks() -> dict[str, tuple[str, clicks.Click]]:
    body, headers = clicks.slack(clicks.slack_payload(TOKEN), at=NOW)
    stamp, signature = "x-slack-request-timestamp", "x-slack-signature"
    there, proven = clicks.discord(clicks.discord_payload(TOKEN), at=NOW)
    when, proof = "x-signature-timestamp", "x-signature-ed25519"
    update, shown = clicks.telegram(clicks.telegram_payload(TOKEN), secret=SECRET)
    secret = "x-telegram-bot-api-secret-token"
    half = proven[proof]
    flipped = f"{int(half[0], 16) ^ 1:x}{half[1:]}"
    other = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    recoded = body.replace(b"%22", b"%2522")
    return {
        "slack: no headers": ("slack", (body, {})),
        "slack: another secret": (
            "slack",
            clicks.slack(clicks.slack_payload(TOKEN), secret="other", at=NOW),
        ),
        "slack: a changed body": ("slack", (body + b"&a=1", headers)),
        "slack: a body encoded anew": ("slack", (recoded, headers)),
        "slack: a body that is not UTF-8": ("slack", (b"\xff\xfe", headers)),
        "slack: no time": ("slack", (body, headers | {stamp: ""})),
        "slack: a word for a time": ("slack", (body, headers | {stamp: "abc"})),
        "slack: not a number for a time": ("slack", (body, headers | {stamp: "nan"})),
        "slack: 400 digits": ("slack", (body, headers | {stamp: "9" * 400})),
        "slack: digits of another script": ("slack", (body, headers | {stamp: "١٧٩"})),
        "slack: a signature beyond ASCII": (
            "slack",
            (body, headers | {signature: "v0=é"}),
        ),
        "slack: half a surrogate pair": (
            "slack",
            (body, headers | {signature: "\ud800"}),
        ),
        "slack: two signatures": (
            "slack",
            (
                body,
                headers | {signature: f"{headers[signature]}, {headers[signature]}"},
            ),
        ),
        "slack: a signature in capitals": (
            "slack",
            (body, headers | {signature: headers[signature].upper()}),
        ),
        "slack: another version": (
            "slack",
            (body, headers | {signature: headers[signature].replace("v0", "v1")}),
        ),
        "discord: no headers": ("discord", (there, {})),
        "discord: one bit": ("discord", (there, proven | {proof: flipped})),
        "discord: short": ("discord", (there, proven | {proof: half[:-2]})),
        "discord: long": ("discord", (there, proven | {proof: f"{half}00"})),
        "discord: zeros": ("discord", (there, proven | {proof: "0" * 128})),
        "discord: not hexadecimal": ("discord", (there, proven | {proof: "zz" * 64})),
        "discord: digits of another script": (
            "discord",
            (there, proven | {proof: "١" * 128}),
        ),
        "discord: another key": (
            "discord",
            clicks.discord(clicks.discord_payload(TOKEN), key=other, at=NOW),
        ),
        "discord: a ping of nobody": (
            "discord",
            clicks.discord({"type": 1}, key=other, at=NOW),
        ),
        "discord: another time": ("discord", (there, proven | {when: "1"})),
        "discord: a changed body": ("discord", (there + b" ", proven)),
        "telegram: no secret": ("telegram", (update, {})),
        "telegram: another": ("telegram", (update, shown | {secret: "t" * 32})),
        "telegram: its beginning": (
            "telegram",
            (update, shown | {secret: SECRET[:-1]}),
        ),
        "telegram: beyond ASCII": ("telegram", (update, shown | {secret: "é" * 32})),
    }


@pytest.mark.parametrize("name", sorted(attacks()))
def test_what_is_not_proven_is_refused(name: str) -> None:
    platform, click = attacks()[name]

    assert status(read(platform, click)) == 401


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(TOKEN),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "user",
                    "id",
                    "team",
                    "container",
                    "actions",
                    "value",
                    "message",
                    "callback_query",
                    "data",
                    "member",
                    "custom_id",
                    "components",
                    "view",
                    "state",
                    "from",
                    "chat",
                    "reply_markup",
                    "inline_keyboard",
                    "row",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(any_json)
@example({"type": []})
def test_no_payload_whatever_raises_once_it_is_proven(data: Any) -> None:
    for wrapped in (
        data,
        {"type": "block_actions", "actions": data},
        {"type": "view_submission", "view": data},
    ):
        read("slack", clicks.slack(wrapped, at=NOW))
    for wrapped in (
        data,
        {"type": 3, "data": data, "message": data},
        {"type": 5, "data": data, "member": data},
    ):
        read("discord", clicks.discord(wrapped, at=NOW))
    for wrapped in (
        data,
        {"callback_query": data},
        {"callback_query": {"data": "x", "message": data}},
    ):
        read("telegram", clicks.telegram(wrapped, secret=SECRET))


@given(
    st.binary(max_size=200),
    st.dictionaries(st.text(max_size=30), st.text(max_size=50), max_size=5),
)
def test_no_bytes_whatever_raise(body: bytes, headers: dict[str, str]) -> None:
    for platform in PLATFORMS:
        assert status(read(platform, (body, headers))) == 401


@pytest.mark.parametrize(
    "body",
    [b"payload=%FF%FE", b"payload=" + b"[" * 100_000, b"", b"payload=1", b"\xff"],
)
def test_a_proven_body_that_says_nothing_is_answered(body: bytes) -> None:
    found = read("slack", (body, clicks.slack_headers(body, at=NOW)))

    assert status(found) in {200, 400}


# --- what goes back -------------------------------------------------------------------

ROWS = ((MessageButton(label="U2", token="B" * 58),),)
LINES = ["U1 · @ada …"]


@platforms
def test_what_was_pressed_takes_the_place_of_the_buttons(platform: str) -> None:
    module = PLATFORMS[platform][0]
    to = {"slack": SLACK, "discord": DISCORD, "telegram": TELEGRAM}[platform]
    found = read(platform)
    assert isinstance(found, Interaction)

    request = module.mark(to, found, LINES, ROWS)

    assert request is not None
    text = request.body.decode()
    assert "U1 · @ada …" in json.dumps(json.loads(text), ensure_ascii=False)
    assert TOKEN not in text
    assert "B" * 58 in text


def test_slack_is_sent_a_message_that_it_takes_and_keeps_what_it_said() -> None:
    found = read("slack")
    assert isinstance(found, Interaction)

    for to, place in (
        (SLACK, "https://hooks.slack.com/actions/T0000/1/abc"),
        (BOT, "https://slack.com/api/chat.update"),
    ):
        request = slack.mark(to, found, ["U1 · <@U1> <!channel>"], ROWS)
        assert request is not None
        assert request.url == place
        body = json_of(request)
        body.pop("replace_original", None)
        assert slack_rules.complaint(body) is None
        assert not slack_rules.pings(body, edited=True)
        kinds = [block["type"] for block in body["blocks"]]
        assert kinds == ["section", "image", "actions", "context", "context"]


@pytest.mark.parametrize("to", [SLACK, BOT], ids=["webhook", "bot"])
@pytest.mark.parametrize("case", ["succeeded_grid", "succeeded_upscaled", "video"])
@pytest.mark.parametrize("images", ["url", "none"])
def test_what_slack_was_really_sent_still_ends_with_the_tasks_origin(
    case: str, to: Endpoint, images: Literal["url", "none"]
) -> None:
    """However often it is pressed."""
    options = replace(SlackOptions.of(to), buttons="native", images=images)
    to = replace(to, options=options)
    (posted,) = perform(slack_channel, CASES[case], to, links=LINKS).requests
    blocks = json_of(posted)["blocks"]
    kept = unnamed(blocks)

    for lines in (["U1 · @ada …"], ["U1 · @ada ✓", "U2 · @ada …"]):
        # Slack names the blocks that have no name.
        named = [{"block_id": f"b{at}", **one} for at, one in enumerate(blocks)]
        click = clicks.slack_payload(TOKEN, message={"blocks": named})
        found = read("slack", clicks.slack(click, at=NOW))
        assert isinstance(found, Interaction)
        request = slack.mark(to, found, lines, ROWS)
        assert request is not None
        blocks = json_of(request)["blocks"]

        told = [one for one in blocks if "mjb.mark." in one.get("block_id", "")]
        assert [one["elements"][0]["text"] for one in told] == lines
        assert unnamed([one for one in blocks if one not in told]) == kept
        assert TASK_ID in json.dumps(blocks[-1])
        assert blocks[-2] == told[-1]


def unnamed(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What blocks say, without their names and what is pressed."""
    return [
        {name: said for name, said in block.items() if name != "block_id"}
        for block in blocks
        if block["type"] != "actions"
    ]


def test_discord_is_sent_buttons_alone_so_that_nothing_else_changes() -> None:
    found = read("discord")
    assert isinstance(found, Interaction)

    request = discord.mark(DISCORD, found, LINES, ROWS)

    assert request is not None
    body = json_of(request)
    assert body.keys() == {"components"}
    assert discord_rules.complaint(body, edit=True, files={}, owned=True) == {}
    assert request.method == "PATCH"
    assert "/webhooks/1/x/messages/400" in request.url


def test_telegram_is_sent_buttons_alone_so_that_nothing_else_changes() -> None:
    found = read("telegram")
    assert isinstance(found, Interaction)

    request = telegram.mark(TELEGRAM, found, LINES, ROWS)

    assert request is not None
    assert request.url.endswith("/editMessageReplyMarkup")
    assert json_of(request).keys() == {"chat_id", "message_id", "reply_markup"}


def test_a_message_that_telegram_does_not_show_is_left_as_it_is() -> None:
    for message in (None, {"chat": {"id": 7}, "date": 0}):
        found = read(
            "telegram",
            clicks.telegram(
                clicks.telegram_payload(TOKEN, message=message), secret=SECRET
            ),
        )
        assert isinstance(found, Interaction)
        assert telegram.mark(TELEGRAM, found, LINES, ROWS) is None


@pytest.mark.parametrize(
    "url",
    ["http://hooks.slack.com/x", "https://evil.example/x", "", "https://[", "//x"],
)
def test_slack_is_answered_at_slack_alone(url: str) -> None:
    payload = clicks.slack_payload(TOKEN, response_url=url)
    found = read("slack", clicks.slack(payload, at=NOW))
    assert isinstance(found, Interaction)

    assert slack.tell(SLACK, found, "no") is None


@platforms
def test_who_may_not_press_is_told_so_and_nobody_else(platform: str) -> None:
    module = PLATFORMS[platform][0]
    to = {"slack": SLACK, "discord": DISCORD, "telegram": TELEGRAM}[platform]
    found = read(platform)
    assert isinstance(found, Interaction)

    response = module.turn_away(to, found, "You may not press this.")

    said = json.dumps(response.answer.body) if response.answer.body else ""
    if response.request is not None:
        said += response.request.body.decode()
    assert "You may not press this." in said
    assert any(
        mark in said for mark in ("ephemeral", '"flags": 64', "callback_query_id")
    )


def test_a_form_comes_back_with_what_was_entered() -> None:
    asked = clicks.slack_payload(TOKEN)
    asked["actions"][0]["action_id"] += "?"
    found = read("slack", clicks.slack(asked, at=NOW))
    assert isinstance(found, Interaction)
    assert found.asks
    opened = slack.open_form(BOT, found, "Custom Zoom", "a cat")
    assert opened is not None
    assert opened.request is not None
    view = json_of(opened.request)["view"]
    answer = {
        "type": "view_submission",
        "user": {"id": "U0ADA", "name": "ada"},
        "team": {"id": "T0000"},
        "view": {
            "id": "V1",
            "private_metadata": view["private_metadata"],
            "state": {"values": {"prompt": {"prompt": {"value": "a dog"}}}},
        },
    }

    back = read("slack", clicks.slack(answer, at=NOW))

    assert isinstance(back, Interaction)
    assert (back.token, back.prompt) == (TOKEN, "a dog")
    assert (back.message, back.channel) == (found.message, found.channel)


def test_a_form_of_discord_comes_back_with_what_was_entered() -> None:
    found = read("discord", clicks.discord(clicks.discord_payload(f"{TOKEN}?"), at=NOW))
    assert isinstance(found, Interaction)
    assert (found.token, found.asks) == (TOKEN, True)
    body = discord.open_form(DISCORD, found, "Custom Zoom", "a cat").answer.body
    assert body is not None
    assert body["type"] == 9
    typed = {"type": 4, "custom_id": "prompt", "value": "a dog"}
    form = {"custom_id": TOKEN, "components": [{"type": 1, "components": [typed]}]}

    back = read(
        "discord",
        clicks.discord(clicks.discord_payload(TOKEN, type=5, data=form), at=NOW),
    )

    assert isinstance(back, Interaction)
    assert (back.token, back.prompt) == (TOKEN, "a dog")


def test_a_form_opened_by_a_webhook_of_slacks_has_nowhere_to_be() -> None:
    found = read("slack")
    assert isinstance(found, Interaction)

    assert slack.open_form(SLACK, found, "x", "y") is None
    assert quote_plus(TOKEN) == TOKEN


# --- where there is nothing to be said or shown ---------------------------------------


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1.5", "9" * 400, "٣"])
def test_what_is_no_time_is_not_recent(stamp: str) -> None:
    assert not is_recent(stamp, NOW)


def test_what_is_no_public_key_proves_nothing() -> None:
    body, headers = clicks.discord(clicks.discord_payload(TOKEN), at=NOW)

    assert status(discord.read(body, headers, NOW, ["", "zz" * 32])) == 401


@platforms
def test_a_button_that_the_message_does_not_show_has_no_label(platform: str) -> None:
    other = "C" * 58
    payload: dict[str, Any] = {
        "slack": clicks.slack_payload,
        "discord": clicks.discord_payload,
        "telegram": clicks.telegram_payload,
    }[platform](TOKEN)
    if platform == "slack":
        del payload["actions"][0]["text"]
        click = clicks.slack(payload, at=NOW)
    elif platform == "discord":
        payload["message"]["components"][0]["components"][0]["custom_id"] = other
        click = clicks.discord(payload, at=NOW)
    else:
        rows = payload["callback_query"]["message"]["reply_markup"]["inline_keyboard"]
        rows[0][0]["callback_data"] = other
        click = clicks.telegram(payload, secret=SECRET)

    found = read(platform, click)

    assert isinstance(found, Interaction)
    assert (found.token, found.label) == (TOKEN, "")


def test_discord_is_told_nothing_at_what_is_no_webhook() -> None:
    nowhere = endpoint("discord", "https://discord.com/elsewhere")
    found = read("discord")
    assert isinstance(found, Interaction)

    assert discord.tell(nowhere, found, "no") is None
    assert discord.mark(nowhere, found, LINES, ROWS) is None


def test_a_message_that_slack_does_not_show_is_left_as_it_is() -> None:
    found = read("slack", clicks.slack(clicks.slack_payload(TOKEN, message={}), at=NOW))
    assert isinstance(found, Interaction)

    assert slack.mark(SLACK, found, LINES, ROWS) is None


def test_telegram_opens_no_form_and_says_nothing_after_its_answer() -> None:
    found = read("telegram")
    assert isinstance(found, Interaction)

    opened = telegram.open_form(TELEGRAM, found, "Custom Zoom", "a cat")  # type: ignore[func-returns-value]
    assert opened is None
    assert telegram.tell(TELEGRAM, found, "no") is None


def test_links_of_others_stay_below_a_message_of_telegrams() -> None:
    payload = clicks.telegram_payload(TOKEN)
    rows = payload["callback_query"]["message"]["reply_markup"]["inline_keyboard"]
    picture = {"text": "Picture", "url": "https://cdn.example/a.png"}
    rows += [[picture], [{"text": "Choose", "url": "https://b.example/a/x"}]]
    found = read("telegram", clicks.telegram(payload, secret=SECRET))
    assert isinstance(found, Interaction)

    request = telegram.mark(TELEGRAM, found, LINES, ROWS)

    assert request is not None
    assert json_of(request)["reply_markup"]["inline_keyboard"][-1] == [picture]
    assert b"/a/x" not in request.body


def test_nobody_presses_where_buttons_are_not_native() -> None:
    found = read("slack")
    assert isinstance(found, Interaction)

    assert not may_press(found, SLACK)
    assert not may_press(found, endpoint("webhook", "https://x.example/"))
