"""`bridge.core.button`: what can be done next, read from a customId."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.button import BUTTONS, Button, ButtonKind

HASH = "3785da15-4f70-4034-9128-f3ff1ac634fa"
TEXT = st.text() | st.from_regex(r"MJ::\w+::\w+::[0-9]{1,5}(::.*)?", fullmatch=True)


@pytest.mark.parametrize(
    ("custom_id", "kind", "label", "index", "needs_modal"),
    [
        (f"MJ::JOB::upsample::1::{HASH}", "upsample", "U1", 1, False),
        (f"MJ::JOB::variation::4::{HASH}", "variation", "V4", 4, False),
        (f"MJ::JOB::reroll::0::{HASH}::SOLO", "reroll", "Reroll", None, False),
        (
            f"MJ::JOB::upsample_v5_2x::1::{HASH}::SOLO",
            "upscale",
            "Upscale (2x)",
            None,
            False,
        ),
        (
            f"MJ::JOB::upsample_v5_4x::1::{HASH}::SOLO",
            "upscale",
            "Upscale (4x)",
            None,
            False,
        ),
        (
            f"MJ::JOB::upsample_v6_2x_subtle::1::{HASH}::SOLO",
            "upscale",
            "Upscale (Subtle)",
            None,
            False,
        ),
        (
            f"MJ::JOB::upsample_v7_2x_creative::1::{HASH}::SOLO",
            "upscale",
            "Upscale (Creative)",
            None,
            False,
        ),
        (
            f"MJ::JOB::low_variation::1::{HASH}::SOLO",
            "vary",
            "Vary (Subtle)",
            None,
            False,
        ),
        (
            f"MJ::JOB::high_variation::1::{HASH}::SOLO",
            "vary",
            "Vary (Strong)",
            None,
            False,
        ),
        (f"MJ::Inpaint::1::{HASH}::SOLO", "inpaint", "Vary (Region)", None, True),
        (f"MJ::Outpaint::50::1::{HASH}::SOLO", "outpaint", "Zoom Out 2x", None, False),
        (
            f"MJ::Outpaint::75::1::{HASH}::SOLO",
            "outpaint",
            "Zoom Out 1.5x",
            None,
            False,
        ),
        (f"MJ::Outpaint::100::1::{HASH}::SOLO", "outpaint", "Make Square", None, False),
        (f"MJ::CustomZoom::{HASH}", "custom_zoom", "Custom Zoom", None, True),
        (f"MJ::CustomZoom::1::{HASH}", "custom_zoom", "Custom Zoom 1", 1, True),
        (f"MJ::JOB::upsample_v7_2x::3::{HASH}", "upscale", "Upscale (2x) 3", 3, False),
        (f"MJ::JOB::high_variation::2::{HASH}", "vary", "Vary (Strong) 2", 2, False),
        (f"MJ::Inpaint::4::{HASH}", "inpaint", "Vary (Region) 4", 4, True),
        (f"MJ::Outpaint::50::2::{HASH}", "outpaint", "Zoom Out 2x 2", 2, False),
        (f"MJ::Outpaint::60::2::{HASH}", "outpaint", "Zoom Out 2", 2, False),
        (f"MJ::JOB::pan_up::4::{HASH}", "pan", "Pan Up 4", 4, False),
        (
            f"MJ::JOB::animate_low::2::{HASH}",
            "animate",
            "Animate (Low motion) 2",
            2,
            False,
        ),
        (f"MJ::JOB::pan_left::1::{HASH}::SOLO", "pan", "Pan Left", None, False),
        (
            f"MJ::JOB::animate_high::1::{HASH}::SOLO",
            "animate",
            "Animate (High motion)",
            None,
            False,
        ),
        (
            f"MJ::JOB::animate_low_extend::2::{HASH}",
            "extend",
            "Extend (Low motion) 2",
            2,
            False,
        ),
        (f"MJ::JOB::video_virtual_upscale::3::{HASH}", "upsample", "U3", 3, False),
        (
            f"MJ::JOB::video::1::{HASH}::manual",
            "animate",
            "Animate manually 1",
            1,
            True,
        ),
        ("MJ::Job::PicReader::3", "pick", "Imagine 3", 3, True),
        ("MJ::Job::PicReader::all", "pick", "Imagine all", None, False),
        ("MJ::Picread::Retry", "reroll", "Describe again", None, False),
        ("MJ::JOB::PromptAnalyzer::5", "pick", "Imagine 5", 5, True),
        (f"MJ::BOOKMARK::{HASH}", "other", "Favorite", None, False),
        ("MJ::NewThing::9", "other", None, None, False),
    ],
    ids=lambda value: str(value).replace(HASH, "h"),
)
def test_a_button_is_told_from_its_id(
    custom_id: str, kind: str, label: str | None, index: int | None, needs_modal: bool
) -> None:
    for spelled in (custom_id, custom_id.lower(), custom_id.upper()):
        button = Button.of(spelled, None, None)

        assert (button.kind, button.label, button.index, button.needs_modal) == (
            kind,
            label,
            index,
            needs_modal,
        )


def test_a_number_that_no_image_has_is_none() -> None:
    for grammar in ("JOB::upsample", "JOB::variation", "Job::PicReader"):
        button = Button.of(f"MJ::{grammar}::1234", None, None)

        assert (button.kind, button.label, button.index) == ("other", None, None)


def test_what_the_upstream_prints_on_it_comes_first() -> None:
    button = Button.of(f"MJ::JOB::upsample::1::{HASH}", "Großartig", None)

    assert (button.label, button.kind) == ("Großartig", "upsample")


@pytest.mark.parametrize("name", ["upscale_1", ":upscale_1:", "zoom-out", "a~1"])
def test_the_name_of_an_emoji_is_nothing_to_look_at(name: str) -> None:
    button = Button.of("MJ::JOB::upsample::1::x", None, name)

    assert (button.label, button.emoji) == ("U1", name)


def test_an_emoji_alone_needs_no_label() -> None:
    button = Button.of(f"MJ::JOB::reroll::0::{HASH}::SOLO", None, "🔄")

    assert (button.label, button.emoji) == (None, "🔄")


@given(TEXT, st.none() | st.text(min_size=1), st.none() | st.text(min_size=1))
def test_every_text_has_an_answer(
    custom_id: str, label: str | None, emoji: str | None
) -> None:
    button = Button.of(custom_id, label, emoji)

    assert button.custom_id == custom_id
    assert button.kind in get_args(ButtonKind)
    assert button.index is None or 0 <= button.index <= 999
    assert label is None or button.label == label
    assert button.emoji == emoji


def test_every_kind_has_a_rule() -> None:
    assert {rule.kind for rule in BUTTONS} == set(get_args(ButtonKind))
