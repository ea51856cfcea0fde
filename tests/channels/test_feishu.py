"""`bridge.channels.feishu`: a signed card, and refusals that say what to set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given

from bridge.channels import feishu
from bridge.core.event import Event
from tests.channels.cases import (
    CASES,
    GRID_URL,
    HOSTILE,
    NOW,
    OPERATORS,
    PROMPT,
    each_hostile,
    endpoint,
    events,
    perform,
)
from tests.channels.robots import SECRET, always, first, payload, robot, said
from tests.channels.wire import deliver
from tests.platforms.feishu import Feishu
from tests.platforms.robots import running

DONE = CASES["succeeded_grid"]


def texts_of(value: Any) -> list[str]:
    """Every text of a card or a post that a stranger may have written."""
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    if not isinstance(value, dict):
        return []
    own = [value["content"]] if value.get("tag") == "plain_text" else []
    return own + [text for one in value.values() for text in texts_of(one)]


def tags_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return {tag for one in value for tag in tags_of(one)}
    if not isinstance(value, dict):
        return set()
    own = {value["tag"]} if "tag" in value else set()
    return own | {tag for one in value.values() for tag in tags_of(one)}


def test_the_signature_is_the_one_of_the_documentation() -> None:
    signature = feishu.sign("demo", at=1599360473)

    assert signature == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="


def test_a_message_is_signed_at_the_second_it_is_sent() -> None:
    to = robot("feishu", secret="demo")

    body = payload(perform(feishu, DONE, to, at=1599360473.9).requests[0])

    assert (body["timestamp"], body["sign"]) == (
        "1599360473",
        "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=",
    )


def test_without_a_secret_there_is_no_signature() -> None:
    body = payload(perform(feishu, DONE, robot("feishu")).requests[0])

    assert set(body) == {"msg_type", "card"}


def test_lark_is_the_same() -> None:
    url = "https://open.larksuite.com/open-apis/bot/v2/hook/5ecre7"

    (request,) = perform(feishu, DONE, endpoint("lark", url)).requests

    assert request.url == url


@pytest.mark.parametrize("secret", [None, SECRET])
@given(event=events())
def test_any_event_is_small_enough_and_a_card_of_plain_texts(
    secret: str | None, event: Event
) -> None:
    to = robot("feishu", secret=secret, keyword="图" * 200, prompt_max=100_000)

    for answers in (None, always(said(code=9499, msg="Bad Request"))):
        for request in perform(feishu, event, to, answers=answers).requests:
            body = payload(request)
            assert len(request.body) <= feishu.MAX_BODY
            assert tags_of(body) <= {
                "plain_text",
                "div",
                "button",
                "column",
                "column_set",
                "text",
                "a",
            }
            assert all(text.strip() for text in texts_of(body))


@each_hostile
def test_hostile_events_fit_whatever_the_settings(event: Event) -> None:
    to = robot(
        "feishu", secret=SECRET, keyword='"' * 300, prompt_max=100_000, language="zh"
    )

    for request in perform(feishu, event, to, answers=always(said(code=9499))).requests:
        assert len(request.body) <= feishu.MAX_BODY


def test_every_message_begins_with_the_keyword() -> None:
    to = robot("feishu", keyword="Midjourney", events=["*"])

    for event in (*CASES.values(), *OPERATORS.values()):
        for request in perform(
            feishu, event, to, answers=always(said(code=9499))
        ).requests:
            body = payload(request)
            head = (
                body["card"]["header"]["title"]["content"]
                if "card" in body
                else body["content"]["post"]["en_us"]["title"]
            )
            assert head.startswith("Midjourney · ")


def test_the_picture_is_a_button_away_and_so_is_each_video() -> None:
    def buttons(event: Event) -> list[tuple[str, str]]:
        body = payload(perform(feishu, event, robot("feishu")).requests[0])
        found = [
            one for one in body["card"]["body"]["elements"] if one["tag"] == "button"
        ]
        for one in body["card"]["body"]["elements"]:
            found += [column["elements"][0] for column in one.get("columns", ())]
        return [
            (one["text"]["content"], one["behaviors"][0]["default_url"])
            for one in found
        ]

    assert buttons(DONE) == [("Open full size", GRID_URL)]
    assert [label for label, _ in buttons(CASES["video"])] == [
        f"Watch {n}" for n in range(1, 5)
    ]
    assert buttons(HOSTILE["picture_expired"]) == []
    assert buttons(HOSTILE["picture_local"]) == []
    assert buttons(HOSTILE["picture_with_password"]) == []


def test_a_picture_that_cannot_be_opened_is_not_promised() -> None:
    def says(name: str) -> str:
        return perform(feishu, HOSTILE[name], robot("feishu")).requests[0].body.decode()

    assert "The picture's link has expired" in says("picture_expired")
    assert "The picture cannot be shown here" in says("picture_local")


def test_a_described_picture_misses_no_prompt() -> None:
    texts = texts_of(
        payload(perform(feishu, CASES["describe"], robot("feishu")).requests[0])
    )

    assert "(no prompt)" not in texts
    assert any(text.startswith("1️⃣ a lighthouse on a cliff") for text in texts)


def test_refused_cards_become_posts_which_every_client_can_show() -> None:
    unread = said(code=230099, msg="Failed to create card content")

    transcript = perform(
        feishu,
        DONE,
        robot("feishu", language="zh"),
        answers=first(unread, feishu.sample_response),
    )

    post = payload(transcript.requests[1])["content"]["post"]["zh_cn"]
    assert transcript.result == "delivered"
    assert post["title"] == "✅ 绘图完成 · 47 秒"
    assert [one["text"] for row in post["content"] for one in row] == [
        PROMPT,
        "下一步：U1 U2 U3 U4 · V1 V2 V3 V4 · 🔄",
        "任务 1732257600123456",
        "查看原图",
    ]


@pytest.mark.parametrize(
    ("code", "meaning", "wait", "why"),
    [
        (19001, "gone", None, "set its new url"),
        (19021, "gone", None, "set its secret"),
        (19022, "gone", None, "add this machine's"),
        (19024, "gone", None, "set keyword"),
        (9499, "permanent_failure", None, "the message was refused"),
        (11246, "permanent_failure", None, "the message was refused"),
        (11232, "failed", 60.0, "too fast"),
        (99991400, "failed", 60.0, "too fast"),
        (123456, "failed", None, "refused it"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_codes_mean_what_the_table_says(
    status: int, code: int, meaning: str, wait: float | None, why: str
) -> None:
    answer = said(status, code=code, msg="why it is so", data={})

    attempt = perform(
        feishu, DONE, robot("feishu"), answers=always(answer)
    ).outcome.attempt

    if (status, code) == (400, 123456):
        meaning, why = "refused", "why it is so"
    assert (str(attempt.result), attempt.retry_after) == (meaning, wait)
    assert why in attempt.detail
    assert f"Feishu {code}: why it is so" in attempt.detail


def test_feishus_own_words_on_how_long_to_wait_are_heard() -> None:
    headers: Mapping[str, str] = {"x-ogw-ratelimit-reset": "7"}
    answer = said(
        429, headers=headers, code=99991400, msg="request trigger frequency limit"
    )

    attempt = perform(
        feishu, DONE, robot("feishu"), answers=always(answer)
    ).outcome.attempt

    assert attempt.retry_after == 7.0


def test_older_robots_say_success_in_their_own_way() -> None:
    old = said(Extra=None, StatusCode=0, StatusMessage="success")

    assert (
        perform(feishu, DONE, robot("feishu"), answers=always(old)).result
        == "delivered"
    )


# --- against a stand-in that enforces the rules ------------------------------------------


@pytest.fixture
async def group() -> AsyncIterator[Feishu]:
    one = Feishu(secret=SECRET, keywords=("出图", "Midjourney"), today=lambda: NOW)
    async with running(one):
        yield one


def configured(group: Feishu, **settings: Any) -> Any:
    right = {"events": ["*"], "secret": SECRET, "keyword": "Midjourney"}
    return endpoint("feishu", group.url, **{**right, **settings})


async def test_the_platform_takes_every_event(group: Feishu) -> None:
    group.windows = ()
    events = [*CASES.values(), *HOSTILE.values(), *OPERATORS.values()]

    for event in events:
        outcome = await deliver(feishu, event, configured(group))
        assert outcome.attempt.succeeded, outcome.attempt.detail

    assert len(group.messages) == len(events) - 1
    assert group.refusals == []
    assert not any(message.mentions for message in group.messages)
    assert all(message.title.startswith("Midjourney · ") for message in group.messages)


async def test_the_sixth_message_in_a_second_waits(group: Feishu) -> None:
    group.clock = lambda: 100.0

    outcomes = [await deliver(feishu, DONE, configured(group)) for _ in range(6)]

    assert [outcome.attempt.succeeded for outcome in outcomes] == [True] * 5 + [False]
    assert outcomes[5].attempt.retry_after == 60.0


async def test_a_card_that_is_refused_arrives_as_a_post(group: Feishu) -> None:
    group.say_once(11246, "parse card json err")

    outcome = await deliver(feishu, DONE, configured(group))

    assert outcome.attempt.succeeded
    assert [message.form for message in group.messages] == ["post"]
    assert group.messages[0].links == (GRID_URL,)


async def test_the_first_robots_answers_are_understood(group: Feishu) -> None:
    group.old_answers = True

    assert (await deliver(feishu, DONE, configured(group))).attempt.succeeded
