"""
Buttons: what can be done next with a finished task, read from a ``customId``.

The grammar is Midjourney's own (``MJ::JOB::upsample::1::<job uuid>``), the same on
every gateway; `BUTTONS` is all that is known of it. Spelling varies in case. An
unknown id is passed on as ``other`` with the label that it came with, so a new
Midjourney version breaks nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

ButtonKind = Literal[
    "upsample",
    "variation",
    "reroll",
    "upscale",
    "vary",
    "inpaint",
    "outpaint",
    "custom_zoom",
    "pan",
    "animate",
    "extend",
    "pick",
    "other",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """
    A button that can be pressed by submitting its `custom_id`.

    Attributes:
        label: What to print on it, from the upstream or, where that gave neither it
            nor an emoji that can be drawn, from `BUTTONS`; ``None`` if the emoji has to do.

        emoji: As the upstream gave it: a character, or the name of a custom emoji.

        index: The number of the image that it acts on, from 1; ``None`` if it acts
            on the whole.

        needs_modal: Whether the upstream will ask for more (a prompt, a mask) through
            ``/mj/submit/modal`` after it is pressed.
    """

    custom_id: str
    label: str | None
    emoji: str | None
    kind: ButtonKind
    index: int | None
    needs_modal: bool

    @classmethod
    def of(cls, custom_id: str, label: str | None, emoji: str | None) -> Button:
        """Classify a button by its id. Never raises: any text has an answer."""
        for rule in BUTTONS:
            if match := rule.pattern.match(custom_id):
                number = match.groupdict().get("n")
                return cls(
                    custom_id=custom_id,
                    label=label or _default(rule.label, number, emoji),
                    emoji=emoji,
                    kind=rule.kind,
                    index=int(number) if number else None,
                    needs_modal=rule.needs_modal,
                )
        return cls(
            custom_id=custom_id,
            label=label,
            emoji=emoji,
            kind="other",
            index=None,
            needs_modal=False,
        )


def is_drawn(emoji: str | None) -> bool:
    """Whether an emoji can be shown, and is not the name of a custom one (``upscale_1``)."""
    return bool(emoji) and not _NAME.fullmatch(emoji or "")


def _default(label: str, number: str | None, emoji: str | None) -> str | None:
    """Name a button that came without a label. One with an emoji needs none."""
    if is_drawn(emoji):
        return None
    if number and "{n}" not in label:
        label = f"{label} {{n}}"
    return label.format(n=number)


class ButtonRule(NamedTuple):
    """What is known of the buttons whose id matches a pattern."""

    pattern: re.Pattern[str]
    kind: ButtonKind
    label: str  #: Where the upstream gives none; ``{n}`` is the image's number.
    needs_modal: bool


def _rule(
    pattern: str, kind: ButtonKind, label: str, *, modal: bool = False
) -> ButtonRule:
    return ButtonRule(re.compile(pattern, re.IGNORECASE), kind, label, modal)


_NAME = re.compile(r"[\w:~-]+")
_N = r"(?P<n>\d{1,3})(?!\d)"
#: The number in a grid. Below a single image it is always 1, and ``SOLO`` ends the id.
_G = rf"(?:::{_N}(?!.*::SOLO$))?"

#: The first that matches decides.
BUTTONS = (
    _rule(rf"MJ::JOB::upsample::{_N}", "upsample", "U{n}"),
    _rule(rf"MJ::JOB::variation::{_N}", "variation", "V{n}"),
    _rule(r"MJ::JOB::reroll::", "reroll", "Reroll"),
    _rule(rf"MJ::JOB::video_virtual_upscale::{_N}", "upsample", "U{n}"),
    _rule(rf"MJ::JOB::upsample_\w*2x_subtle{_G}", "upscale", "Upscale (Subtle)"),
    _rule(rf"MJ::JOB::upsample_\w*2x_creative{_G}", "upscale", "Upscale (Creative)"),
    _rule(rf"MJ::JOB::upsample_\w*2x{_G}", "upscale", "Upscale (2x)"),
    _rule(rf"MJ::JOB::upsample_\w*4x{_G}", "upscale", "Upscale (4x)"),
    _rule(rf"MJ::JOB::upsample_\w*{_G}", "upscale", "Upscale"),
    _rule(rf"MJ::JOB::low_variation(?=::){_G}", "vary", "Vary (Subtle)"),
    _rule(rf"MJ::JOB::high_variation(?=::){_G}", "vary", "Vary (Strong)"),
    _rule(rf"MJ::Inpaint(?=::){_G}", "inpaint", "Vary (Region)", modal=True),
    _rule(rf"MJ::Outpaint::50(?=::){_G}", "outpaint", "Zoom Out 2x"),
    _rule(rf"MJ::Outpaint::75(?=::){_G}", "outpaint", "Zoom Out 1.5x"),
    _rule(rf"MJ::Outpaint::100(?=::){_G}", "outpaint", "Make Square"),
    _rule(rf"MJ::Outpaint::\d*{_G}", "outpaint", "Zoom Out"),
    _rule(rf"MJ::CustomZoom(?=::){_G}", "custom_zoom", "Custom Zoom", modal=True),
    _rule(rf"MJ::JOB::pan_left(?=::){_G}", "pan", "Pan Left"),
    _rule(rf"MJ::JOB::pan_right(?=::){_G}", "pan", "Pan Right"),
    _rule(rf"MJ::JOB::pan_up(?=::){_G}", "pan", "Pan Up"),
    _rule(rf"MJ::JOB::pan_down(?=::){_G}", "pan", "Pan Down"),
    _rule(rf"MJ::JOB::animate_high_extend::{_N}", "extend", "Extend (High motion) {n}"),
    _rule(rf"MJ::JOB::animate_low_extend::{_N}", "extend", "Extend (Low motion) {n}"),
    _rule(rf"MJ::JOB::animate_high\w*{_G}", "animate", "Animate (High motion)"),
    _rule(rf"MJ::JOB::animate_low\w*{_G}", "animate", "Animate (Low motion)"),
    _rule(
        rf"MJ::JOB::video{_G}::.*::manual", "animate", "Animate manually", modal=True
    ),
    _rule(rf"MJ::JOB::video{_G}::.*::auto", "animate", "Animate automatically"),
    _rule(rf"MJ::Job::PicReader::{_N}", "pick", "Imagine {n}", modal=True),
    _rule(r"MJ::Job::PicReader::all", "pick", "Imagine all"),
    _rule(r"MJ::Picread::Retry", "reroll", "Describe again"),
    _rule(rf"MJ::Job::PromptAnalyzer::{_N}", "pick", "Imagine {n}", modal=True),
    _rule(r"MJ::BOOKMARK::", "other", "Favorite"),
    _rule(r"MJ::CancelJob::", "other", "Cancel Job"),
)
