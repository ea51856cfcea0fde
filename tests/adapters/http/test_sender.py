"""`bridge.adapters.http.sender`: whatever a receiver does, an attempt ends in time and says how."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
import struct
import sys
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response
from tests import receivers
from tests.receivers import Receiver, answers, receiver


@pytest.fixture
async def sender() -> AsyncIterator[HttpSender]:
    sender = HttpSender()
    yield sender
    await sender.aclose()


def to(url: str, *, timeout: float = 5.0, **settings: Any) -> Endpoint:
    return Endpoint(name="pipeline", url=url, timeout=timeout, **settings)


def request(
    endpoint: Endpoint, body: bytes = b'{"a":1}', headers: dict[str, str] | None = None
) -> Request:
    return Request(
        url=endpoint.url, body=body, headers={"webhook-id": "evt_1", **(headers or {})}
    )


async def send(sender: HttpSender, endpoint: Endpoint, **headers: str) -> Response:
    response = await sender.send(
        endpoint,
        request(endpoint, headers={k.replace("_", "-"): v for k, v in headers.items()}),
    )
    assert_no_secret(response, endpoint)
    return response


def assert_no_secret(response: Response, endpoint: Endpoint) -> None:
    shown = response.detail + response.body.decode("latin-1")
    for secret in ("T0000SECRET0000", "s3cr3ts3cr3t", "127.0.0.1", endpoint.url):
        assert secret not in shown


# --- what is sent ---------------------------------------------------------------------


async def test_body_and_headers_arrive_to_the_byte(sender: HttpSender) -> None:
    async with receiver(answers()) as pipeline:
        endpoint = to(pipeline.url)
        body = '{"prompt":"猪 \\u0000 ✓"}'.encode()

        response = await sender.send(
            endpoint, request(endpoint, body, {"content-type": "application/json"})
        )

    got = pipeline.requests[0]
    assert (response.status, response.body, response.fault) == (200, b"ok", None)
    assert got.body == body
    assert got.line == "POST /hooks/T0000SECRET0000?key=s3cr3ts3cr3t HTTP/1.1"
    assert got.headers["webhook-id"] == "evt_1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["content-length"] == str(len(body))
    assert got.headers["accept-encoding"] == "identity"
    assert "cookie" not in got.headers


@pytest.mark.parametrize(
    ("configured", "requested"),
    [
        *(
            pytest.param(target, target, id=target)
            for target in (
                "/a%2Fb%3Aq%2Cc%3Fd%27e",
                "/a/../b/./c//d",
                "/?sig=%2B%2f%3d&sig='(~*)'",
                "/flows/a=1;b=2:run?to[]=x&q=a+b",
            )
        ),
        pytest.param("", "/", id="none"),
        pytest.param("?q=1", "/?q=1", id="a query alone"),
        pytest.param("/x#part", "/x", id="a part of a page"),
        pytest.param("/图?q=画", "/%E5%9B%BE?q=%E7%94%BB", id="not ASCII"),
        pytest.param("/a b|c", "/a%20b%7Cc", id="what no server accepts"),
    ],
)
async def test_a_url_is_requested_to_the_byte(
    sender: HttpSender, configured: str, requested: str
) -> None:
    async with receiver(answers()) as pipeline:
        response = await send(
            sender, to(f"http://127.0.0.1:{pipeline.port}{configured}")
        )

    assert response.status == 200
    assert pipeline.requests[0].line == f"POST {requested} HTTP/1.1"


async def test_credentials_in_the_url_become_a_header_unless_there_is_one(
    sender: HttpSender,
) -> None:
    async with receiver(answers()) as pipeline:
        endpoint = to(pipeline.url.replace("http://", "http://user:pass@"))

        await send(sender, endpoint)
        await send(sender, endpoint, authorization="Bearer own")

    sent = [got.headers["authorization"] for got in pipeline.requests]
    assert sent == ["Basic dXNlcjpwYXNz", "Bearer own"]


async def test_cookies_are_not_kept(sender: HttpSender) -> None:
    async with receiver(answers("200 OK", "set-cookie: a=b")) as pipeline:
        for _ in range(2):
            await send(sender, to(pipeline.url))

    assert all("cookie" not in got.headers for got in pipeline.requests)


async def test_a_header_with_a_line_break_is_never_sent(sender: HttpSender) -> None:
    async with receiver(answers()) as pipeline:
        response = await send(sender, to(pipeline.url), x_team="art\r\nx-evil: 1")

    assert (response.status, response.fault) == (None, Fault.RENDERING)
    assert pipeline.requests == []


@pytest.mark.parametrize("url", ["", "pipeline", "ftp://h/x", "http://", "http://h:x/"])
async def test_a_url_that_is_none_is_a_request_that_cannot_be_made(
    sender: HttpSender, url: str
) -> None:
    response = await sender.send(to(url), request(to(url)))

    assert (response.status, response.fault) == (None, Fault.RENDERING)


# --- what comes back ------------------------------------------------------------------


async def test_a_long_header_takes_nothing_from_a_yes(sender: HttpSender) -> None:
    policy = f"Content-Security-Policy: {'x' * 20_000}"
    async with receiver(answers("200 OK", policy)) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.fault) == (200, None)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param("204 No Content", (), id="nothing to say"),
        pytest.param("304 Not Modified", (), id="not modified"),
        pytest.param(
            "302 Found", ("location: http://169.254.169.254/",), id="a redirect"
        ),
        pytest.param("410 Gone", (), id="gone"),
        pytest.param("503 Busy", ("Retry-After: 7",), id="busy"),
        pytest.param("299 Fine", (), id="an unusual success"),
    ],
)
async def test_any_status_is_an_answer_and_redirects_are_not_followed(
    sender: HttpSender, status: str, headers: tuple[str, ...]
) -> None:
    async with receiver(answers(status, *headers, body=b"")) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.fault) == (int(status[:3]), None)
    assert len(pipeline.requests) == 1
    assert response.headers.get("retry-after") == (
        "7" if status.startswith("503") else None
    )


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\nbody", id="204 with a body"),
        pytest.param(
            b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nbody",
            id="204 with a body and its length",
        ),
        pytest.param(b"HTTP/1.0 204 No Content\r\n\r\nbody", id="the same in HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\ntoo long", id="too long"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            id="bad chunk",
        ),
        pytest.param(
            "HTTP/1.1 200 成功\r\n\r\n".encode("gbk"), id="a reason in Chinese"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n", id="a huge header"
        ),
    ],
)
async def test_a_yes_in_bad_http_is_a_yes(sender: HttpSender, data: bytes) -> None:
    async with receiver(receivers.says(data)) as pipeline:
        responses = [await send(sender, to(pipeline.url)) for _ in range(3)]

    assert {response.status for response in responses} == {int(data[9:12])}


@pytest.mark.parametrize(
    ("headers", "rest", "body"),
    [
        pytest.param("Content-Length: 2|Content-Length: 2", b"ok", b"ok", id="twice"),
        pytest.param(
            "Content-Length: 9|Content-Length: 2", b"ok", b"ok", id="two lengths"
        ),
        pytest.param("Content-Length: 2, 2", b"ok", b"ok", id="a list of lengths"),
        pytest.param("Content-Length: two", b"ok", b"ok", id="a word"),
        pytest.param("Content-Length: -2", b"ok", b"ok", id="less than nothing"),
        pytest.param("Content-Length: +2", b"ok", b"ok", id="a sign"),
        pytest.param("Content-Length:", b"ok", b"ok", id="no length"),
        pytest.param(
            "Content-Length: 2|Transfer-Encoding: chunked",
            b"2\r\nok\r\n0\r\n\r\n",
            b"ok",
            id="a length and chunks",
        ),
        pytest.param(
            "Transfer-Encoding: chunked|Transfer-Encoding: chunked",
            b"2\r\nok\r\n0\r\n\r\n",
            b"ok",
            id="chunks of chunks",
        ),
        pytest.param("Transfer-Encoding: identity", b"ok", b"ok", id="no coding"),
        pytest.param("Transfer-Encoding: gzip", b"ok", b"ok", id="an unknown coding"),
        pytest.param("no colon|Content-Length: 2", b"ok", b"ok", id="not a header"),
        pytest.param("a b: c|Content-Length: 2", b"ok", b"ok", id="a blank in a name"),
        pytest.param("x: y| folded|Content-Length: 2", b"ok", b"ok", id="folded"),
        pytest.param("x: \x00|Content-Length: 2", b"ok", b"ok", id="NUL"),
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_yes_that_ends_unclearly_is_a_yes_and_the_last_one_of_its_connection(
    sender: HttpSender, headers: str, rest: bytes, body: bytes, in_pieces: bool
) -> None:
    head = f"HTTP/1.1 200 OK|Retry-After: 7|{headers}||".replace("|", "\r\n").encode()

    async def habit(connection: receivers.Connection) -> None:
        await connection.request()
        for piece in (head[:20], head[20:] + rest) if in_pieces else (head + rest,):
            await connection.say(piece)
            await asyncio.sleep(0.01 * in_pieces)

    async with receiver(habit) as pipeline:
        responses = [await send(sender, to(pipeline.url)) for _ in range(2)]

    assert [(one.status, one.fault) for one in responses] == [(200, None)] * 2
    assert {one.headers["retry-after"] for one in responses} == {"7"}
    assert {one.body for one in responses} <= {body, b""}
    assert pipeline.connections == 2


@pytest.mark.parametrize("broken", [b"", b"no colon\r\n"], ids=["well", "badly"])
async def test_a_header_may_have_any_byte(sender: HttpSender, broken: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nx-a: caf\xe9\r\nx-b: \xe5\xa5\xbd\r\nretry-after: 7\r\n"

    async def habit(connection: receivers.Connection) -> None:
        while await connection.request() is not None:
            await connection.say(head + broken + b"content-length: 0\r\n\r\n")

    async with receiver(habit) as pipeline:
        endpoint = to(pipeline.url, concurrency=2)
        responses = [await send(sender, endpoint) for _ in range(5)]

    assert {(one.status, one.fault) for one in responses} == {(200, None)}
    assert {one.headers["retry-after"] for one in responses} == {"7"}


@pytest.mark.parametrize("line", [b"x-sum: 1\r\n", b"x" * 1000], ids=["many", "one"])
async def test_trailers_without_an_end_are_not_read_for_long(
    sender: HttpSender, line: bytes
) -> None:
    written = 0

    async def endless(connection: receivers.Connection) -> None:
        nonlocal written
        await connection.request()
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        await connection.say(head + b"2\r\nok\r\n0\r\n")
        while True:
            await connection.say(line)
            written += len(line)

    async with receiver(endless) as pipeline:
        response = await send(sender, to(pipeline.url, timeout=60))
        await pipeline.all_closed()

    assert (response.status, response.body) == (200, b"ok")
    assert written < 16 * 1024 * 1024  # the socket's buffers, and not a minute's worth


async def test_bare_line_feeds_are_read_too(sender: HttpSender) -> None:
    async with receiver(receivers.says(b"HTTP/1.1 200 OK\nx: y\n\nok")) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.body) == (200, b"ok")


async def test_an_answer_that_ends_with_its_connection_is_read_whole(
    sender: HttpSender,
) -> None:
    async with receiver(receivers.says(b"HTTP/1.0 200 OK\r\n\r\nbye")) as pipeline:
        responses = [await send(sender, to(pipeline.url)) for _ in range(2)]

    assert [response.body for response in responses] == [b"bye", b"bye"]


async def test_many_interim_answers_are_skipped(sender: HttpSender) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000
    final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with receiver(receivers.says(early + final)) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.body) == (200, b"ok")


async def test_at_most_16_kib_of_an_endless_answer_are_read(sender: HttpSender) -> None:
    async with receiver(receivers.never_ends) as pipeline:
        response = await send(sender, to(pipeline.url, timeout=30))
        await pipeline.all_closed()

    assert (response.status, len(response.body)) == (200, 16 * 1024)
    assert response.duration < 10


async def test_a_packed_answer_is_not_unpacked(sender: HttpSender) -> None:
    async with receiver(receivers.bombs()) as pipeline:
        await sender.warm([to(pipeline.url)])
        tracemalloc.start()
        response = await send(sender, to(pipeline.url))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert response.status == 200
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.body) <= 16 * 1024
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"\0" * 100, id="noise"),
    ],
)
async def test_what_is_not_http_is_a_broken_connection(
    sender: HttpSender, data: bytes
) -> None:
    async with receiver(receivers.says(data)) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.fault) == (None, Fault.CONNECTION)
    assert response.detail == "the answer is not valid HTTP"


async def test_headers_that_are_too_long_are_called_that(sender: HttpSender) -> None:
    head = b"HTTP/1.1 500 Oh\r\nx: " + b"a" * 200_000 + b"\r\n\r\n"
    async with receiver(receivers.says(head)) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert response.status == 500
    assert response.detail == "the answer's headers are too long, over 64 KiB"


@pytest.mark.parametrize("then_reset", [False, True])
async def test_a_body_that_breaks_off_does_not_take_the_yes_back(
    sender: HttpSender, then_reset: bool
) -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
    async with receiver(receivers.says(cut, then_reset=then_reset)) as pipeline:
        response = await send(sender, to(pipeline.url))

    # A reset may overtake the answer on its way.
    if response.status is None:
        assert then_reset
    else:
        assert (response.status, response.fault) == (200, None)
        assert response.detail.startswith("the answer's body broke off")


async def test_a_url_echoed_by_the_receiver_is_blotted_out(sender: HttpSender) -> None:
    echo = (
        b"Cannot POST /hooks/T0000SECRET0000?key=s3cr3ts3cr3t (Bearer tok-0123456789)"
    )
    async with receiver(answers("404 Not Found", body=echo)) as pipeline:
        endpoint = to(pipeline.url, headers={"authorization": "Bearer tok-0123456789"})
        response = await send(sender, endpoint)

    assert response.body == "Cannot POST … (…)".encode()


# --- time -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habit", "status"),
    [
        pytest.param(receivers.is_silent, None, id="silence"),
        pytest.param(receivers.does_not_read, None, id="does not even read"),
        pytest.param(
            receivers.drips(b"HTTP/1.1 200 OK\r\nx: ", b"a"),
            None,
            id="dripping headers",
        ),
        pytest.param(
            receivers.drips(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            None,
            id="endless 103",
        ),
        pytest.param(
            receivers.drips(b"HTTP/1.1 200 OK\r\n\r\n"), 200, id="dripping body"
        ),
        pytest.param(
            receivers.drips(b"HTTP/1.1 500 No\r\n\r\n"), 500, id="dripping refusal"
        ),
    ],
)
async def test_the_deadline_is_around_everything(
    sender: HttpSender, habit: receivers.Habit, status: int | None
) -> None:
    async with receiver(habit) as pipeline:
        endpoint = to(pipeline.url, timeout=0.3)
        big = request(
            endpoint, b"x" * 1_000_000 if habit is receivers.does_not_read else b"{}"
        )

        response = await sender.send(endpoint, big)

    assert 0.25 < response.duration < 10
    assert response.status == status
    assert response.fault == (None if status else Fault.TIMEOUT)
    assert "not finished within 0.3 s" in response.detail


async def test_a_refusal_before_the_body_was_read_is_an_answer(
    sender: HttpSender,
) -> None:
    async with receiver(receivers.answers_before_the_body_is_read) as pipeline:
        endpoint = to(pipeline.url)

        response = await sender.send(endpoint, request(endpoint, b"x" * 1_000_000))

    assert (response.status, response.duration < 10) == (413, True)


async def test_a_receiver_that_never_answers_holds_up_no_other(
    sender: HttpSender,
) -> None:
    async with receiver(receivers.is_silent) as silent, receiver(answers()) as healthy:
        stuck = Endpoint(name="stuck", url=silent.url, timeout=20)
        waiting = [
            asyncio.ensure_future(sender.send(stuck, request(stuck))) for _ in range(60)
        ]

        took = [(await send(sender, to(healthy.url))).duration for _ in range(50)]
        async with asyncio.timeout(20):
            while silent.connections < stuck.concurrency:
                await asyncio.sleep(0.01)

        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert max(took) < 10
    assert silent.connections == stuck.concurrency


async def test_a_cancelled_attempt_ends_at_once_and_frees_its_connection(
    sender: HttpSender,
) -> None:
    async with receiver(receivers.is_silent) as silent:
        endpoint = to(silent.url, timeout=60)
        task = asyncio.ensure_future(sender.send(endpoint, request(endpoint)))
        async with asyncio.timeout(20):
            while not silent.open:
                await asyncio.sleep(0)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        await silent.all_closed()


# --- connections ----------------------------------------------------------------------


@pytest.mark.parametrize("habit", [receivers.resets, receivers.hangs_up])
async def test_a_connection_that_breaks_at_once_is_one_failure(
    sender: HttpSender, habit: receivers.Habit
) -> None:
    async with receiver(habit) as pipeline:
        response = await send(sender, to(pipeline.url))

    assert (response.status, response.fault) == (None, Fault.CONNECTION)
    assert pipeline.connections == 1


async def test_a_connection_that_breaks_in_the_handshake_takes_no_other_with_it(
    sender: HttpSender,
) -> None:
    # Whatever is opened next gets the numbers of what was closed; the collector runs late.
    gc.disable()
    try:
        with resetting() as port:
            bad = to(f"https://127.0.0.1:{port}/", concurrency=20)
            for _ in range(20):
                await asyncio.gather(*(send(sender, bad) for _ in range(20)))
        others = [each for _ in range(20) for each in socket.socketpair()]
        gc.collect()
        for other in others:
            os.fstat(other.fileno())  # raises if it was closed
            other.close()
    finally:
        gc.enable()


@contextmanager
def resetting() -> Iterator[int]:
    """Break each connection, faster than the event loop looks at it: in a thread."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def run() -> None:
            with suppress(OSError):
                while True:
                    accepted, _ = listening.accept()
                    linger = struct.pack("ii", 1, 0)
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    accepted.close()

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_connections_are_used_again(sender: HttpSender) -> None:
    async with receiver(answers()) as pipeline:
        for _ in range(5):
            await send(sender, to(pipeline.url))

    assert (pipeline.connections, len(pipeline.requests)) == (1, 5)


async def test_what_may_have_arrived_is_not_sent_again(sender: HttpSender) -> None:
    """Nothing tells whether the receiver of a dead connection has read the request."""
    async with receiver(receivers.forgets_idle_connections()) as pipeline:
        responses = [await send(sender, to(pipeline.url)) for _ in range(3)]

    assert [response.status for response in responses] == [200, None, 200]
    assert responses[1].fault is Fault.CONNECTION
    assert pipeline.connections == 2


async def test_connections_as_old_as_a_dead_one_are_not_used_again(
    sender: HttpSender,
) -> None:
    both_there = asyncio.Barrier(2)

    async def habit(connection: receivers.Connection) -> None:
        fresh = connection.receiver.connections > 2
        if await connection.request() and not fresh:
            await both_there.wait()
        await connection.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await connection.request()
        connection.reset()

    async with receiver(habit) as pipeline:
        await asyncio.gather(*(send(sender, to(pipeline.url)) for _ in range(2)))
        responses = [await send(sender, to(pipeline.url)) for _ in range(2)]

    assert [response.status for response in responses] == [None, 200]


async def test_no_more_connections_than_the_endpoint_allows(sender: HttpSender) -> None:
    async with receiver(answers()) as pipeline:
        endpoint = to(pipeline.url, concurrency=3)
        await asyncio.gather(*(send(sender, endpoint) for _ in range(30)))

    assert 1 <= pipeline.connections <= 3
    assert len(pipeline.requests) == 30


async def test_changed_settings_take_effect_with_the_next_request(
    sender: HttpSender,
) -> None:
    async with receiver(answers()) as old, receiver(answers()) as new:
        await send(sender, to(old.url))
        await send(sender, to(new.url))
        await old.all_closed()

    assert (len(old.requests), len(new.requests)) == (1, 1)


async def test_an_endpoint_that_is_not_used_any_more_keeps_nothing_open() -> None:
    sender = HttpSender(idle_after=0)
    async with receiver(answers()) as pipeline, receiver(answers()) as other:
        await send(sender, to(pipeline.url))
        await send(sender, replace(to(other.url), name="other"))

        await pipeline.all_closed()
    await sender.aclose()


async def test_closing_closes_every_connection() -> None:
    sender = HttpSender()
    async with receiver(answers()) as pipeline:
        await send(sender, to(pipeline.url))
        await sender.aclose()
        await pipeline.all_closed()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("habit", [receivers.resets_at_once, receivers.closes_at_once])
async def test_whoever_ends_a_connection_is_named(
    sender: HttpSender, habit: receivers.Habit, scheme: str
) -> None:
    async with receiver(habit) as pipeline:
        response = await send(sender, to(pipeline.url.replace("http", scheme, 1)))

    assert response.fault is Fault.CONNECTION
    assert "the other side" in response.detail


async def test_refused_connections_and_unknown_names_are_said_in_plain_words(
    sender: HttpSender,
) -> None:
    async with receiver(answers()) as pipeline:
        port = pipeline.port

    refused = await send(sender, to(f"http://127.0.0.1:{port}/x"))
    unknown = await send(sender, to("http://nowhere.invalid/x"))

    assert (refused.fault, refused.detail) == (Fault.CONNECTION, "connection refused")
    assert (unknown.fault, unknown.detail) == (Fault.CONNECTION, "name not resolved")


# --- TLS and proxies ------------------------------------------------------------------


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_private_authority_is_trusted_where_the_settings_say_so(
    sender: HttpSender, authority: trustme.CA, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    async with receiver(answers(), tls=certified(authority, "127.0.0.1")) as pipeline:
        trusting = await send(sender, to(pipeline.url, tls_ca=str(ca)))
        other = await send(sender, to(pipeline.url))

    assert trusting.status == 200
    assert other.fault is Fault.CONNECTION
    assert other.detail.startswith("certificate not valid: ")


async def test_a_certificate_for_another_name_is_refused(
    sender: HttpSender, authority: trustme.CA, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    async with receiver(answers(), tls=certified(authority, "example.org")) as pipeline:
        response = await send(sender, to(pipeline.url, tls_ca=str(ca)))

    assert response.detail == "certificate not valid: it is for another address"
    assert pipeline.requests == []


async def test_https_to_a_port_that_speaks_http_is_said_so(sender: HttpSender) -> None:
    async with receiver(receivers.speaks_no_tls) as pipeline:
        response = await send(sender, to(pipeline.url.replace("http:", "https:")))

    assert response.fault is Fault.CONNECTION
    assert response.detail.startswith("TLS failed: ")
    assert "http://" in response.detail


async def test_certificates_that_cannot_be_read_fail_the_attempt_and_nothing_else(
    sender: HttpSender, tmp_path: Path
) -> None:
    endpoint = to("https://127.0.0.1:1/", tls_ca=str(tmp_path / "none.pem"))

    await sender.warm([endpoint])
    response = await send(sender, endpoint)

    assert response.fault is Fault.CONNECTION
    assert "tls_ca" in response.detail


async def test_a_proxy_from_the_settings_is_used_with_its_credentials(
    sender: HttpSender,
) -> None:
    async with receiver(answers(body=b"via")) as proxy:
        through = f"http://user:pass@127.0.0.1:{proxy.port}"
        response = await send(sender, to("http://example.org/x%3Ay", proxy=through))

    assert (response.status, response.body) == (200, b"via")
    assert proxy.requests[0].line == "POST http://example.org/x%3Ay HTTP/1.1"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


async def test_a_proxy_that_is_away_or_refuses_is_blamed_by_name(
    sender: HttpSender,
) -> None:
    async with receiver(answers("407 No")) as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        refused = await send(sender, to("https://example.org/x", proxy=through))
    away = await send(sender, to("https://example.org/x", proxy=through))

    assert refused.detail == "the proxy answered 407"
    assert away.detail == "no connection to the proxy: connection refused"


#: Sends a request to a URL, and says how it was answered.
SENDING = """
import asyncio, sys
from bridge.adapters.http.sender import HttpSender
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request

async def send(url):
    sender = HttpSender()
    endpoint = Endpoint(name="me", url=url)
    response = await sender.send(endpoint, Request(url=url))
    await sender.aclose()
    print(response.status)

asyncio.run(send(sys.argv[1]))
"""


async def test_proxies_of_the_environment_are_ignored() -> None:
    away = dict.fromkeys(
        ("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:1"
    )
    async with receiver(answers()) as pipeline:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SENDING, pipeline.url),
            env=os.environ | away,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()

    assert said == b"200\n"


# --- the guard ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sockets() -> list[str]:
    """The hosts and ports that anything in this process connects to from now on."""
    opened: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], tuple):
            opened.append(f"{args[1][0]}:{args[1][1]}")

    sys.addaudithook(hook)
    return opened


#: However an address of this machine, or of a cloud's own services, can be spelled.
INSIDE = """
127.0.0.1 127.0.0.1. localhost 2130706433 127.1 0x7f.1 0x7f000001 0177.0.0.1 017700000001 0.0.0.0 0
127。0。0。1 ①②⑦.⓪.⓪.① １２７.0.0.1 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1]
[64:ff9b::127.0.0.1] [2002:7f00:1::] 169.254.169.254 169.254.169.254. [::ffff:a9fe:a9fe]
[64:ff9b::a9fe:a9fe] [fd00:ec2::254] [fe80::1%25lo] 168.63.129.16 100.100.100.200 10.0.0.1
""".split()  # noqa: SIM905 - a corpus is read as text


@pytest.mark.parametrize("host", INSIDE)
async def test_no_socket_is_opened_towards_what_a_guarded_receiver_must_not_be(
    host: str, sockets: list[str]
) -> None:
    sender = HttpSender(guard=Guard())
    async with receiver(answers()) as inside:
        sockets.clear()
        url = f"http://{host}:{inside.port}/"

        response = await sender.send(to(url, guarded=True), request(to(url)))

        assert response.fault in {Fault.ADDRESS_BLOCKED, Fault.RENDERING}
        assert (sockets, inside.connections) == ([], 0)
    await sender.aclose()


async def test_a_refused_address_is_not_named_to_those_who_chose_it() -> None:
    sender = HttpSender(guard=Guard())
    said = {
        (await sender.send(to(url, guarded=True), request(to(url)))).detail
        for url in ("http://127.0.0.1:9/", "http://10.0.0.1/", "http://[fd00::1]/")
    }
    await sender.aclose()

    assert said == {"the receiver's address is not allowed"}


async def test_a_cloud_platforms_own_address_is_refused_in_a_wider_network(
    sockets: list[str],
) -> None:
    sender = HttpSender(hook_guard=Guard(["0.0.0.0/0", "::/0"]))
    sockets.clear()
    for host in ("169.254.169.254", "168.63.129.16", "[64:ff9b::a9fe:a9fe]"):
        url = f"http://{host}/latest/meta-data"
        response = await sender.send(to(url, guarded=True), request(to(url)))
        assert response.fault is Fault.ADDRESS_BLOCKED
    await sender.aclose()

    assert sockets == []


async def test_hooks_may_lead_where_pictures_may_not() -> None:
    sender = HttpSender(guard=Guard(), hook_guard=Guard(["127.0.0.0/8"]))
    async with receiver(answers()) as inside:
        hook = to(inside.url, guarded=True)
        picture = replace(request(hook), guarded=True)

        responses = [
            await sender.send(hook, request(hook)),
            await sender.send(to(inside.url), picture),
        ]
    await sender.aclose()

    assert [response.status for response in responses] == [200, None]


async def test_hooks_of_one_origin_share_their_connections() -> None:
    sender = HttpSender(hook_guard=Guard(["127.0.0.0/8"]))
    async with receiver(answers(body=b"no job-one-0001 or job-two-0002")) as origin:
        base = f"http://127.0.0.1:{origin.port}"
        bodies = []
        for job in ("job-one-0001", "job-two-0002", "job-one-0001"):
            hook = to(f"{base}/{job}", guarded=True, concurrency=1)
            bodies.append((await sender.send(hook, request(hook))).body.decode())
        await sender.aclose()

    assert origin.connections == 1
    assert [one.line.split()[1] for one in origin.requests] == [
        "/job-one-0001",
        "/job-two-0002",
        "/job-one-0001",
    ]
    assert bodies == [
        "no … or job-two-0002",
        "no job-one-0001 or …",
        "no … or job-two-0002",
    ]


async def test_a_redirect_to_the_inside_is_not_followed(sockets: list[str]) -> None:
    sender = HttpSender(hook_guard=Guard(["127.0.0.0/8"]))
    location = "location: http://169.254.169.254/latest/meta-data"
    async with receiver(answers("302 Found", location)) as outside:
        sockets.clear()
        hook = to(outside.url, guarded=True)

        response = await sender.send(hook, request(hook))
    await sender.aclose()

    assert response.status == 302
    assert sockets == [f"127.0.0.1:{outside.port}"]


async def test_a_guarded_receiver_in_an_allowed_network_is_reached() -> None:
    sender = HttpSender(guard=Guard(["127.0.0.0/8", "::1/128"]))
    async with receiver(answers(), host="localhost") as inside:
        response = await sender.send(
            to(inside.url, guarded=True), request(to(inside.url))
        )

        assert response.status == 200
    await sender.aclose()


async def test_a_proxys_token_is_in_no_answer_and_no_detail(sender: HttpSender) -> None:
    """Some providers' proxies take their token as the name, and no password."""
    token = "tok+Zm9vYmFyYmF6cXV4"
    echo = f"{token} {quote(token)} dG9rK1ptOXZZbUZ5WW1GNmNYVjQ6 may not".encode()
    async with receiver(answers("407 No", body=echo)) as proxy:
        through = f"http://{quote(token)}:@127.0.0.1:{proxy.port}"
        plain = await send(sender, to("http://example.org/x", proxy=through))
        tunnel = await send(sender, to("https://example.org/x", proxy=through))

    assert (plain.status, plain.body) == (407, "… … … may not".encode())
    assert tunnel.detail == "the proxy answered 407"


async def test_a_guarded_receiver_is_not_reached_through_a_proxy(
    sender: HttpSender,
) -> None:
    async with receiver(answers()) as proxy:
        endpoint = to(
            "http://example.org/",
            proxy=f"http://127.0.0.1:{proxy.port}",
            guarded=True,
        )
        response = await send(sender, endpoint)

    assert (response.fault, proxy.connections) == (Fault.ADDRESS_BLOCKED, 0)


# --- logs -----------------------------------------------------------------------------


async def test_nothing_about_requests_is_logged(
    sender: HttpSender, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with receiver(answers("200 OK", "set-cookie: =;;bad")) as pipeline:
            await send(sender, to(pipeline.url))
            await send(
                sender, replace(to(pipeline.url), url="http://127.0.0.1:1/s3cr3ts3cr3t")
            )

    assert "s3cr3ts3cr3t" not in caplog.text
    assert all(
        record.name.startswith(("asyncio", "tests")) for record in caplog.records
    )


def test_a_receiver_knows_its_address() -> None:
    assert Receiver(habit=answers(), port=1).url.startswith("http://127.0.0.1:1/")
