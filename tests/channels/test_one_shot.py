"""`bridge.channels.one_shot`: what is promised of every kind that posts a message once."""

from __future__ import annotations

import pytest

from bridge.channels import CHANNELS
from bridge.channels.reply import Reply
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import Response
from tests.channels.cases import CASES, NOW, endpoint, perform

URLS = {
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/5ecre7-0123",
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=5ecre70123456789",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=5ecre7-0123",
    "teams": "https://a.logic.azure.com/workflows/1/triggers/manual/paths/invoke",
    "ntfy": "https://ntfy.sh/art",
    "apprise": "json://localhost",
}
#: What each says of a message that it does not take as it is.
REFUSALS = {
    "feishu": (200, b'{"code": 9499, "msg": "no"}'),
    "dingtalk": (200, b'{"errcode": 460101, "errmsg": "no"}'),
    "wecom": (200, b'{"errcode": 40058, "errmsg": "no"}'),
    "teams": (400, b'{"error": {"code": "InvalidRequest"}}'),
    "ntfy": (413, b'{"error": "no"}'),
}
#: What each says of one message too many, or of a bad moment.
BUSY = {
    "feishu": (200, b'{"code": 11232, "msg": "frequency limited"}'),
    "dingtalk": (200, b'{"errcode": 130101, "errmsg": "send too fast"}'),
    "wecom": (200, b'{"errcode": 45009, "errmsg": "api freq out of limit"}'),
    "teams": (429, b""),
    "ntfy": (429, b""),
}
DONE = CASES["succeeded_upscaled"]


def to(kind: str, *events: str, progress: str = "off") -> Endpoint:
    return endpoint(kind, URLS[kind], events=list(events) or None, progress=progress)


@pytest.mark.parametrize("progress", ["off", "edit"])
@pytest.mark.parametrize("kind", URLS)
def test_progress_is_not_reported_even_to_an_endpoint_that_asks(
    kind: str, progress: str
) -> None:
    there = to(kind, "*", progress=progress)

    transcript = perform(CHANNELS[kind], CASES["progress_42"], there)

    assert (transcript.sent, transcript.result) == ([], "delivered")
    assert "cannot edit a message" in transcript.outcome.attempt.detail


@pytest.mark.parametrize("kind", URLS)
def test_the_first_steps_are_reported_where_events_ask_for_them(kind: str) -> None:
    """``progress = "edit"`` hands over earlier events too; unasked, they would be noise."""
    asks, silent = to(kind, "task.submitted"), to(kind, "task.succeeded")

    asked = perform(CHANNELS[kind], CASES["submitted"], asks)
    unasked = perform(CHANNELS[kind], CASES["submitted"], silent)

    assert (len(asked.sent), asked.result) == (1, "delivered")
    assert (unasked.sent, unasked.result) == ([], "delivered")


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_variant_is_charged_to_the_rate(kind: str) -> None:
    """A refused message counts as well: some shut out who exceeds their limit."""
    status, body = REFUSALS[kind]
    refusal = Response(duration=0.25, status=status, body=body, received_at=NOW)

    never = perform(CHANNELS[kind], DONE, to(kind), answers=lambda _: refusal)

    assert never.result == "permanent_failure"
    assert never.outcome.extra_requests == len(never.requests) - 1 > 0
    assert never.outcome.attempt.duration == 0.25 * len(never.requests)
    bodies = {request.body for request in never.requests}
    assert len(bodies) == len(never.requests), "what was refused is not sent twice"


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_variant_that_is_taken_says_why_it_is_not_the_first(kind: str) -> None:
    status, body = REFUSALS[kind]
    refusals = [Response(duration=0.25, status=status, body=body, received_at=NOW)]
    channel = CHANNELS[kind]

    transcript = perform(
        channel,
        DONE,
        to(kind),
        answers=lambda one: (
            refusals.pop() if refusals else channel.sample_response(one)
        ),
    )

    assert (transcript.result, len(transcript.requests)) == ("delivered", 2)
    assert transcript.outcome.extra_requests == 1
    assert transcript.outcome.attempt.detail.startswith("in a simpler form, because ")


@pytest.mark.parametrize("kind", BUSY)
def test_a_retry_after_goes_before_the_wait_that_we_know_of(kind: str) -> None:
    """It may come with 200: robots answer that whatever happened."""
    status, body = BUSY[kind]
    headers = {"retry-after": "7"}
    busy = Response(status=status, headers=headers, body=body, received_at=NOW)

    attempt = perform(
        CHANNELS[kind], DONE, to(kind), answers=lambda _: busy
    ).outcome.attempt

    assert (attempt.result, attempt.retry_after) == (AttemptResult.FAILED, 7.0)


@pytest.mark.parametrize("kind", BUSY)
def test_a_message_that_was_taken_holds_nothing_up(kind: str) -> None:
    channel, headers = CHANNELS[kind], {"retry-after": "7"}

    def answers(request: object) -> Response:
        said = channel.sample_response(request)  # type: ignore[arg-type]  # any request
        return Response(status=said.status, headers=headers, body=said.body)

    attempt = perform(channel, DONE, to(kind), answers=answers).outcome.attempt

    assert (attempt.result, attempt.retry_after) == (AttemptResult.DELIVERED, None)


def test_a_reply_without_a_status_is_a_failure() -> None:
    assert not Reply().ok
