"""
Buttons: what a finished task offers, and what pressing one makes.

The customIds are Discord's, as midjourney-proxy passes them on. Which of them a gateway lets
through, and under which action's name it files the new task, is new-api's
`CoverPlusActionToNormalAction` (`service/midjourney.go`); all others it refuses, although the
row shows their buttons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypedDict


class Button(TypedDict):
    """A button as it stands in a task's row."""

    customId: str
    emoji: str
    label: str
    type: int
    style: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What a press makes: a task with this action, showing one image or a grid of four."""

    action: str
    image: int | None = None  #: 1 to 4: that image of the parent, alone
    single: bool = False  #: one image, whatever the parent showed
    needs_modal: bool = False  #: it waits for ``/mj/submit/modal`` before anything runs


#: Tried in this order, without regard to case; "Job" and "JOB" both occur.
PRESSES: tuple[tuple[str, Press], ...] = (
    (r"MJ::JOB::upsample_\w+::", Press(action="UPSCALE", single=True)),
    (r"MJ::JOB::upsample::(?P<image>[1-4])", Press(action="UPSCALE", single=True)),
    (r"MJ::JOB::low_variation::", Press(action="LOW_VARIATION")),
    (r"MJ::JOB::high_variation::", Press(action="HIGH_VARIATION")),
    (r"MJ::JOB::variation::[1-4]", Press(action="VARIATION")),
    (r"MJ::JOB::reroll::", Press(action="REROLL")),
    (r"MJ::JOB::pan_(left|right|up|down)::", Press(action="PAN")),
    (r"MJ::Outpaint::", Press(action="ZOOM")),
    (r"MJ::CustomZoom::", Press(action="CUSTOM_ZOOM", needs_modal=True)),
    (r"MJ::Inpaint::", Press(action="INPAINT", single=True, needs_modal=True)),
)


def press(custom_id: str) -> Press | None:
    """What *custom_id* makes; ``None`` where the gateway knows no such action."""
    for pattern, made in PRESSES:
        if match := re.match(pattern, custom_id, re.IGNORECASE):
            image = match.groupdict().get("image")
            if image is None:
                return made
            return Press(action=made.action, image=int(image), single=True)
    return None


def offered(action: str, *, single: bool, job: str) -> list[Button]:
    """The buttons under a finished task, in the order Discord shows them."""
    if action == "DESCRIBE":
        return [
            *(
                _button(f"MJ::Job::PicReader::{n}", emoji=f"{n}\ufe0f\u20e3")
                for n in range(1, 5)
            ),
            _button("MJ::Picread::Retry", emoji="🔄"),
            _button("MJ::Job::PicReader::all", "Imagine all", "🎉"),
        ]
    if action == "SHORTEN":
        numbers = range(1, 6)
        return [
            _button(f"MJ::Job::PromptAnalyzer::{n}", emoji=f"{n}\ufe0f\u20e3")
            for n in numbers
        ]
    if action == "VIDEO":
        return [
            _button(f"MJ::JOB::video_virtual_upscale::{n}::{job}", f"U{n}")
            for n in range(1, 5)
        ]
    return _single(job) if single else _grid(job)


def _grid(job: str) -> list[Button]:
    return [
        *(_button(f"MJ::JOB::upsample::{n}::{job}", f"U{n}") for n in range(1, 5)),
        _button(f"MJ::JOB::reroll::0::{job}::SOLO", emoji="🔄"),
        *(_button(f"MJ::JOB::variation::{n}::{job}", f"V{n}") for n in range(1, 5)),
    ]


def _single(job: str) -> list[Button]:
    solo = f"::1::{job}::SOLO"
    return [
        _button(
            f"MJ::JOB::upsample_v6r1_2x_subtle{solo}", "Upscale (Subtle)", "upscale_1"
        ),
        _button(
            f"MJ::JOB::upsample_v6r1_2x_creative{solo}",
            "Upscale (Creative)",
            "upscale_1",
        ),
        _button(f"MJ::JOB::low_variation{solo}", "Vary (Subtle)", "🪄"),
        _button(f"MJ::JOB::high_variation{solo}", "Vary (Strong)", "🪄"),
        _button(f"MJ::Inpaint{solo}", "Vary (Region)", "🖌️"),
        _button(f"MJ::Outpaint::50{solo}", "Zoom Out 2x", "🔍"),
        _button(f"MJ::Outpaint::75{solo}", "Zoom Out 1.5x", "🔍"),
        _button(f"MJ::CustomZoom::{job}", "Custom Zoom", "🔍"),
        _button(f"MJ::JOB::pan_left{solo}", emoji="⬅️"),
        _button(f"MJ::JOB::pan_right{solo}", emoji="➡️"),
        _button(f"MJ::JOB::pan_up{solo}", emoji="⬆️"),
        _button(f"MJ::JOB::pan_down{solo}", emoji="⬇️"),
        _button(f"MJ::BOOKMARK::{job}", emoji="❤️"),
    ]


def _button(custom_id: str, label: str = "", emoji: str = "") -> Button:
    return Button(customId=custom_id, emoji=emoji, label=label, type=2, style=2)
