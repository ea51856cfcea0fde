"""What a finished task's buttons become in messages: a link to a page, or a chat's own buttons."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.channels import CHANNELS, channel_for
from bridge.core.button import Button
from bridge.core.endpoint import Endpoint
from bridge.core.http import Notification, Request, Response
from bridge.core.token import ActionLinks, Purpose, TokenKeys
from bridge.settings import endpoint_settings
from tests.channels.cases import (
    CASES,
    DONE,
    JOB,
    LANGUAGES,
    NASTY_BUTTONS,
    NOW,
    TASK_ID,
    Transcript,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden, json_of, parts_of
from tests.channels.test_chats import CHATS, chats, to_chat
from tests.platforms import discord_rules, slack_rules
from tests.platforms.loopback import answering
from tests.platforms.telegram import TOKEN, Telegram

KEYS = TokenKeys(["a-secret-of-this-deployment"])
LINKS = ActionLinks(keys=KEYS, public_url="https://bridge.example", ttl=1209600.0)
SHOW_LEADS = "show message.leads(): the page with the buttons is in it"
PAGE = re.compile(r"https://bridge\.example/a/([A-Za-z0-9_-]+)")

#: By kind: what an endpoint needs for buttons of its own.
NATIVE: dict[str, tuple[str, dict[str, Any]]] = {
    "slack": ("slack", {"signing_secret": "s" * 32}),
    "slack bot": ("slack bot", {"app_token": "xapp-1-A0-1-abc"}),
    "discord": ("discord", {"public_key": "ab" * 32}),
    "telegram": ("telegram", {}),
}
natives = pytest.mark.parametrize("chat", NATIVE)
grid, upscaled = CASES["succeeded_grid"], CASES["succeeded_upscaled"]


def native(chat: str, **more: Any) -> Endpoint:
    name, needed = NATIVE[chat]
    return to_chat(name, buttons="native", **needed, **more)


def sent(
    to: Endpoint, event: Any = grid, links: ActionLinks | None = LINKS, **more: Any
) -> Transcript:
    return perform(channel_for(to.kind), event, to, links=links, **more)


def text_of(transcript: Transcript) -> str:
    written = []
    for one in transcript.sent:
        if isinstance(one, Notification):
            written.append(one.body)
        elif one.method != "GET":
            written.append(json.dumps(json_of(one), ensure_ascii=False))
    return "\n".join(written)


def tokens_in(kind: str, request: Request) -> list[list[tuple[str, str]]]:
    """Label and token of each button that is pressed, row by row."""
    body = json_of(request)
    if kind == "slack":
        rows = [one["elements"] for one in body["blocks"] if one["type"] == "actions"]
        return [[(one["text"]["text"], one["value"]) for one in row] for row in rows]
    if kind == "discord":
        rows = [row["components"] for row in body.get("components", ())]
        rows = [[one for one in row if "custom_id" in one] for row in rows]
        return [
            [(one["label"], one["custom_id"]) for one in row] for row in rows if row
        ]
    rows = body.get("reply_markup", {}).get("inline_keyboard", ())
    rows = [[one for one in row if "callback_data" in one] for row in rows]
    return [[(one["text"], one["callback_data"]) for one in row] for row in rows if row]


def message_in(transcript: Transcript) -> Request:
    """The request that carries the message."""
    return next(one for one in transcript.requests if one.method != "GET")


# --- the link -------------------------------------------------------------------------


@chats
@pytest.mark.parametrize("case", ["succeeded_grid", "video"])
def test_a_message_with_a_link_is_what_was_agreed_upon(chat: str, case: str) -> None:
    kind, _ = CHATS[chat]

    transcript = sent(to_chat(chat, buttons="link"), CASES[case])

    check_golden(
        kind, f"link_{case}{'_bot' * (chat == 'slack bot')}", "en", transcript.sent
    )


@chats
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_link_leads_to_the_page_of_this_task_at_this_endpoint(
    chat: str, language: str
) -> None:
    to = to_chat(chat, buttons="link", language=language)

    text = text_of(sent(to))

    tokens = set(PAGE.findall(text))
    assert len(tokens) == 1, SHOW_LEADS
    grant = KEYS.read(Purpose.LINK, tokens.pop(), now=NOW)
    assert grant is not None
    assert (grant.task_id, grant.upstream(["default"])) == (TASK_ID, "default")
    assert grant.endpoint([to.name]) == to.name
    if chat != "wecom":  # whose card is one link, without words of its own
        words = "Choose what to do next" if language == "en" else "选择下一步"
        assert words in text, SHOW_LEADS


@chats
def test_by_default_a_kind_without_buttons_of_its_own_has_the_link(chat: str) -> None:
    kind, _ = CHATS[chat]

    has_link = bool(PAGE.search(text_of(sent(to_chat(chat)))))

    assert has_link is (CHANNELS[kind].INFO.buttons is None), SHOW_LEADS


@chats
@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("how", ["link", "off"])
def test_where_nobody_can_press_a_message_is_the_same_to_the_byte(
    chat: str, case: str, how: str
) -> None:
    plain = sent(to_chat(chat), CASES[case], links=None).sent
    private = replace(LINKS, public_url=None)

    assert sent(to_chat(chat, buttons=how), CASES[case], links=None).sent == plain
    assert sent(to_chat(chat, buttons=how), CASES[case], links=private).sent == plain
    assert sent(to_chat(chat, buttons="off"), CASES[case]).sent == plain


@chats
@pytest.mark.parametrize(
    "case",
    sorted(set(CASES) - {"succeeded_grid", "succeeded_upscaled", "video", "describe"}),
)
def test_what_has_no_buttons_has_no_link(chat: str, case: str) -> None:
    assert not PAGE.search(text_of(sent(to_chat(chat, buttons="link"), CASES[case])))


def refusing(_: Request) -> Response:
    return Response(status=400, body=b"invalid_blocks")


@pytest.mark.parametrize("chat", ["slack", "slack bot"])
def test_a_message_in_its_simplest_form_still_has_the_link(chat: str) -> None:
    transcript = sent(to_chat(chat, buttons="link"), answers=refusing)

    assert all(PAGE.search(json.dumps(json_of(one))) for one in transcript.requests)


# --- buttons of a chat's own ----------------------------------------------------------


@natives
@pytest.mark.parametrize("case", ["succeeded_grid", "succeeded_upscaled"])
def test_a_message_with_buttons_is_what_was_agreed_upon(chat: str, case: str) -> None:
    to = native(chat)

    transcript = sent(to, CASES[case])

    check_golden(
        to.kind, f"native_{case}{'_bot' * (chat == 'slack bot')}", "en", transcript.sent
    )


@natives
def test_each_button_carries_a_token_for_itself_and_no_custom_id(chat: str) -> None:
    to = native(chat)
    custom_ids = {one.label or one.emoji: one.custom_id for one in DONE.buttons}

    request = message_in(sent(to))
    rows = tokens_in(to.kind, request)

    assert [[label for label, _ in row] for row in rows] == [
        ["U1", "U2", "U3", "U4"],
        ["V1", "V2", "V3", "V4", "🔄"],
    ]
    for label, token in (button for row in rows for button in row):
        grant = KEYS.read(Purpose(to.kind), token, now=NOW)
        assert grant is not None
        assert grant.button(custom_ids.values()) == custom_ids[label]
        assert grant.endpoint([to.name]) == to.name
    assert b"MJ::" not in request.body
    assert JOB.encode() not in request.body


@natives
def test_buttons_that_want_a_mask_or_mean_nothing_here_are_left_out(chat: str) -> None:
    to = native(chat)

    text = text_of(sent(to, upscaled))

    assert "Custom Zoom" in text
    assert "Vary (Region)" not in text
    assert "❤️" not in text


@pytest.mark.parametrize("chat", ["slack bot", "discord", "telegram"])
def test_a_message_edited_in_place_has_its_buttons_at_the_end_alone(chat: str) -> None:
    to = native(chat, progress="edit", final="edit")

    begun = sent(to, CASES["submitted"])
    ended = sent(to, grid, channel_state=begun.channel_state)

    assert tokens_in(to.kind, message_in(begun)) == []
    assert len(tokens_in(to.kind, message_in(ended))) == 2


@natives
@pytest.mark.parametrize("name", sorted(NASTY_BUTTONS))
def test_a_platform_takes_any_buttons(chat: str, name: str) -> None:
    to = native(chat)
    event = event_of("task.succeeded", replace(DONE, buttons=NASTY_BUTTONS[name]))

    request = message_in(sent(to, event))

    assert complaint_of(to.kind, request) is None
    assert all(label for row in tokens_in(to.kind, request) for label, _ in row)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(event=events(), chat=st.sampled_from(sorted(NATIVE)))
def test_a_platform_takes_the_buttons_of_any_event(event: Any, chat: str) -> None:
    to = native(chat)

    for request in sent(to, event).requests:
        if request.method != "GET":
            assert complaint_of(to.kind, request) is None


def complaint_of(kind: str, request: Request) -> Any:
    if kind == "slack":
        return slack_rules.complaint(json_of(request))
    if kind == "discord":
        files = {name: "a.png" for name in parts_of(request) if name != "payload_json"}
        return (
            discord_rules.complaint(
                json_of(request), edit=False, files=files, owned=True
            )
            or None
        )
    asked = replace(request, url=request.url.replace("bot1:abc", f"bot{TOKEN}"))
    answer = answering(Telegram(chats={7}))(asked)
    return None if answer.status == 200 else answer.body


# --- settings -------------------------------------------------------------------------


def test_an_endpoint_says_who_may_press() -> None:
    options = endpoint_settings(
        url="https://hooks.slack.com/services/T0/B0/x", pressers=["U012", "role:7"]
    ).options()

    assert getattr(options, "pressers") == ("U012", "role:7")  # noqa: B009 - a kind's own


def test_a_button_without_anything_to_print_is_left_out() -> None:
    nameless = Button.of("MJ::JOB::something::new", None, "custom_1")
    event = event_of("task.succeeded", replace(DONE, buttons=(nameless,)))

    assert tokens_in("discord", message_in(sent(native("discord"), event))) == []


# --- what comes of a press ------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "parent", "mark"),
    [
        (
            "slack",
            ("C0123456789", "1795329601.000200"),
            '"thread_ts": "1795329601.000200"',
        ),
        (
            "slack bot",
            ("C0123456789", "1795329601.000200"),
            '"thread_ts": "1795329601.000200"',
        ),
        (
            "discord",
            ("200", "400"),
            "https://discord.com/channels/1100000000000000001/200/400",
        ),
        ("telegram", ("7", "1001"), '"message_id": 1001'),
    ],
)
def test_what_comes_of_a_press_answers_the_message_with_the_button(
    chat: str, parent: tuple[str, str], mark: str
) -> None:
    to = native(chat)

    assert mark in text_of(sent(to, parent=parent))
    assert mark not in text_of(sent(to))


def test_a_parent_that_is_gone_is_not_answered() -> None:
    replies = iter([b'{"ok": false, "error": "thread_not_found"}', b'{"ok": true}'])

    def answers(_: Request) -> Response:
        return Response(status=200, body=next(replies))

    transcript = sent(
        native("slack bot"), parent=("C1", "1795329601.000200"), answers=answers
    )

    assert "thread_ts" in json_of(transcript.requests[0])
    assert "thread_ts" not in json_of(transcript.requests[-1])
