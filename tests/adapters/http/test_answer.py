"""`bridge.adapters.http.answer`: a good status line counts, in however many pieces it comes."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.http.answer import MAX_HEAD, IncomingAnswer

CUTS = st.lists(st.integers(0, 400), max_size=8)


def read(data: bytes, cuts: list[int] = [], method: str = "POST") -> IncomingAnswer:  # noqa: B006 - never changed
    """Let an answer read what comes in, in pieces that end at these places."""
    answer = IncomingAnswer(method)
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        if piece := data[begin:end]:
            answer.feed(piece)
    return answer


def chunked(body: bytes, sizes: list[int], extension: bytes, trailers: int) -> bytes:
    coded = b""
    for size in sizes:
        piece, body = body[:size], body[size:]
        if piece:
            coded += b"%X%b\r\n%b\r\n" % (len(piece), extension, piece)
    if body:
        coded += b"%x\r\n%b\r\n" % (len(body), body)
    return coded + b"0\r\n" + b"x-sum: 1\r\n" * trailers + b"\r\n"


@given(
    body=st.binary(max_size=200),
    sizes=st.lists(st.integers(1, 50), max_size=8),
    extension=st.sampled_from([b"", b";a=b"]),
    trailers=st.integers(0, 2),
    cuts=CUTS,
)
def test_chunks_are_taken_apart_wherever_they_are_cut(
    body: bytes, sizes: list[int], extension: bytes, trailers: int, cuts: list[int]
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = read(head + chunked(body, sizes, extension, trailers), cuts)

    assert (answer.status, answer.ended, answer.reusable) == (200, True, True)
    assert answer.taken() == body


@given(
    data=st.lists(
        st.sampled_from(
            b"HTTP/1.1 200 OK|HTTP/1.0 204 No|HTTP/1.1 100 Continue|\r\n|\n|\r|\r\n\r\n|"
            b"Content-Length: 2|Content-Length: 3|Transfer-Encoding: chunked|2|0|ok|\0|:| |"
            b"Connection: close|Connection: keep-alive|no colon|x: y".split(b"|")
        ),
        max_size=14,
    ).map(b"".join),
    cuts=CUTS,
)
def test_an_answer_means_the_same_wherever_it_is_cut(
    data: bytes, cuts: list[int]
) -> None:
    whole, in_pieces = read(data), read(data, cuts)

    assert (whole.status, whole.headers) == (in_pieces.status, in_pieces.headers)
    assert (whole.ended, whole.reusable) == (in_pieces.ended, in_pieces.reusable)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        ("HTTP/1.1 200 OK|Content-Length: 0", True),
        ("HTTP/1.1 204 No Content", True),
        ("HTTP/1.1 204 No Content|Content-Length: 0", True),
        ("HTTP/1.1 204 No Content|Content-Length: 4", False),
        ("HTTP/1.1 200 OK|Content-Length: 0|Connection: close", False),
        ("HTTP/1.1 200 OK|Content-Length: 0|Connection: keep-alive, Close", False),
        ("HTTP/1.0 200 OK|Content-Length: 0", False),
        ("HTTP/1.0 200 OK|Content-Length: 0|Connection: Keep-Alive", True),
        ("HTTP/1.1 200 OK|Content-Length: 0|Content-Length: 0", False),
        ("HTTP/1.1 200 OK|Content-Length : 0", False),
        ("HTTP/1.1 200 OK|Content-Length: 0| folded", False),
    ],
)
def test_a_connection_is_used_again_after_what_has_one_meaning(
    head: str, reusable: bool
) -> None:
    answer = read(f"{head}||".replace("|", "\r\n").encode())

    assert answer.status in {200, 204}
    assert answer.reusable is reusable


def test_what_comes_behind_an_answer_ends_its_connection() -> None:
    complete = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    answers = [read(complete + b"HTTP"), read(complete + b"HTTP", [len(complete)])]

    assert [(one.taken(), one.reusable) for one in answers] == [(b"ok", False)] * 2


def test_a_yes_in_bad_http_is_a_yes_behind_interim_answers() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nRetry-After: 7\r\nContent-Length: two\r\n\r\nok"

    answer = read(early * 2 + final)

    assert (answer.status, answer.reusable) == (200, False)
    assert (b"retry-after", b"7") in answer.headers


def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

    answer = read(head, method="HEAD")

    assert (answer.ended, answer.reusable) == (True, False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"x: %b\r\ny: z" % (b" " * 60_000 + b"."), id="blanks"),
        pytest.param(b"x" * 60_000, id="a name without an end"),
        pytest.param(b"a\r\n" * 20_000, id="lines without a colon"),
        pytest.param(b"a:\r\n" * 15_000, id="many headers"),
    ],
)
def test_a_hostile_head_takes_no_time(data: bytes) -> None:
    assert len(data) < MAX_HEAD
    began = time.process_time()

    answer = read(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % data)

    assert answer.status == 200
    assert time.process_time() - began < 1


def test_hostile_chunks_take_no_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    began = time.process_time()

    answer = read(head + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")

    assert (answer.ended, len(answer.taken())) == (True, 50_000)
    assert time.process_time() - began < 1
