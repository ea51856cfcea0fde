"""`bridge.channels.slack`: what Slack's answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import slack
from bridge.core.delivery import Attempt, Fault
from bridge.core.http import Request, Response
from tests.channels.cases import CASES, NOW, endpoint, perform
from tests.channels.test_slack_payload import SECRETS, bot, webhook
from tests.platforms.slack import HTML

EVENT = CASES["submitted"]


def hook_says(status: int | None, body: bytes = b"", **headers: str) -> Attempt:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(_: Request) -> Response:
        return Response(duration=0.5, status=status, body=body, headers=named)

    return perform(slack, EVENT, webhook(), answers=answer).outcome.attempt


def api_says(data: Any, status: int = 200, **headers: str) -> Attempt:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = data if isinstance(data, bytes) else json.dumps(data).encode()

    def answer(_: Request) -> Response:
        return Response(duration=0.5, status=status, body=body, headers=named)

    to = bot(progress="off")
    return perform(slack, EVENT, to, answers=answer).outcome.attempt


@pytest.mark.parametrize("body", [b"ok", b"ok\n"])
def test_a_webhook_says_ok(body: bytes) -> None:
    assert hook_says(200, body).succeeded


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK then",
        HTML,
        b'{"ok": true}',
        b"<html>ok</html>",
        b"queued",
        b"\xff\xfe",
    ],
)
def test_nothing_else_is_a_success_even_with_200(body: bytes) -> None:
    attempt = hook_says(200, body)

    assert attempt.result == "failed"
    assert "not Slack's ok" in attempt.detail


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        pytest.param(200, b"ok", "delivered", id="Mattermost"),
        pytest.param(200, b'{"success":true}', "delivered", id="Rocket.Chat"),
        pytest.param(200, b'{"ok": true}', "delivered", id="ok in JSON"),
        pytest.param(200, b"", "delivered", id="empty"),
        pytest.param(204, b"", "delivered", id="no content"),
        pytest.param(200, b'{"success":false,"error":"x"}', "failed", id="no success"),
        pytest.param(200, HTML, "failed", id="a proxy's page"),
        pytest.param(500, b'{"success":true}', "failed", id="an error all the same"),
        pytest.param(302, b"", "failed", id="elsewhere"),
    ],
)
def test_a_compatible_server_takes_a_message_in_its_own_words(
    status: int, body: bytes, result: str
) -> None:
    """What Slack itself never answers; and the message would be posted again and again."""

    def answer(_: Request) -> Response:
        return Response(duration=0.5, status=status, body=body)

    to = endpoint("slack", "https://chat.example.com/hooks/xxx")

    assert perform(slack, EVENT, to, answers=answer).result == result


@pytest.mark.parametrize(
    "word",
    [
        "no_service",
        "no_service_id",
        "no_active_hooks",
        "invalid_token",
        "no_team",
        "team_disabled",
        "channel_not_found",
        "channel_is_archived",
        "action_prohibited",
        "posting_to_general_channel_denied",
        "user_not_found",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 410, 500])
def test_a_webhook_that_leads_nowhere_is_gone_whatever_the_status(
    word: str, status: int
) -> None:
    attempt = hook_says(status, word.encode())

    assert attempt.result == "gone"
    assert attempt.detail.startswith(f"{word}: ")


@pytest.mark.parametrize(
    "word",
    [
        "invalid_payload",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "no_text",
        "too_many_attachments",
        "msg_too_long",
        "downloading image failed [json-pointer:/blocks/0/image_url]",
        pytest.param("something_that_is_new", id="a word we do not know"),
    ],
)
def test_a_message_that_is_refused_in_every_form_is_given_up(word: str) -> None:
    attempt = hook_says(400, word.encode())

    assert attempt.result == "permanent_failure"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"rollup_error"),
        (500, b"fatal_error"),
        (502, HTML),
        (503, b""),
        (404, HTML),
        (403, HTML),
        (302, b""),
        (418, b"teapot"),
    ],
)
def test_what_may_pass_is_tried_again(status: int, body: bytes) -> None:
    assert hook_says(status, body).result == "failed"


def test_a_page_of_a_proxys_that_refuses_is_not_argued_with() -> None:
    asked = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(duration=0.5, status=400, body=HTML)

    transcript = perform(slack, CASES["succeeded_grid"], webhook(), answers=answer)

    assert transcript.result == "refused"
    assert len(asked) == 1


def test_410_without_a_word_is_gone_too() -> None:
    assert hook_says(410, HTML).result == "gone"


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("nonsense", None), ("-1", None)]
)
def test_slack_says_how_long_to_wait(value: str, seconds: float | None) -> None:
    attempt = hook_says(429, b"rate_limited", retry_after=value)

    assert attempt.result == "failed"
    assert attempt.retry_after == seconds


def test_no_answer_is_told_by_its_fault() -> None:
    def answer(_: Request) -> Response:
        return Response(duration=15.0, fault=Fault.TIMEOUT, detail="no answer")

    attempt = perform(slack, EVENT, webhook(), answers=answer).outcome.attempt

    assert attempt.platform_result is None
    assert attempt.fault is Fault.TIMEOUT
    assert attempt.blames_endpoint


# --- the Web API ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("invalid_auth", "gone"),
        ("not_authed", "gone"),
        ("token_revoked", "gone"),
        ("token_expired", "gone"),
        ("account_inactive", "gone"),
        ("missing_scope", "gone"),
        ("channel_not_found", "gone"),
        ("not_in_channel", "gone"),
        ("is_archived", "gone"),
        ("restricted_action", "gone"),
        ("invalid_blocks", "permanent_failure"),
        ("msg_too_long", "permanent_failure"),
        ("no_text", "permanent_failure"),
        ("ratelimited", "failed"),
        ("service_unavailable", "failed"),
        ("internal_error", "failed"),
        ("fatal_error", "failed"),
        ("request_timeout", "failed"),
        ("team_added_to_org", "failed"),
        ("something_that_is_new", "failed"),
        ("", "failed"),
        (None, "failed"),
        (["invalid_auth"], "failed"),
    ],
)
def test_the_web_api_answers_200_to_everything(error: object, meaning: str) -> None:
    assert api_says({"ok": False, "error": error}).result == meaning


@pytest.mark.parametrize("body", [b"ok", b"", HTML, b"[]", b'{"ok": 1}', b'{"ok": tr'])
def test_only_ok_true_is_a_success(body: bytes) -> None:
    assert api_says(body).result == "failed"


def test_what_is_missing_is_named() -> None:
    attempt = api_says({"ok": False, "error": "missing_scope", "needed": "chat:write"})

    assert attempt.detail == "missing_scope: the bot lacks a scope; needed: chat:write"


def test_a_refusal_says_which_block_was_wrong() -> None:
    messages = ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1]"]
    error = {"error": "invalid_blocks", "response_metadata": {"messages": messages}}

    assert "json-pointer:/blocks/1" in api_says({"ok": False, **error}).detail


def test_the_web_api_says_how_long_to_wait() -> None:
    data = {"ok": False, "error": "ratelimited"}

    attempt = api_says(data, status=429, retry_after="30")

    assert (attempt.result, attempt.retry_after) == ("failed", 30.0)


@given(status=st.none() | st.integers(100, 599), body=st.binary(max_size=300))
def test_no_answer_is_too_strange(status: int | None, body: bytes) -> None:
    for to in (webhook(), bot()):

        def answer(_: Request) -> Response:
            return Response(status=status, body=body)

        transcript = perform(slack, EVENT, to, answers=answer)

        assert transcript.result != "delivered" or status == 200


@pytest.mark.parametrize("answer", [b"[" * 100_000, b'{"a":' * 100_000])
def test_an_answer_that_nests_too_deep_is_no_success(answer: bytes) -> None:
    assert api_says(answer).result == "failed"


# --- asking before anything happens ---------------------------------------------------


def test_a_bot_can_be_asked_who_it_is() -> None:
    request = slack.probe(bot())

    assert request is not None
    assert request.url == "https://slack.com/api/auth.test"
    assert not any(secret in request.body.decode() for secret in SECRETS)


def test_a_webhook_cannot_be_asked_without_posting() -> None:
    assert slack.probe(webhook()) is None


@pytest.mark.parametrize(
    ("data", "scopes", "words"),
    [
        (
            {"ok": True, "user": "mjbot", "team": "Acme"},
            "chat:write,files:write",
            "a bot, signed in as mjbot in the workspace Acme",
        ),
        (
            {"ok": True, "user": "mjbot", "team": "Acme"},
            "chat:write.public",
            "a bot, signed in as mjbot in the workspace Acme; it lacks the scope chat:write",
        ),
        (
            {"ok": False, "error": "token_revoked"},
            "",
            "Slack refuses it: token_revoked: the token was revoked",
        ),
    ],
)
def test_who_a_bot_is_is_said_in_words(data: Any, scopes: str, words: str) -> None:
    response = Response(
        duration=0.1,
        status=200,
        body=json.dumps(data).encode(),
        headers={"x-oauth-scopes": scopes},
        received_at=NOW,
    )

    assert slack.describe(response) == words


@pytest.mark.parametrize("status", [410, 500])
def test_an_answer_without_words_is_told_by_its_status(status: int) -> None:
    assert hook_says(status).detail == f"HTTP {status}"


def test_a_redirect_is_told_by_what_to_do() -> None:
    assert hook_says(302).detail == (
        "redirects are not followed: use the address that it leads to"
    )
