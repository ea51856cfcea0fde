"""`bridge.adapters.gateway.client`: whatever the network does, `fetch` returns a result."""

from __future__ import annotations

import gzip
import zlib

import pytest
from aiohttp import web

from bridge.app.ports import PollError
from tests import receivers
from tests.adapters.gateway.polling import (
    BODY,
    OK,
    answer_to,
    never,
    polled,
)
from tests.gateways import Asked, raw


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="hangs up"),
        pytest.param(OK + b"Content-Length: 500\r\n\r\n" + BODY, id="too short"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{", id="chunk cut off"
        ),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX", id="head cut off"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\x00: \xff\r\n\r\n", id="bad header"),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\nContent-Length: 31\r\n\r\n" + BODY,
            id="gzip that is none",
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-12],
            id="gzip cut off",
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-3],
            id="gzip cut off in its trailer",
        ),
        pytest.param(OK + b"Content-Encoding: br\r\n\r\n" + BODY, id="brotli"),
    ],
)
async def test_a_broken_answer_is_a_complaint(answer: bytes | None) -> None:
    async with raw(answer) as url, polled(url) as upstream:
        said = await upstream.fetch(["1", "2"])

    assert (said.error, said.tasks, said.poison_ids) == (
        PollError.BROKEN,
        {},
        frozenset(),
    )
    assert said.detail


async def test_nobody_listening_is_a_complaint() -> None:
    async with raw(None) as url:
        pass
    async with polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert answer.error is PollError.BROKEN
    assert answer.detail == "no usable answer: connection refused"


async def test_a_gateway_that_does_not_answer_in_time_is_given_up() -> None:
    async def silent(_: Asked) -> web.Response:
        return await never()

    answer = await answer_to(silent, timeout=0.2)

    assert answer.error is PollError.BROKEN
    assert answer.detail == "no answer within 0.2 s"


async def test_a_question_is_asked_again_where_an_idle_connection_was_dead() -> None:
    async def habit(connection: receivers.Connection) -> None:
        await receivers.answers(body=BODY, times=1)(connection)
        if connection.receiver.connections == 1:
            await connection.request()
            connection.reset()

    async with (
        receivers.receiver(habit) as gateway,
        polled(f"http://127.0.0.1:{gateway.port}") as upstream,
    ):
        answers = [await upstream.fetch(["1"]) for _ in range(2)]

    assert [set(answer.tasks) for answer in answers] == [{"1"}, {"1"}]
    assert (gateway.connections, len(gateway.requests)) == (2, 3)


async def test_a_question_is_asked_again_only_once() -> None:
    async with (
        receivers.receiver(receivers.hangs_up) as gateway,
        polled(f"http://127.0.0.1:{gateway.port}") as upstream,
    ):
        answer = await upstream.fetch(["1"])

    assert answer.error is PollError.BROKEN
    assert gateway.connections == 2


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
    ],
    ids=["identity", "gzip", "deflate", "raw deflate"],
)
async def test_packed_answers_are_understood_though_not_asked_for(
    encoding: str, packed: bytes
) -> None:
    head = OK + b"Content-Encoding: %b\r\n\r\n" % encoding.encode()
    async with raw(head + packed) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


async def test_large_headers_are_no_reason_to_give_up() -> None:
    head = OK + b"Content-Security-Policy: %b\r\n\r\n" % (b"x" * 20_000)
    async with raw(head + BODY) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


async def test_a_reason_phrase_in_another_encoding_is_no_fault() -> None:
    head = b"HTTP/1.1 200 \xb3\xc9\xb9\xa6\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    async with raw(head + BODY) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


async def test_chunks_with_a_length_beside_them_are_read_as_chunks() -> None:
    head = OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    async with raw(head + chunks) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}
