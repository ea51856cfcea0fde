"""`bridge.sandbox.pictures`: real pictures, the same ones every time."""

from __future__ import annotations

import struct
import zlib

import pytest

from bridge.sandbox.pictures import MOODS, SIDE, picture


def pixels(png: bytes) -> list[bytes]:
    """Decode a PNG of the one form that we write, and check all its sums."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + data)
        chunks[kind], at = data, at + 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    raw = zlib.decompress(chunks[b"IDAT"])
    rows = [raw[y * (3 * width + 1) :][: 3 * width + 1] for y in range(height)]
    assert {row[0] for row in rows} == {0}
    return [row[1:] for row in rows]


@pytest.mark.parametrize("image", [None, 1, 4])
@pytest.mark.parametrize("progress", [15, 46, 93, 100])
def test_every_picture_is_a_whole_square_png(image: int | None, progress: int) -> None:
    rows = pixels(picture("seed", "pig", image=image, progress=progress))

    assert len(rows) == SIDE
    assert {len(row) for row in rows} == {3 * SIDE}


def test_the_same_task_has_the_same_picture_and_another_task_another() -> None:
    assert picture("one", "pig") == picture("one", "pig")
    assert picture("one", "pig") != picture("two", "pig")


def test_previews_get_finer_while_a_task_goes_on() -> None:
    colours = [
        len(
            {
                row[at : at + 3]
                for row in pixels(picture("one", "pig", progress=p))
                for at in range(0, len(row), 3)
            }
        )
        for p in (15, 46, 100)
    ]

    assert colours == sorted(colours)
    assert colours[0] < colours[-1]


def test_a_picture_of_the_night_is_darker_than_one_of_the_fog() -> None:
    night, fog = (
        sum(map(sum, pixels(picture("one", prompt, image=1))))
        for prompt in ("stars", "fog")
    )

    assert night < fog


def test_every_mood_can_be_drawn() -> None:
    for mood in MOODS:
        assert pixels(picture("one", mood.words[0], image=2, progress=50))
