"""`bridge.adapters.gateway`: a key is in no detail and in no log."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest

from bridge.adapters.gateway.upstream import UpstreamOptions
from bridge.app.ports import PollError
from tests.adapters.gateway.polling import (
    KEY,
    answer_to,
    polled,
)
from tests.gateways import raw, says


@pytest.mark.parametrize(
    "echo",
    [
        {"error": {"message": f"bad key {KEY}"}},
        {"error": {"message": f"Bearer {KEY[3:]} is wrong"}},
        {"error": {"message": f"[{KEY[:8]}***{KEY[-4:]}] 该令牌额度已用尽"}},
        {"error": {"message": f"key {KEY[10:20]}… unknown"}},
        {"error": {"message": f"other key sk-zyxwvut and {KEY}{KEY}"}},
        f"plain {KEY}",
        f"<title>{KEY}</title>",
        f"{'x' * 4090} {KEY}",
        {"error": {"message": f"bad key {KEY.upper()} or {KEY[5:].lower()}"}},
    ],
    ids=range(9),
)
@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
async def test_a_key_reaches_no_detail_and_no_log(
    echo: object, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"x_echo": KEY, "set_cookie": f"key={KEY}"}

    answer = await answer_to(lambda _: says(echo, status, **headers))

    shown = f"{answer.detail} {caplog.text}"
    assert answer.error is not None
    pieces = [KEY[i : i + 6].lower() for i in range(len(KEY) - 5)]
    assert not any(piece in shown.lower() for piece in pieces)
    assert "sk-zyx" not in shown


@pytest.mark.parametrize(
    ("key", "echo"),
    [
        ("ab/cd+ef==gh", "ab%2Fcd%2Bef%3D%3Dgh"),
        ("ab/cd+ef==gh", "ab%2fcd%2bef%3d%3dgh"),
    ],
)
async def test_a_percent_encoded_key_is_a_key(key: str, echo: str) -> None:
    answer = await answer_to(lambda _: says(f"no {echo} here", 401), api_key=key)

    assert answer.detail == "HTTP 401: no … here"


async def test_a_masked_key_is_replaced_once() -> None:
    words = f"该令牌额度已用尽 TokenStatusExhausted[{KEY[:6]}***{KEY[-3:]}]"

    answer = await answer_to(lambda _: says({"error": {"message": words}}, 401))

    assert answer.detail.endswith("TokenStatusExhausted[…])")


async def test_a_foreign_key_is_not_shown_either() -> None:
    echo = {"error": {"message": "expected Bearer qpQP90.71-mw~, got another"}}

    answer = await answer_to(lambda _: says(echo, 401))

    assert answer.detail == "HTTP 401: expected Bearer …, got another"


def test_a_key_is_in_no_repr() -> None:
    options = UpstreamOptions(
        name="default", base_url="https://h", api_key=KEY, proxy="http://u:pass@p"
    )

    assert KEY not in repr(options)
    assert "pass" not in repr(options)


async def test_a_detail_is_one_short_line() -> None:
    answer = await answer_to(lambda _: says("a\x1b[31m\r\n\tb\u202e" * 5000, 500))

    assert answer.detail.isprintable()
    assert len(answer.detail) <= 300


TOKEN = "tok+Zm9vYmFyYmF6cXV4"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("userinfo", ["{}:", "{}", "name1234:{}", "{}:x"])
async def test_a_proxy_that_refuses_is_told_without_its_address(
    scheme: str, userinfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Some providers' proxies take their token as the name, and no password."""
    caplog.set_level(logging.DEBUG)
    body = f"407: {TOKEN} and {quote(TOKEN)} may not".encode()
    head = b"HTTP/1.1 407 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with raw(head + body) as url:
        address = url.replace("://", f"://{userinfo.format(quote(TOKEN))}@")
        async with polled(f"{scheme}://gateway.invalid", proxy=address) as upstream:
            answer = await upstream.fetch(["1"])

    shown = f"{answer.detail} {caplog.text} {upstream!r}"
    assert answer.error is PollError.BROKEN
    assert "407" in answer.detail
    assert scheme == "http" or answer.detail.endswith("the proxy answered 407")
    assert not any(TOKEN[i : i + 6] in shown for i in range(len(TOKEN) - 5))
