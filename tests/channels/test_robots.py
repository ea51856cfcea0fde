"""`bridge.channels.robot_codes`, and what Feishu, DingTalk and WeCom have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import dingtalk, feishu, wecom
from bridge.channels.sample import sample_event
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.http import Response
from tests.channels.cases import (
    CASES,
    HOSTILE,
    NOW,
    OPERATORS,
    PROMPT,
    REPORTED,
    endpoint,
    perform,
)
from tests.channels.goldens import check_golden, languages
from tests.channels.robots import SECRET, always, robot, said
from tests.channels.wire import deliver
from tests.platforms.dingtalk import DingTalk
from tests.platforms.feishu import Feishu
from tests.platforms.robots import running

CHANNELS: dict[str, ModuleType] = {
    "feishu": feishu,
    "dingtalk": dingtalk,
    "wecom": wecom,
}
DONE = CASES["succeeded_upscaled"]

kinds = pytest.mark.parametrize("kind", CHANNELS)


@pytest.mark.parametrize(
    ("kind", "language"),
    [(kind, language) for kind in CHANNELS for language in languages(kind)],
)
@pytest.mark.parametrize("case", CASES)
def test_golden(kind: str, case: str, language: str) -> None:
    settings = {} if kind == "wecom" else {"secret": SECRET, "keyword": "Midjourney"}

    transcript = perform(
        CHANNELS[kind], CASES[case], robot(kind, language=language, **settings)
    )

    assert transcript.result == "delivered"
    check_golden(kind, case, language, transcript.requests)


@kinds
def test_every_case_and_every_hostile_event_is_one_message(kind: str) -> None:
    for event in (*CASES.values(), *HOSTILE.values(), *OPERATORS.values()):
        transcript = perform(CHANNELS[kind], event, robot(kind))

        assert transcript.result == "delivered"
        assert len(transcript.requests) == (0 if event.is_progress else 1)
        assert transcript.channel_state == {}
        assert not transcript.saved


@kinds
@pytest.mark.parametrize("event_type", REPORTED)
def test_a_sample_says_that_it_is_one(kind: str, event_type: str) -> None:
    event = sample_event(event_type, NOW)

    for request in perform(CHANNELS[kind], event, robot(kind)).requests:
        assert "sample" in request.body.decode()


@kinds
def test_success_is_200_and_the_code_0_and_nothing_else(kind: str) -> None:
    channel, to = CHANNELS[kind], robot(kind)
    agreed = channel.sample_response(perform(channel, DONE, to).requests[0])

    def meaning(response: Response) -> str:
        return perform(channel, DONE, to, answers=always(response)).result

    assert meaning(agreed) == "delivered"
    for status in (201, 202, 204, 302, 400, 403, 404, 500, 502):
        other = Response(status=status, body=agreed.body)
        assert meaning(other) != "delivered", status
    for body in (
        b"",
        b"ok",
        b"{}",
        b"[]",
        b"null",
        b"0",
        b"<html>login</html>",
        b'{"errmsg":"ok"}',
    ):
        assert meaning(Response(status=200, body=body)) == "failed", body
    for code in (1, -1, 9499, 93000, 310000, 7777777):
        assert meaning(said(code=code, errcode=code)) != "delivered", code
    assert meaning(said(code=False, errcode=False)) == "failed"
    assert meaning(said(code="0", errcode="0")) == "delivered"
    assert meaning(said(code="zero", errcode="zero")) == "failed"


@kinds
def test_operators_are_told_why_and_since_when(kind: str) -> None:
    to = robot(kind, language="zh")

    sent = perform(CHANNELS[kind], OPERATORS["upstream.unhealthy"], to).requests[0]

    for words in (
        "🔌 上游 default 无响应",
        "原因：connection refused",
        "开始于 2026-11-22 06:31 UTC",
    ):
        assert words in sent.body.decode()


@kinds
@given(
    body=st.binary(max_size=200),
    status=st.sampled_from([200, 204, 302, 400, 404, 429, 500]),
)
def test_no_answer_is_too_strange(kind: str, body: bytes, status: int) -> None:
    strange = always(Response(status=status, body=body, received_at=NOW))

    transcript = perform(CHANNELS[kind], DONE, robot(kind), answers=strange)

    assert transcript.outcome.attempt.detail.isprintable()


@kinds
def test_a_page_instead_of_an_answer_is_tried_again_and_said(kind: str) -> None:
    page = Response(
        duration=0.1,
        status=200,
        body=b"<html><title>Sign in</title></html>",
        received_at=NOW,
    )

    attempt = perform(
        CHANNELS[kind], DONE, robot(kind), answers=always(page)
    ).outcome.attempt

    assert attempt.result is AttemptResult.FAILED
    assert "own answer: <html><title>Sign in" in attempt.detail


@kinds
@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (said(), "own answer: it is empty"),
        (said(code=40_000_001, errcode=40_000_001), " 40000001)"),
    ],
)
def test_an_answer_without_words_is_told_in_whole_sentences(
    kind: str, answer: Response, end: str
) -> None:
    outcome = perform(CHANNELS[kind], DONE, robot(kind), answers=always(answer)).outcome

    assert outcome.attempt.detail.endswith(end)


@kinds
def test_what_happened_to_the_connection_is_judged_as_everywhere(kind: str) -> None:
    broken = always(
        Response(duration=1.5, fault=Fault.TIMEOUT, detail="no answer in 15 s")
    )

    attempt = perform(CHANNELS[kind], DONE, robot(kind), answers=broken).outcome.attempt

    assert (attempt.result, attempt.fault, attempt.duration) == (
        AttemptResult.FAILED,
        Fault.TIMEOUT,
        1.5,
    )
    assert attempt.blames_endpoint
    assert attempt.detail == "no answer in 15 s"


@kinds
@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        pytest.param(429, {}, 60.0, id="429 without a word"),
        pytest.param(429, {"retry-after": "7"}, 7.0, id="429 with Retry-After"),
        pytest.param(503, {"retry-after": "9"}, 9.0, id="503 with Retry-After"),
        pytest.param(502, {}, None, id="502"),
    ],
)
def test_a_gateway_in_between_is_given_the_time_it_asks_for(
    kind: str, status: int, headers: dict[str, str], wait: float | None
) -> None:
    page = Response(status=status, headers=headers, body=b"<html>", received_at=NOW)

    attempt = perform(
        CHANNELS[kind], DONE, robot(kind), answers=always(page)
    ).outcome.attempt

    assert (attempt.result, attempt.retry_after) == (AttemptResult.FAILED, wait)


@kinds
def test_410_disables_the_endpoint_as_everywhere(kind: str) -> None:
    gone = always(Response(status=410, body=b"gone"))

    assert perform(CHANNELS[kind], DONE, robot(kind), answers=gone).result == "gone"


@kinds
def test_every_variant_says_what_it_is_about(kind: str) -> None:
    unfit = said(
        code=9499, errcode={"dingtalk": 460101, "wecom": 40058}.get(kind, 0), msg="no"
    )

    never = perform(CHANNELS[kind], DONE, robot(kind), answers=always(unfit))

    assert len(never.requests) == (2 if kind == "feishu" else 3)
    for request in never.requests:
        assert PROMPT in request.body.decode()


@pytest.mark.parametrize("kind", ["feishu", "dingtalk"])
def test_the_secret_is_not_in_what_is_sent(kind: str) -> None:
    (request,) = perform(CHANNELS[kind], DONE, robot(kind, secret=SECRET)).requests

    assert SECRET not in request.body.decode() + request.url


@kinds
def test_an_endpoints_own_headers_are_sent_along(kind: str) -> None:
    to = robot(kind, headers={"X-Team": "art"})

    (request,) = perform(CHANNELS[kind], DONE, to).requests

    assert request.headers["x-team"] == "art"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("mjbridge/")


# --- against stand-ins that enforce the rules of a robot that signs -------------------

#: A word of no message, but for the setting.
KEYWORD = "出图"


@pytest.fixture(params=["feishu", "dingtalk"])
async def group(request: pytest.FixtureRequest) -> AsyncIterator[Feishu | DingTalk]:
    platform: type[Feishu | DingTalk] = {"feishu": Feishu, "dingtalk": DingTalk}[
        request.param
    ]
    one = platform(secret=SECRET, keywords=(KEYWORD,), today=lambda: NOW)
    async with running(one):
        yield one


async def delivered_to(
    group: Feishu | DingTalk, *, at: float = NOW, **wrong: Any
) -> Attempt:
    """Deliver to a group whose endpoint is right but for some settings."""
    kind = "feishu" if isinstance(group, Feishu) else "dingtalk"
    right = {"events": ["*"], "secret": SECRET, "keyword": KEYWORD}
    to = endpoint(kind, group.url, **{**right, **wrong})
    return (await deliver(CHANNELS[kind], DONE, to, at=at)).attempt


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"secret": "another"}, "set its secret"),
        ({"secret": None}, "set its secret"),
        ({"keyword": None}, "set keyword"),
    ],
)
async def test_a_wrong_setting_disables_the_endpoint_and_says_which(
    group: Feishu | DingTalk, wrong: dict[str, Any], why: str
) -> None:
    attempt = await delivered_to(group, **wrong)

    assert attempt.result == "gone"
    assert why in attempt.detail
    assert group.key not in attempt.detail


async def test_a_clock_that_is_an_hour_off_is_named(group: Feishu | DingTalk) -> None:
    attempt = await delivered_to(group, at=NOW - 4000)

    assert "this machine's clock" in attempt.detail
