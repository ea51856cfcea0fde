"""`bridge.adapters.gateway.errors`: whatever a gateway does, `fetch` says what is wrong."""

from __future__ import annotations

import pytest

from bridge.app.ports import PollError
from tests.adapters.gateway.polling import (
    BODY,
    OK,
    answer_to,
    asking,
    polled,
    rows,
)
from tests.gateways import lists, raw, says


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        pytest.param(
            401,
            {
                "error": {
                    "message": "无效的令牌 (request id: 1)",
                    "type": "new_api_error",
                }
            },
            PollError.REFUSED,
            "HTTP 401: 无效的令牌",
            id="401 of new-api",
        ),
        pytest.param(
            401,
            "Authorization header missing.",
            PollError.REFUSED,
            "auth",
            id="401 text",
        ),
        pytest.param(401, b"", PollError.REFUSED, "HTTP 401", id="401 without a word"),
        pytest.param(
            401,
            {"error": "Unauthorized"},
            PollError.REFUSED,
            "Unauthorized",
            id="401 short",
        ),
        pytest.param(
            401,
            {"error": {"message": "[sk-abc***DEF] 该令牌额度已用尽"}},
            PollError.REFUSED,
            "quota is used up",
            id="401 that means the quota",
        ),
        pytest.param(
            403,
            {"error": {"message": "This token has no access to model "}},
            PollError.REFUSED,
            "limited to certain models",
            id="403 of a limited key",
        ),
        pytest.param(
            403,
            {"error": {"message": "您的 IP 不在令牌允许访问的列表中"}},
            PollError.REFUSED,
            "certain addresses",
            id="403 of an address list",
        ),
        pytest.param(
            403,
            "<html><title>Just a moment...</title>",
            PollError.REFUSED,
            "firewall",
            id="403 of a firewall",
        ),
        pytest.param(403, "账号不可用", PollError.REFUSED, "账号不可用", id="403 text"),
        pytest.param(402, b"", PollError.REFUSED, "HTTP 402", id="402"),
        pytest.param(
            429, b"", PollError.THROTTLED, "HTTP 429", id="429 without a word"
        ),
        pytest.param(
            429,
            {"description": "当前分组负载已饱和", "type": "upstream_error", "code": 30},
            PollError.THROTTLED,
            "当前分组负载已饱和",
            id="429 of new-api",
        ),
        pytest.param(
            500,
            {"error": {"description": "Panic"}},
            PollError.BROKEN,
            "Panic",
            id="500",
        ),
        pytest.param(502, "<html>", PollError.BROKEN, "HTTP 502: a web page", id="502"),
        pytest.param(
            524,
            "<title>A timeout occurred</title>",
            PollError.BROKEN,
            "A timeout",
            id="524",
        ),
        pytest.param(418, b"", PollError.BROKEN, "HTTP 418", id="a teapot"),
        pytest.param(
            200,
            "<!doctype html><title>New API</title>",
            PollError.MISPLACED,
            "New API",
            id="a page",
        ),
        pytest.param(
            200,
            {"success": False, "code": -1, "message": "boom"},
            PollError.BROKEN,
            "boom",
            id="an error with status 200",
        ),
        pytest.param(200, b"", PollError.BROKEN, "empty", id="nothing"),
        pytest.param(204, b"", PollError.BROKEN, "empty", id="204"),
        pytest.param(
            200, b'[{"id":"1"', PollError.BROKEN, "unreadable", id="half of it"
        ),
    ],
)
async def test_an_answer_that_is_not_valid_is_a_complaint(
    status: int, body: object, error: PollError, words: str
) -> None:
    answer = await answer_to(lambda _: says(body, status))

    assert (answer.error, answer.tasks, answer.poison_ids) == (
        error,
        {},
        frozenset(),
    )
    assert words in answer.detail
    assert "sk-" not in answer.detail


@pytest.mark.parametrize(
    ("status", "words", "hint", "mend"),
    [
        (
            403,
            "该令牌无权访问模型  (request id: 1)",
            "certain models",
            "list of models",
        ),
        (403, "该令牌无权访问任何模型", "certain models", "list of models"),
        (401, "该令牌状态不可用", "disabled", "enable the key"),
        (401, "该令牌已过期", "expired", "extend the key"),
        (401, "[sk-5zx***qdi] 该令牌额度已用尽 RemainQuota = 0", "quota", "top up"),
        (403, "普通用户不支持指定渠道", "channel's number", "last hyphen"),
        (403, "用户已被封禁", "banned", "whoever runs"),
        (
            403,
            "您的 IP 不在令牌允许访问的列表中",
            "addresses",
            "this machine's address",
        ),
        (401, "无效的令牌", "", ""),
        (401, "未提供令牌", "another header", ""),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_refusal_says_what_to_do_about_it(
    status: int, words: str, hint: str, mend: str
) -> None:
    answer = await answer_to(lambda _: says({"error": {"message": words}}, status))

    assert answer.error is PollError.REFUSED
    assert hint in answer.detail
    assert (mend in answer.mend) if mend else (answer.mend == "")


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "image/png"])
async def test_the_content_decides_not_the_content_type(kind: str) -> None:
    answer = await answer_to(lambda _: says(b'[{"id":"1"}]', content_type=kind))

    assert set(answer.tasks) == {"1"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "999999999"}, 86400),
        (
            {
                "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT",
                "date": "Wed, 21 Oct 2015 07:26:30 GMT",
            },
            90,
        ),
        (
            {
                "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT",
                "date": "Wed, 21 Oct 2015 07:29:00 GMT",
            },
            None,
        ),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "9" * 5000}, 86400),
        ({}, None),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_wish_to_be_left_alone_is_passed_on(
    headers: dict[str, str], seconds: float | None, status: int
) -> None:
    answer = await answer_to(lambda _: says(b"", status, **headers))

    assert answer.retry_after == seconds


async def test_without_a_date_of_the_upstreams_a_date_says_nothing() -> None:
    headers = b"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n"
    async with raw(b"HTTP/1.1 503 Busy\r\n" + headers) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert answer.retry_after is None


@pytest.mark.parametrize(
    "body",
    [{"success": False, "message": "busy"}, "<title>busy</title>", b"", b"[{"],
    ids=["envelope", "page", "nothing", "half of it"],
)
async def test_a_wish_to_be_left_alone_may_come_with_status_200(body: object) -> None:
    answer = await answer_to(lambda _: says(body, 200, retry_after="7"))

    assert answer.error is not None
    assert answer.retry_after == 7


async def test_a_wish_to_be_left_alone_counts_though_the_answer_is_broken() -> None:
    head = OK + b"Retry-After: 7\r\nContent-Encoding: gzip\r\n\r\n" + BODY
    async with raw(head) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert (answer.error, answer.retry_after) == (PollError.BROKEN, 7)


async def test_a_valid_answer_is_no_wish_to_be_left_alone() -> None:
    answer = await answer_to(lambda _: says(rows("1"), 200, retry_after="7"))

    assert (answer.error, answer.retry_after) == (None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_told_and_not_followed(status: int) -> None:
    async with asking(lists(rows("1"))) as (elsewhere, _):
        location = f"{elsewhere.url}/secret/path?token=1".replace(
            "127.0.0.1", "localhost"
        )
        answer = await answer_to(lambda _: says(b"", status, location=location))

    assert elsewhere.asked == []
    assert answer.error is PollError.MISPLACED
    assert "redirects to localhost, and redirects are not followed" in answer.detail
    assert "secret" not in answer.detail
    assert "token" not in answer.detail


@pytest.mark.parametrize("location", ["/login", "", "http://[bad", "//127.0.0.1/x"])
async def test_a_redirect_to_nowhere_else_is_a_redirect(location: str) -> None:
    answer = await answer_to(lambda _: says(b"", 302, location=location))

    assert "the same host" in answer.detail


async def test_null_is_a_valid_answer_with_a_warning() -> None:
    answer = await answer_to(lambda _: says(b"null"))

    assert (answer.error, answer.tasks) == (None, {})
    assert answer.detail
