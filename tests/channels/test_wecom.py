"""`bridge.channels.wecom`: the picture as a news card, everything else as markdown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given

from bridge.channels import wecom
from bridge.core.event import Event
from tests.channels.cases import (
    CASES,
    GRID_URL,
    HOSTILE,
    OPERATORS,
    PICTURE_URL,
    PROMPT,
    each_hostile,
    endpoint,
    events,
    perform,
)
from tests.channels.robots import URLS, always, first, payload, robot, said
from tests.channels.wire import deliver
from tests.platforms.robots import running
from tests.platforms.wecom import WeCom

DONE = CASES["succeeded_grid"]
UNFIT = said(errcode=40058, errmsg="markdown.content exceed max length 4096.")
#: What is ours in markdown: the small print's tags.
_OURS = re.compile(r'<font color="comment">|</font>')


def form(event: Event, **settings: Any) -> str:
    return str(
        payload(perform(wecom, event, robot("wecom", **settings)).requests[0])[
            "msgtype"
        ]
    )


def test_the_url_is_as_configured() -> None:
    assert perform(wecom, DONE, robot("wecom")).requests[0].url == URLS["wecom"]


def test_a_picture_is_the_news() -> None:
    body = payload(perform(wecom, DONE, robot("wecom")).requests[0])

    assert body["news"]["articles"] == [
        {
            "title": "✅ Imagine finished · 47 s",
            "description": f"{PROMPT}\nNext: U1 U2 U3 U4 · V1 V2 V3 V4 · 🔄\ntask 1732257600123456",
            "url": GRID_URL,
            "picurl": GRID_URL,
        }
    ]


def test_where_there_is_no_picture_to_show_it_is_markdown() -> None:
    assert form(DONE) == form(HOSTILE["picture_513_characters"]) == "news"
    assert form(DONE, images="none") == "markdown"
    for name in (
        "expired",
        "local",
        "private",
        "http",
        "relative",
        "webp",
        "3001_characters",
        "none",
    ):
        event = HOSTILE.get(f"picture_{name}", HOSTILE["nothing_known"])
        assert form(event) == "markdown", name
    for case in ("submitted", "describe", "modal", "failed", "cancelled", "lost"):
        assert form(CASES[case]) == "markdown", case


def test_the_picture_of_a_video_opens_the_video() -> None:
    event = HOSTILE["video_webp"]

    (article,) = payload(perform(wecom, event, robot("wecom")).requests[0])["news"][
        "articles"
    ]

    assert (article["url"], article["picurl"]) == (
        "https://cdn.example/a.webp",
        GRID_URL,
    )


@given(event=events())
def test_any_event_keeps_to_the_bytes_and_means_only_what_we_mean(event: Event) -> None:
    to = robot("wecom", prompt_max=100_000)

    for answers in (None, always(UNFIT)):
        for request in perform(wecom, event, to, answers=answers).requests:
            assert rb"\u" not in request.body.replace(rb"\\u", b"")
            body = payload(request)
            if body["msgtype"] == "news":
                (article,) = body["news"]["articles"]
                assert len(article["title"].encode()) <= 128
                assert len(article["description"].encode()) <= 512
                assert re.fullmatch(r"https?://[!-~]+", article["url"])
                assert re.fullmatch(r"https://[!-~]+", article["picurl"])
                continue
            content = body[body["msgtype"]]["content"]
            assert content.strip()
            assert (
                len(content.encode())
                <= {"markdown": 4000, "text": 2000}[body["msgtype"]]
            )
            theirs = re.sub(
                r"\[[^\]\n]*\]\(https?://[!-~]+\)", "", _OURS.sub("", content)
            )
            theirs = re.sub(r"^\*\*|\*\*$", "", theirs, flags=re.MULTILINE)
            theirs = re.sub(r"^> ", "", theirs, flags=re.MULTILINE)
            assert not re.search(r"[<>@`*\[\]]|^ *#", theirs, flags=re.MULTILINE)


@each_hostile
def test_hostile_events_fit_whatever_the_settings(event: Event) -> None:
    to = robot("wecom", prompt_max=100_000, language="zh")

    for request in perform(wecom, event, to, answers=always(UNFIT)).requests:
        body = payload(request)
        if body["msgtype"] != "news":
            assert len(body[body["msgtype"]]["content"].encode()) <= 4096


@pytest.mark.parametrize(
    ("code", "words", "meaning", "wait", "why"),
    [
        (93000, "invalid webhook url, hint: [1]", "gone", None, "set its new url"),
        (
            93000,
            "Invalid input : content exceed max length.",
            "permanent_failure",
            None,
            "the message was refused",
        ),
        (
            40058,
            "markdown.content exceed max length 4096.",
            "permanent_failure",
            None,
            "the message was refused",
        ),
        (
            40008,
            "invalid message type",
            "permanent_failure",
            None,
            "the message was refused",
        ),
        (44004, "empty content", "permanent_failure", None, "the message was refused"),
        (93004, "robot disabled", "gone", None, "switch it on"),
        (93008, "robot not in group", "gone", None, "no longer in the group"),
        (45009, "api freq out of limit", "failed", 60.0, "too fast"),
        (-1, "system busy", "failed", None, "busy"),
        (50001, "something new", "failed", None, "refused it"),
    ],
)
def test_codes_mean_what_the_table_says(
    code: int, words: str, meaning: str, wait: float | None, why: str
) -> None:
    answer = said(
        errcode=code,
        errmsg=f"{words} more info at https://open.work.weixin.qq.com/?e={code}",
    )

    attempt = perform(
        wecom, DONE, robot("wecom"), answers=always(answer)
    ).outcome.attempt

    assert (str(attempt.result), attempt.retry_after) == (meaning, wait)
    assert why in attempt.detail
    assert f"WeCom {code}: {words} more info at …" in attempt.detail


def test_a_refused_card_becomes_markdown_and_then_text() -> None:
    answers = first(UNFIT, wecom.sample_response, times=2)

    transcript = perform(wecom, DONE, robot("wecom"), answers=answers)

    assert [payload(request)["msgtype"] for request in transcript.requests] == [
        "news",
        "markdown",
        "text",
    ]
    assert (
        payload(transcript.requests[2])["text"]["content"]
        == f"✅ Imagine finished · 47 s\n{PROMPT}"
    )


# --- against a stand-in that enforces the rules ------------------------------------------


@pytest.fixture
async def group() -> AsyncIterator[WeCom]:
    one = WeCom()
    async with running(one):
        yield one


def configured(group: WeCom, **settings: Any) -> Any:
    return endpoint("wecom", group.url, **{"events": ["*"], **settings})


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_platform_takes_every_event(group: WeCom, language: str) -> None:
    group.windows = ()
    events = [*CASES.values(), *HOSTILE.values(), *OPERATORS.values()]

    for event in events:
        outcome = await deliver(wecom, event, configured(group, language=language))
        assert outcome.attempt.succeeded, outcome.attempt.detail

    assert len(group.messages) == len(events) - 1
    assert group.refusals == []
    assert not any(message.mentions for message in group.messages)


async def test_a_wrong_key_disables_the_endpoint(group: WeCom) -> None:
    to = endpoint("wecom", group.url[:-1] + "x")

    outcome = await deliver(wecom, DONE, to)

    assert outcome.attempt.result == "gone"
    assert "set its new url" in outcome.attempt.detail
    assert group.key[:-1] not in outcome.attempt.detail


async def test_the_twenty_first_message_in_a_minute_waits_for_the_next(
    group: WeCom,
) -> None:
    group.clock = lambda: 100.0

    outcomes = [await deliver(wecom, DONE, configured(group)) for _ in range(21)]
    group.clock = lambda: 100.0 + (outcomes[20].attempt.retry_after or 0.0)
    after = await deliver(wecom, DONE, configured(group))

    assert [outcome.attempt.succeeded for outcome in outcomes] == [True] * 20 + [False]
    assert after.attempt.succeeded


async def test_a_proxys_page_is_no_success(group: WeCom) -> None:
    group.break_once(200, "<html>please sign in</html>")
    group.break_once(502)

    first_try = await deliver(wecom, DONE, configured(group))
    second_try = await deliver(wecom, DONE, configured(group))
    third_try = await deliver(wecom, DONE, configured(group))

    assert [one.attempt.succeeded for one in (first_try, second_try, third_try)] == [
        False,
        False,
        True,
    ]
    assert second_try.attempt.blames_endpoint
    assert group.messages[0].pictures == (GRID_URL,)


async def test_upscaled_pictures_are_shown_too(group: WeCom) -> None:
    await deliver(wecom, CASES["succeeded_upscaled"], configured(group))

    assert group.messages[0].pictures == (PICTURE_URL,)
