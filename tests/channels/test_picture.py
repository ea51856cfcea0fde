"""`bridge.channels.picture` and `links`: what strangers' URLs and files are taken for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.picture import form, taken, to_fetch
from bridge.channels.urls import MAX_URL, safe_url
from bridge.channels.wording import message_of
from bridge.core.http import File, Response
from tests.channels.cases import DONE, GRID_URL, NASTY_URLS, event_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def came(body: bytes, **more: object) -> Response:
    return replace(Response(status=200, body=body), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "name", "kind"),
    [
        (PNG, "mj_17.png", "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "mj_17.jpg", "image/jpeg"),
        (b"GIF89a" + bytes(64), "mj_17.gif", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "mj_17.webp", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(
    body: bytes, name: str, kind: str
) -> None:
    assert taken(came(body), "17") == File(name=name, type=kind, data=body)


@pytest.mark.parametrize(
    "response",
    [
        came(b"<html>not found</html>"),
        came(b""),
        came(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        came(PNG, status=404),
        came(PNG, status=None),
        came(PNG, detail="the answer's body broke off"),
        came(PNG, headers={"content-length": "99999"}),
        came(PNG + bytes(10 << 20)),
    ],
    ids=[
        "page",
        "nothing",
        "svg",
        "404",
        "no answer",
        "broken off",
        "cut",
        "too large",
    ],
)
def test_what_is_no_whole_picture_is_not_uploaded(response: Response) -> None:
    assert taken(response, "17") is None


def test_a_files_name_holds_nothing_that_a_header_would_read() -> None:
    file = taken(came(PNG), 'a"b\r\nc/../d')

    assert file is not None
    assert file.name == "mj_a_b__c____d.png"


@given(st.binary(max_size=60), st.text(max_size=20))
def test_parts_never_hold_what_separates_them(data: bytes, text: str) -> None:
    fields = {"caption": text.encode("utf-8", "replace") + b"--edge", "chat_id": b"1"}
    file = File(name="a.png", type="image/png", data=data + b"\r\n--edge\r\n")

    kind, body = form(fields, "photo", file, boundary="edge")

    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == 4
    assert body.endswith(b"--" + boundary + b"--\r\n")


@pytest.mark.parametrize(
    ("timeout", "allowed"), [(60.0, 6.0), (15.0, 6.0), (5.0, 2.0), (1.0, 0.4)]
)
def test_a_picture_leaves_more_than_half_of_the_attempt_to_the_message(
    timeout: float, allowed: float
) -> None:
    request = to_fetch(message_of(event_of("task.succeeded", DONE)), timeout)

    assert request is not None
    assert request.timeout == pytest.approx(allowed)


def test_a_picture_with_no_way_to_it_is_not_fetched() -> None:
    def request(url: str) -> object:
        return to_fetch(
            message_of(event_of("task.succeeded", replace(DONE, image_url=url))), 15.0
        )

    assert request(GRID_URL) is not None
    for name in (
        "relative",
        "no_host",
        "javascript",
        "data",
        "broken",
        "with_password",
    ):
        assert request(NASTY_URLS[name]) is None, name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (GRID_URL, GRID_URL),
        (NASTY_URLS["with_quotes"], "https://cdn.example/a%22b'c%3Cd%3E%7Ce)f(g.png"),
        (NASTY_URLS["with_spaces"], "https://cdn.example/a%20bc.png"),
        (
            NASTY_URLS["unicode"],
            "https://xn--r8jz45g.example/%E7%81%AF%E5%A1%94.png",
        ),
        ("https://cdn.example:8443/a%20b.png", "https://cdn.example:8443/a%20b.png"),
        ("https://[2001:db8::1]/a.png", "https://[2001:db8::1]/a.png"),
        ("https://cdn.example:99999/a.png", None),
        (f"https://{'a' * 80}.example/a.png", None),
        ("https://user@cdn.example/a.png", None),
        ("http://cdn.example/a.png", None),
        ("", None),
        (None, None),
    ],
)
def test_a_url_is_presented_as_every_platform_takes_it(
    url: str | None, shown: str | None
) -> None:
    assert safe_url(url) == shown


@given(st.text(max_size=60).map(lambda text: f"https://cdn.example/{text}") | st.text())
def test_whatever_is_presented_is_plain_ascii_without_quotes(url: str) -> None:
    shown = safe_url(url)

    if shown is not None:
        assert shown.isascii()
        assert shown.startswith("https://")
        assert not set(shown) & set(' "<>\\^`{|}\r\n\t')
        assert len(shown) <= MAX_URL
