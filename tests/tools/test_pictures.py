"""`tools.pictures`, `tools.recording`: the documentation's pictures show what is really sent."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.browser import browser, find
from tools.looks import source
from tools.pictures import IMAGES, PICTURES, page, take
from tools.recording import drawn, story
from tools.scenes import Shown

ROOT = Path(__file__).parents[2]


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB\x60\x82")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.browser
def test_a_message_can_be_photographed() -> None:
    if find() is None and not os.environ.get("CI"):
        pytest.skip(
            "there is no Chromium on PATH (on Debian: apt-get install chromium)"
        )

    with browser() as camera:
        png = take("discord-succeeded", camera)

    width, height = size_of(png)
    assert width == 2 * PICTURES["discord-succeeded"].width
    assert 1.1 < height / width < 1.6
    assert 40_000 < len(png) < 400_000


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_of_a_message_says_what_the_message_says(name: str) -> None:
    said = {
        "succeeded": r"(Imagine finished|绘图完成).* · 47 (s|秒)",
        "progress": r"Imagine in progress.*46%",
        "failed": r"Imagine failed.* · 6 s.*Banned prompt detected: bloody",
        "pressed": r"Imagine finished.*U1 · ada ✓ started",
        "link": r"Imagine finished.*Choose what to do next",
    }[name.partition("-")[2]]
    shown = re.sub(r"<[^>]*>", "", page(name).partition("</style>")[2])

    assert re.search(said, " ".join(shown.split()))


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_in_the_documentation_are_small_and_complete(name: str) -> None:
    png = (IMAGES / f"{name}.png").read_bytes()

    assert size_of(png)[0] == 2 * PICTURES[name].width
    assert len(png) < 200_000


def test_every_picture_is_shown_somewhere_and_none_is_missing() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {
        Path(place).name
        for one in pages
        for place in re.findall(r"images/[\w.-]+", one.read_text(encoding="utf-8"))
    }

    assert shown == {one.name for one in IMAGES.iterdir()}
    assert {f"{name}.png" for name in PICTURES} <= shown


def test_a_picture_has_no_holes() -> None:
    """A picture that a message refers to and that is not there would be seen too late."""
    with pytest.raises(LookupError):
        source(Shown(payload={}, at=0.0), "https://x.example/a.png")


# --- the recording --------------------------------------------------------------------

PRINTED = [
    "10:00:00 ✓ task.started    7  IMAGINE",
    "10:00:01 ✓ task.submitted  8  UPSCALE",
    "10:00:02 ✓ task.succeeded  7  IMAGINE",
    "         │ http://127.0.0.1:1/mj/image/7",
    "10:00:03 ✓ task.succeeded  8  UPSCALE",
    "         │ http://127.0.0.1:1/mj/image/8",
]


def test_a_recording_is_the_story_of_one_task_from_its_beginning() -> None:
    whole = [*PRINTED, "10:00:04 ✓ task.submitted  9  IMAGINE"]

    assert story(whole) == [PRINTED[1], *PRINTED[4:]]


def test_a_story_that_is_not_over_is_none() -> None:
    assert story(PRINTED) == []
    assert story([]) == []


def test_a_recording_fetches_nothing_to_be_shown() -> None:
    for svg in (drawn(PRINTED), (IMAGES / "events.svg").read_text(encoding="utf-8")):
        root = ET.fromstring(svg)
        words = "".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")

        assert "task.submitted" in words
        assert "task.succeeded" in words
        assert not re.search(r"url\((?!#)|@import|href", svg)
