"""`bridge.channels.dingtalk`: markdown with the picture, signed in the query."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given

from bridge.channels import dingtalk
from bridge.core.event import Event
from tests.channels.cases import (
    CASES,
    GRID_URL,
    HOSTILE,
    NOW,
    OPERATORS,
    PICTURE_URL,
    PROMPT,
    each_hostile,
    endpoint,
    events,
    perform,
)
from tests.channels.robots import SECRET, URLS, always, first, payload, robot, said
from tests.channels.test_escape import MARKDOWN
from tests.channels.wire import deliver
from tests.platforms.dingtalk import MAX_BYTES, DingTalk
from tests.platforms.robots import running

DONE = CASES["succeeded_grid"]
UNFIT = said(errcode=430104, errmsg="消息中含有不合适的内容")


def meant(text: str) -> tuple[set[str], list[str], list[str]]:
    """What markdown makes of a text: kinds of parts, destinations of links, of pictures."""
    tokens = [
        one
        for token in MARKDOWN.parse(text)
        for one in (token, *(token.children or ()))
    ]
    return (
        {token.type for token in tokens},
        [str(token.attrs["href"]) for token in tokens if token.type == "link_open"],
        [str(token.attrs["src"]) for token in tokens if token.type == "image"],
    )


def test_the_signature_is_the_one_of_the_documentation() -> None:
    signature = dingtalk.sign("SECabc", at_ms=1700000000000)

    assert signature == "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM="


def test_time_and_signature_go_into_the_query_encoded_once() -> None:
    to = robot("dingtalk", secret="SECabc")

    (request,) = perform(dingtalk, DONE, to, at=1700000000.0).requests

    assert request.url == (
        f"{URLS['dingtalk']}&timestamp=1700000000000"
        "&sign=jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM%3D"
    )


@pytest.mark.parametrize("at", [1700000000.0 + n for n in range(40)])
def test_any_signature_survives_the_query(at: float) -> None:
    (request,) = perform(
        dingtalk, DONE, robot("dingtalk", secret="SECabc"), at=at
    ).requests

    query = parse_qs(urlsplit(request.url).query)
    assert query["sign"] == [dingtalk.sign("SECabc", at_ms=int(at * 1000))]


def test_a_signature_that_was_pasted_with_the_url_is_replaced() -> None:
    to = endpoint(
        "dingtalk", f"{URLS['dingtalk']}&timestamp=1&sign=x%3D", secret="SECabc"
    )

    query = parse_qs(urlsplit(perform(dingtalk, DONE, to).requests[0].url).query)

    assert (len(query["timestamp"]), len(query["sign"])) == (1, 1)
    assert query["timestamp"] != ["1"]


def test_without_a_secret_the_url_is_as_configured() -> None:
    assert (
        perform(dingtalk, DONE, robot("dingtalk")).requests[0].url == URLS["dingtalk"]
    )


@given(event=events())
def test_any_event_is_small_enough_and_means_only_what_we_mean(event: Event) -> None:
    to = robot("dingtalk", keyword="Midjourney", prompt_max=100_000)

    for answers in (None, always(UNFIT)):
        for request in perform(dingtalk, event, to, answers=answers).requests:
            body = payload(request)
            assert len(request.body) <= dingtalk.MAX_BODY < MAX_BYTES
            assert body["at"] == {"atMobiles": [], "atUserIds": [], "isAtAll": False}
            if body["msgtype"] == "text":
                continue
            text = body["markdown"]["text"]
            kinds, links, pictures = meant(text)
            assert kinds <= {
                *(
                    "paragraph_open",
                    "paragraph_close",
                    "inline",
                    "text",
                    "softbreak",
                    "hardbreak",
                ),
                *(
                    "heading_open",
                    "heading_close",
                    "blockquote_open",
                    "blockquote_close",
                ),
                *("link_open", "link_close", "image"),
            }
            assert text.startswith("#### Midjourney · ")
            assert len(pictures) <= 1
            url = json.loads(event.body)["data"].get("imageUrl") or ""
            url = url.replace("\n", "")  # as browsers do
            shown = {unquote(MARKDOWN.normalizeLink(one)) for one in (url, *pictures)}
            assert len(shown) == 1
            assert len(links) == text.count("](") - len(pictures)


@each_hostile
def test_hostile_events_fit_whatever_the_settings(event: Event) -> None:
    to = robot("dingtalk", keyword='"' * 300, prompt_max=100_000, language="zh")

    for request in perform(dingtalk, event, to, answers=always(UNFIT)).requests:
        assert len(request.body) <= dingtalk.MAX_BODY


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if name.startswith("prompt_")]
)
def test_a_prompt_is_one_quote_and_nothing_in_it_means_anything(name: str) -> None:
    text = payload(perform(dingtalk, HOSTILE[name], robot("dingtalk")).requests[0])[
        "markdown"
    ]["text"]

    kinds, links, pictures = meant(text)

    assert links == pictures == [GRID_URL]
    assert (
        kinds
        & {"bullet_list_open", "fence", "code_block", "code_inline", "hr", "html_block"}
        == set()
    )
    assert [token.type for token in MARKDOWN.parse(text)].count("heading_open") == 1
    assert [token.type for token in MARKDOWN.parse(text)].count("blockquote_open") == 1


def test_every_message_begins_with_the_keyword_as_it_is() -> None:
    to = robot("dingtalk", keyword="出图*", events=["*"])

    for event in (*CASES.values(), *OPERATORS.values()):
        for request in perform(dingtalk, event, to, answers=always(UNFIT)).requests:
            body = payload(request)
            for text in body.get("markdown", body.get("text", {})).values():
                assert text.removeprefix("#### ").startswith("出图* · ")


def test_a_locked_screen_shows_what_and_of_what() -> None:
    def title(case: str, **settings: Any) -> str:
        request = perform(
            dingtalk, CASES[case], robot("dingtalk", **settings)
        ).requests[0]
        return str(payload(request)["markdown"]["title"])

    assert title("succeeded_grid") == f"✅ Imagine finished · 47 s: {PROMPT}"
    assert title("failed", language="zh").startswith(
        "❌ 绘图失败 · 11 秒：Banned prompt detected"
    )


def test_pictures_that_nobody_can_load_are_not_shown() -> None:
    def pictures(event: Event, **settings: Any) -> list[str]:
        request = perform(dingtalk, event, robot("dingtalk", **settings)).requests[0]
        return meant(payload(request)["markdown"]["text"])[2]

    assert pictures(CASES["succeeded_upscaled"]) == [PICTURE_URL]
    assert pictures(CASES["succeeded_upscaled"], images="none") == []
    for name in (
        "expired",
        "local",
        "private",
        "http",
        "relative",
        "3001_characters",
        "with_password",
    ):
        assert pictures(HOSTILE[f"picture_{name}"]) == [], name
    assert pictures(CASES["failed"]) == []


@pytest.mark.parametrize(
    ("code", "words", "meaning", "wait", "why"),
    [
        (310000, "keywords not in content, more: [..]", "gone", None, "set keyword"),
        (310000, "错误描述:关键词不匹配;", "gone", None, "set keyword"),
        (310000, "sign not match, more: [..]", "gone", None, "set its secret"),
        (310000, "description:机器人发送签名过期;", "gone", None, "set its secret"),
        (310000, "invalid timestamp", "gone", None, "clock"),
        (310000, "ip 1.2.3.4 not in whitelist", "gone", None, "add this machine's"),
        (310000, "something new", "gone", None, "security settings"),
        (300005, "token is not exist", "gone", None, "set its new url"),
        (400101, "access_token不存在", "gone", None, "set its new url"),
        (400013, "群已被解散", "gone", None, "dissolved"),
        (400102, "机器人已停用", "gone", None, "switch it on"),
        (400106, "机器人不存在", "gone", None, "set its new url"),
        (
            430101,
            "消息中含有不合适的外链",
            "permanent_failure",
            None,
            "the message was refused",
        ),
        (
            460101,
            "message too long, exceed 20000 bytes",
            "permanent_failure",
            None,
            "the message was refused",
        ),
        (
            130101,
            "send too fast, exceed 20 times per minute",
            "failed",
            600.0,
            "too fast",
        ),
        (410100, "发送速度太快而限流", "failed", 600.0, "too fast"),
        (-1, "系统繁忙", "failed", None, "busy"),
        (88, "something else", "failed", None, "refused it"),
    ],
)
def test_codes_mean_what_the_table_says(
    code: int, words: str, meaning: str, wait: float | None, why: str
) -> None:
    answer = said(errcode=code, errmsg=words)

    attempt = perform(
        dingtalk, DONE, robot("dingtalk"), answers=always(answer)
    ).outcome.attempt

    assert (str(attempt.result), attempt.retry_after) == (meaning, wait)
    assert why in attempt.detail
    assert f"DingTalk {code}: {words}" in attempt.detail


def test_alibabas_shield_is_given_the_time_it_asks_for() -> None:
    shield = said(status=1111, wait=15, source="x5", punish="deny", uuid="24ce")

    attempt = perform(
        dingtalk, DONE, robot("dingtalk"), answers=always(shield)
    ).outcome.attempt

    assert (attempt.result, attempt.retry_after) == ("failed", 15.0)


# --- against a stand-in that enforces the rules ------------------------------------------


@pytest.fixture
async def group() -> AsyncIterator[DingTalk]:
    one = DingTalk(secret=SECRET, keywords=("出图",), today=lambda: NOW)
    async with running(one):
        yield one


def configured(group: DingTalk, **settings: Any) -> Any:
    right = {"events": ["*"], "secret": SECRET, "keyword": "出图"}
    return endpoint("dingtalk", group.url, **{**right, **settings})


async def test_the_platform_takes_every_event(group: DingTalk) -> None:
    group.windows = ()
    events = [*CASES.values(), *HOSTILE.values(), *OPERATORS.values()]

    for event in events:
        outcome = await deliver(dingtalk, event, configured(group))
        assert outcome.attempt.succeeded, outcome.attempt.detail

    assert len(group.messages) == len(events) - 1
    assert group.refusals == []
    assert not any(message.mentions for message in group.messages)


async def test_a_robot_that_was_removed_disables_the_endpoint(group: DingTalk) -> None:
    group.removed = True

    assert (await deliver(dingtalk, DONE, configured(group))).attempt.result == "gone"


async def test_whoever_is_shut_out_stays_away_for_as_long(group: DingTalk) -> None:
    group.clock = lambda: 100.0

    outcomes = [await deliver(dingtalk, DONE, configured(group)) for _ in range(21)]
    group.clock = lambda: 100.0 + (outcomes[20].attempt.retry_after or 0.0)
    after = await deliver(dingtalk, DONE, configured(group))

    assert [outcome.attempt.succeeded for outcome in outcomes] == [True] * 20 + [False]
    assert after.attempt.succeeded


async def test_a_picture_that_the_censors_dislike_costs_the_picture_only(
    group: DingTalk,
) -> None:
    group.unsafe = ("cdn.example",)

    outcome = await deliver(dingtalk, DONE, configured(group))

    assert outcome.attempt.succeeded
    assert "430103" in outcome.attempt.detail
    (message,) = group.messages
    assert (message.form, message.pictures, message.links) == ("markdown", (), ())
    assert PROMPT in message.text


async def test_the_picture_is_in_the_message_and_can_be_opened(group: DingTalk) -> None:
    await deliver(dingtalk, DONE, configured(group))

    (message,) = group.messages
    assert (message.pictures, message.links) == ((GRID_URL,), (GRID_URL,))


def test_a_refused_message_ends_as_text() -> None:
    answers = first(UNFIT, dingtalk.sample_response, times=2)

    transcript = perform(dingtalk, DONE, robot("dingtalk"), answers=answers)

    assert payload(transcript.requests[2])["text"]["content"].split("\n") == [
        "✅ Imagine finished · 47 s",
        PROMPT,
        "task 1732257600123456",
    ]
