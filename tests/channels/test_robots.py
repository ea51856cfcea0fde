"""`bridge.channels.robot_codes`, and what Feishu, DingTalk and WeCom have in common."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import dingtalk, feishu, wecom
from bridge.channels.sample import sample_event
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.event import EVENT_TYPES
from bridge.core.http import Response
from tests.channels.cases import (
    CASES,
    HOSTILE,
    NOW,
    OPERATORS,
    PROMPT,
    converse,
)
from tests.channels.golden import check_golden, languages
from tests.channels.robots import SECRET, URLS, always, robot, said

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

    talk = converse(
        CHANNELS[kind], CASES[case], robot(kind, language=language, **settings)
    )

    assert talk.result == "delivered"
    check_golden(kind, case, language, talk.requests)


@kinds
def test_every_case_and_every_hostile_event_is_one_message(kind: str) -> None:
    for event in (*CASES.values(), *HOSTILE.values(), *OPERATORS.values()):
        talk = converse(CHANNELS[kind], event, robot(kind))

        assert talk.result == "delivered"
        assert len(talk.requests) == (0 if event.is_progress else 1)
        assert talk.channel_state == {}
        assert not talk.saved


@kinds
@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_sample_says_that_it_is_one(kind: str, event_type: str) -> None:
    event = sample_event(event_type, NOW)

    for request in converse(CHANNELS[kind], event, robot(kind)).requests:
        assert "sample" in request.body.decode()


@kinds
def test_success_is_200_and_the_code_0_and_nothing_else(kind: str) -> None:
    channel, to = CHANNELS[kind], robot(kind)
    agreed = channel.sample_response(converse(channel, DONE, to).requests[0])

    def meaning(response: Response) -> str:
        return converse(channel, DONE, to, answers=always(response)).result

    assert meaning(agreed) == "delivered"
    for status in (201, 202, 204, 302, 400, 403, 404, 500, 502):
        other = Response(took=0.1, status=status, body=agreed.body)
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
        assert meaning(Response(took=0.1, status=200, body=body)) == "failed", body
    for code in (1, -1, 9499, 93000, 310000, 7777777):
        assert meaning(said(code=code, errcode=code)) != "delivered", code
    assert meaning(said(code=False, errcode=False)) == "failed"
    assert meaning(said(code="0", errcode="0")) == "delivered"
    assert meaning(said(code="zero", errcode="zero")) == "failed"


@kinds
def test_operators_are_told_why_and_since_when(kind: str) -> None:
    to = robot(kind, language="zh")

    sent = converse(CHANNELS[kind], OPERATORS["upstream.unhealthy"], to).requests[0]

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
    strange = always(Response(took=0.1, status=status, body=body, at=NOW))

    talk = converse(CHANNELS[kind], DONE, robot(kind), answers=strange)

    assert talk.outcome.attempt.detail.isprintable()


@kinds
def test_a_page_instead_of_an_answer_is_tried_again_and_said(kind: str) -> None:
    page = Response(
        took=0.1, status=200, body=b"<html><title>Sign in</title></html>", at=NOW
    )

    attempt = converse(
        CHANNELS[kind], DONE, robot(kind), answers=always(page)
    ).outcome.attempt

    assert attempt.result is AttemptResult.FAILED
    assert "own answer: <html><title>Sign in" in attempt.detail


@kinds
def test_what_happened_to_the_connection_is_judged_as_everywhere(kind: str) -> None:
    broken = always(Response(took=1.5, fault=Fault.TIMEOUT, detail="no answer in 15 s"))

    attempt = converse(
        CHANNELS[kind], DONE, robot(kind), answers=broken
    ).outcome.attempt

    assert (attempt.result, attempt.fault, attempt.took) == (
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
    page = Response(took=0.1, status=status, headers=headers, body=b"<html>", at=NOW)

    attempt = converse(
        CHANNELS[kind], DONE, robot(kind), answers=always(page)
    ).outcome.attempt

    assert (attempt.result, attempt.retry_after) == (AttemptResult.FAILED, wait)


@kinds
def test_410_disables_the_endpoint_as_everywhere(kind: str) -> None:
    gone = always(Response(took=0.1, status=410, body=b"gone"))

    assert converse(CHANNELS[kind], DONE, robot(kind), answers=gone).result == "gone"


@kinds
def test_every_variant_says_what_it_is_about(kind: str) -> None:
    unfit = said(
        code=9499, errcode={"dingtalk": 460101, "wecom": 40058}.get(kind, 0), msg="no"
    )

    never = converse(CHANNELS[kind], DONE, robot(kind), answers=always(unfit))

    assert len(never.requests) == (2 if kind == "feishu" else 3)
    for request in never.requests:
        assert PROMPT in request.body.decode()


@kinds
def test_what_lets_somebody_post_is_in_no_detail(kind: str) -> None:
    settings = {} if kind == "wecom" else {"secret": SECRET}
    to = robot(kind, **settings)
    words = f"bad url {URLS[kind]} key {URLS[kind][-22:]} {settings}, more at https://a.example/?e=1"
    for answer in (
        said(code=4711, msg=words, errcode=4711, errmsg=words),
        said(200, surprise=words),
        said(500, surprise=words),
    ):
        detail = converse(
            CHANNELS[kind], DONE, to, answers=always(answer)
        ).outcome.attempt.detail

        assert "5ecre7" not in detail
        assert detail


@kinds
def test_the_secret_is_not_in_what_is_sent(kind: str) -> None:
    if kind == "wecom":
        return
    for request in converse(CHANNELS[kind], DONE, robot(kind, secret=SECRET)).requests:
        assert SECRET not in request.body.decode() + request.url


@kinds
def test_an_endpoints_own_headers_are_sent_along(kind: str) -> None:
    to = robot(kind, headers={"X-Team": "art"})

    (request,) = converse(CHANNELS[kind], DONE, to).requests

    assert request.headers["x-team"] == "art"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("mjbridge/")
