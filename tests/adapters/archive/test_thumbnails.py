"""`bridge.adapters.archive.thumbnails`: smaller forms of whatever is kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bridge.adapters.archive import thumbnails
from tests.pictures import bomb, picture
from tests.resident import MIB, Peak


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def saved(folder: Path, image: Image.Image, kind: str, **how: object) -> Path:
    path = folder / "picture"
    image.save(path, kind, **how)
    return path


async def made(path: Path) -> dict[int, tuple[str, tuple[int, int]]]:
    found = await thumbnails.make(path)
    return {
        size: (str(opened(data).format), opened(data).size)
        for size, data in found.items()
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_picture_has_those_that_are_smaller_than_it(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture(kind, (800, 400)))

    assert await made(path) == {512: ("WEBP", (512, 256)), 256: ("WEBP", (256, 128))}


async def test_a_small_picture_has_none(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture(size=(200, 100)))

    assert await made(path) == {}


@pytest.mark.parametrize("mode", ["I;16", "L", "LA", "P", "RGBA", "CMYK", "1"])
async def test_every_mode_of_colours_has_them(tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    path = saved(tmp_path, Image.new(mode, (600, 600)), kind)

    assert sorted(await made(path)) == [256, 512]


async def test_sixteen_bits_of_grey_are_not_all_white(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("I;16", (600, 600), 0x8000), "PNG")
    found = await thumbnails.make(path)
    grey = opened(found[256]).convert("L").getpixel((10, 10))

    assert isinstance(grey, int)
    assert 120 <= grey <= 136


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
async def test_of_what_moves_the_first_picture_is_shown(
    tmp_path: Path, kind: str
) -> None:
    red, blue = (Image.new("RGB", (600, 600), colour) for colour in ("red", "blue"))
    path = saved(tmp_path, red, kind, save_all=True, append_images=[blue], duration=100)
    found = await thumbnails.make(path)
    pixel = opened(found[256]).convert("RGB").getpixel((10, 10))

    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert pixel[2] < 50


@pytest.mark.parametrize(
    "data",
    [lambda: b"", lambda: b"<svg/>", lambda: picture()[:-30], bomb],
    ids=["nothing", "svg", "cut", "bomb"],
)
async def test_what_cannot_be_decoded_or_should_not_has_none(
    tmp_path: Path, data: Callable[[], bytes]
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data())
    memory = Peak()

    assert await thumbnails.make(path) == {}
    assert memory.grown < 64 * MIB
