"""`bridge.core.media`: a file is what its bytes are."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.media import (
    Inspector,
    KeptFile,
    Media,
    UnwantedContent,
    sniff,
    thumbnail_name,
    type_of_name,
)
from tests.pictures import PAGE, SVG, VIDEO, picture

SHA = "ab" * 32


def inspected(data: bytes, *, step: int = 0, max_bytes: int = 1 << 20) -> Media:
    inspector = Inspector(max_bytes=max_bytes)
    step = step or len(data) or 1
    for start in range(0, len(data), step):
        inspector.take(data[start : start + step])
    return inspector.end()


def refused(data: bytes, **more: int) -> UnwantedContent:
    with pytest.raises(UnwantedContent) as caught:
        inspected(data, **more)
    return caught.value


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
    ],
)
def test_a_picture_is_known_with_its_size_however_it_comes_in(
    kind: str, type_: str, step: int
) -> None:
    media = inspected(picture(kind), step=step)

    assert (media.type, media.width, media.height) == (type_, 64, 48)


@pytest.mark.parametrize(
    "options",
    [{"lossless": True}, {"icc_profile": b"x" * 64}],
    ids=["lossless", "extended"],
)
def test_every_form_of_webp_is_known_with_its_size(options: dict[str, Any]) -> None:
    media = inspected(picture("WEBP", **options))

    assert (media.type, media.width, media.height) == ("image/webp", 64, 48)


@pytest.mark.parametrize("put_in", [b"\xff", b"\xff\x01"], ids=["padding", "no length"])
def test_a_jpeg_may_have_more_before_its_frame(put_in: bytes) -> None:
    data = picture("JPEG")

    media = inspected(data[:2] + put_in + data[2:])

    assert (media.width, media.height) == (64, 48)


@pytest.mark.parametrize(
    ("kind", "place", "byte"),
    [("PNG", 12, b"J"), ("WEBP", 15, b"?"), ("JPEG", 4, b"\x00")],
)
def test_a_head_that_is_not_that_of_its_format_is_refused(
    kind: str, place: int, byte: bytes
) -> None:
    data = bytearray(picture(kind))
    data[place : place + 1] = byte
    if kind == "JPEG":  # the first segment ends where no other begins
        data[4:6] = b"\x00\x05"

    assert "its head is not that of a" in str(refused(bytes(data)))


def test_a_video_is_known_and_its_size_is_not_read() -> None:
    assert inspected(VIDEO) == Media(extension="mp4")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_part_of_a_picture_is_not_kept_but_the_rest_may_come(kind: str) -> None:
    error = refused(picture(kind)[:-3])

    assert not error.final
    assert "a part of a" in str(error)


def test_a_page_is_not_kept_but_may_give_way_to_the_picture() -> None:
    assert not refused(PAGE).final


@pytest.mark.parametrize("data", [SVG, b"  " + SVG, b"<?xml version='1.0'?>" + SVG])
def test_what_can_hold_scripts_is_never_kept(data: bytes) -> None:
    error = refused(data)

    assert error.final
    assert "scripts" in str(error)


def test_more_pixels_than_are_decoded_are_refused_by_what_the_head_says() -> None:
    huge = bytearray(picture())
    huge[16:24] = (13000).to_bytes(4) * 2

    error = refused(bytes(huge))

    assert error.final
    assert "169 million pixels" in str(error)


def test_a_picture_has_fewer_bytes_than_the_limit() -> None:
    error = refused(picture() + bytes(2000), max_bytes=1000)

    assert error.final
    assert "more than 1,000 bytes" in str(error)


def test_a_video_may_be_larger_than_a_picture() -> None:
    assert inspected(VIDEO, max_bytes=1000).type == "video/mp4"


@pytest.mark.parametrize("brand", [b"avif", b"heic", b"qt  "])
def test_not_everything_in_the_container_of_mp4_is_one(brand: bytes) -> None:
    assert sniff(VIDEO[:8] + brand + VIDEO[12:]) is None


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", ""]))
def test_whatever_comes_is_judged(noise: bytes, kind: str) -> None:
    data = (picture(kind)[:24] if kind else b"") + noise
    with suppress(UnwantedContent):
        assert inspected(data).type


def test_a_kept_file_is_named_after_its_content() -> None:
    file = KeptFile(sha256=SHA, bytes=1, type="image/jpeg")

    assert file.name == f"{SHA}.jpg"
    assert thumbnail_name(file.name, 256) == f"{SHA}-256.webp"
    assert type_of_name(file.name) == "image/jpeg"
    assert type_of_name(thumbnail_name(file.name, 256)) == "image/webp"


@pytest.mark.parametrize(
    "name",
    [
        "",
        f"{SHA}",
        f"{SHA}.svg",
        f"{SHA}.html",
        f"{SHA}-256.png",
        f"{SHA}-100.webp",
        f"{SHA[:-1]}.png",
        f"{SHA.upper()}.png",
        f"../{SHA}.png",
        f"{SHA}.png\n",
        f"{SHA}.png/..",
    ],
)
def test_no_other_name_is_one_of_the_archive(name: str) -> None:
    assert type_of_name(name) is None
