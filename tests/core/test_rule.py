"""`bridge.core.rule`: when a rule fits an event, what it presses then, and what nothing can fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.core.button import Button
from bridge.core.rule import (
    Rule,
    buttons_for,
    conditions,
    why_not_a_field,
    why_not_pressed,
)

GRID = tuple(
    Button.of(f"MJ::JOB::{kind}::{number}::3f", f"{letter}{number}", None)
    for kind, letter in (("upsample", "U"), ("variation", "V"))
    for number in (1, 2)
)
DATA: Mapping[str, Any] = {
    "id": "1",
    "upstream": "default",
    "previousStatus": "IN_PROGRESS",
    "action": "IMAGINE",
    "prompt": "a lighthouse",
    "progress": 100,
    "parentId": None,
    "metadata": {"auto": "yes", "paid": True, "shop": {"id": 7}},
}


def rule(**options: Any) -> Rule:
    return Rule(**{"name": "r", "press": ("U1",), **options})


def fits(
    asked: Rule, type_: str = "task.succeeded", depth: int = 0, **data: Any
) -> bool:
    return all(
        one.fits for one in conditions(asked, type_, {**DATA, **data}, depth=depth)
    )


@pytest.mark.parametrize(
    ("on", "type_", "expected"),
    [
        (("task.succeeded",), "task.succeeded", True),
        (("task.*",), "task.failed", True),
        (("task.failed", "task.succeeded"), "task.succeeded", True),
        (("task.failed",), "task.succeeded", False),
        (("task.*",), "task.corrected", False),
        (("task.corrected",), "task.corrected", False),
    ],
)
def test_a_rule_is_for_types_of_events_and_never_for_corrections(
    on: tuple[str, ...], type_: str, *, expected: bool
) -> None:
    assert fits(rule(on=on), type_) is expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"action": ("IMAGINE",)}, True),
        ({"action": ("BLEND", "IMAGINE")}, True),
        ({"action": ("BLEND",)}, False),
        ({"action": ("!BLEND",)}, True),
        ({"action": ("!IMAGINE",)}, False),
        ({"action": ("I*",)}, True),
        ({"action": ("!I*",)}, False),
        ({"action": ("I*", "!IMAGINE")}, False),
        ({"prompt": ("*lighthouse*",)}, True),
        ({"progress": ("100",)}, True),
        ({"metadata.auto": ("yes",)}, True),
        ({"metadata.paid": ("true",)}, True),
        ({"metadata.shop.id": ("7",)}, True),
        ({"metadata.shop.name": ("7",)}, False),
        ({"metadata.shop": ("7",)}, False),
        ({"metadata.none": ("!x",)}, True),
        ({"parentId": ("*",)}, False),
        ({"parentId": ("!*",)}, True),
        ({"action": ("IMAGINE",), "metadata.auto": ("no",)}, False),
    ],
    ids=repr,
)
def test_conditions_are_texts_lists_negations_and_globs(
    where: dict[str, tuple[str, ...]], *, expected: bool
) -> None:
    assert fits(rule(where=where)) is expected


def test_metadata_that_is_none_fits_nothing() -> None:
    assert not fits(rule(where={"metadata.a": ("x",)}), metadata=None)


def test_a_rule_does_not_act_on_what_came_of_its_own_presses() -> None:
    assert not fits(rule(), depth=1)
    assert fits(rule(depth=1), depth=1)


def test_a_task_that_was_finished_when_first_seen_fires_nothing_unless_asked_for() -> (
    None
):
    assert not fits(rule(), previousStatus=None)
    assert fits(rule(known=True), previousStatus=None)
    assert fits(rule(on=("task.submitted",)), "task.submitted", previousStatus=None)


def test_each_condition_says_what_it_asks_and_what_there_is() -> None:
    asked = rule(where={"action": ("BLEND", "!X"), "parentId": ("9",)})

    shown = [
        (one.asks, one.fits, one.found)
        for one in conditions(asked, "task.succeeded", DATA, depth=0)
    ]

    assert shown == [
        ("on = task.succeeded", True, "task.succeeded"),
        ("depth = 0", True, "0 from a task that no action made"),
        ("action = [BLEND, !X]", False, "IMAGINE"),
        ("parentId = 9", False, "null"),
    ]


@pytest.mark.parametrize(
    ("press", "labels"),
    [
        (("U1", "U2"), ["U1", "U2"]),
        (("upsample:2",), ["U2"]),
        (("MJ::JOB::variation::*",), ["V1", "V2"]),
        (("U1", "upsample:1", "MJ::JOB::upsample::1::*"), ["U1"]),
        (("U9", "U2"), ["U2"]),
        (("U9",), []),
    ],
)
def test_buttons_that_are_there_are_pressed_each_once(
    press: tuple[str, ...], labels: list[str]
) -> None:
    assert [one.label for one in buttons_for(rule(press=press), GRID)] == labels


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("action", None),
        ("metadata.order", None),
        ("previousStatus", None),
        ("actoin", "events of tasks have no field 'actoin'; did you mean action?"),
        (
            "metadata",
            "events of tasks have no field 'metadata'; did you mean metadata.name?",
        ),
        (
            "metadata.",
            "events of tasks have no field 'metadata.'; did you mean metadata.name?",
        ),
        ("zzzz", "events of tasks have no field 'zzzz'"),
    ],
)
def test_a_field_that_no_event_has_is_named_with_the_nearest(
    name: str, why: str | None
) -> None:
    assert why_not_a_field(name) == why


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("U1", None),
        ("upsample:1", None),
        ("Upsample:1", None),
        ("MJ::JOB::upsample::*", None),
        ("Vary (Subtle)", None),
        (
            "upsmaple:1",
            "there is no kind of button 'upsmaple'; did you mean upsample:1?",
        ),
        ("qqqq:1", "there is no kind of button 'qqqq'"),
        ("upsample:x", "'x' is not the number of a picture"),
        (" ", "a button is a label, a kind with an index, or a customId"),
    ],
)
def test_a_button_that_nothing_can_be_is_named_with_the_nearest(
    wanted: str, why: str | None
) -> None:
    assert why_not_pressed(wanted) == why
