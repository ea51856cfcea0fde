"""No request is too large, too broken or too dishonest for an answer."""

from __future__ import annotations

import json

import pytest
import structlog

from tests.web.hostile import HOST, chunked
from tests.web.site import Site

JSON = b"content-type: application/json\r\n"
MEBIBYTE = 1024 * 1024


def post(head: bytes, body: bytes = b"") -> bytes:
    return b"POST /signin HTTP/1.1\r\n" + HOST + JSON + head + b"\r\n" + body


def status(answer: bytes) -> int:
    assert answer, "the server hung up without an answer"
    return int(answer.split()[1])


async def test_a_body_that_announces_too_much_is_not_read(closed_site: Site) -> None:
    answer = await closed_site.raw(post(b"content-length: 1048577\r\n"))

    assert status(answer) == 413


async def test_a_body_in_chunks_is_counted(closed_site: Site) -> None:
    body = chunked(b" " * (10 * MEBIBYTE))

    answer = await closed_site.raw(post(b"transfer-encoding: chunked\r\n", body))

    assert status(answer) == 413
    assert b"application/problem+json" in answer


async def test_a_body_of_a_mebibyte_is_read(closed_site: Site) -> None:
    body = b'{"token": "' + b"x" * (MEBIBYTE - 13) + b'"}'

    answer = await closed_site.raw(post(b"content-length: 1048576\r\n", body))

    assert status(answer) == 401


async def test_a_length_given_in_two_ways_is_refused(closed_site: Site) -> None:
    head = b"content-length: 2\r\ntransfer-encoding: chunked\r\n"

    answer = await closed_site.raw(post(head, chunked(b"{}")))

    assert status(answer) == 400


async def test_a_body_that_ends_too_early_costs_no_error(closed_site: Site) -> None:
    with structlog.testing.capture_logs() as logs:
        await closed_site.raw(post(b"content-length: 100\r\n", b"{"), within_s=0.2)
        assert (await closed_site.http.get("/healthz")).status_code == 200

    assert logs == []


async def test_long_addresses_and_headers_are_refused(site: Site) -> None:
    long_address = await site.http.get("/healthz", params={"x": "x" * 9000})
    many_headers = await site.http.get("/healthz", headers={"x": "x" * 33_000})
    endless_header = await site.raw(b"GET / HTTP/1.1\r\nx: " + b"x" * 200_000)

    assert long_address.status_code == 414
    assert many_headers.status_code == 431
    assert status(endless_header) == 400


async def test_what_is_not_http_gets_a_problem_document(site: Site) -> None:
    answer = await site.raw(b"\x16\x03\x01 hello\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["status"] == 400


async def test_a_head_with_a_broken_body_is_refused_like_any_request(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    broken = b"transfer-encoding: chunked\r\n\r\nno chunk\r\n"

    answer = await site.raw(b"HEAD /healthz HTTP/1.1\r\n" + HOST + broken)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 400
    assert b"application/problem+json" in head
    assert body == b""
    assert caplog.records == []
