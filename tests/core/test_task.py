"""`bridge.core.task`: statuses, ids, and which of two rows is the true one."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.task import (
    MAX_ID_LENGTH,
    MAX_METADATA,
    MAX_METADATA_DEPTH,
    TaskKey,
    TaskSnapshot,
    TaskStatus,
    best_of,
    why_not_an_id,
    why_not_metadata,
)
from tests.core.tasks import seen, snapshots


@pytest.mark.parametrize(
    ("spelled", "status"),
    [
        *((status.value, status) for status in TaskStatus),
        ("pending", "SUBMITTED"),
        ("STARTED", "SUBMITTED"),
        ("Queued", "SUBMITTED"),
        ("RUNNING", "IN_PROGRESS"),
        ("PROCESSING", "IN_PROGRESS"),
        ("FINISHED", "SUCCESS"),
        ("COMPLETED", "SUCCESS"),
        ("FAILED", "FAILURE"),
        ("ERROR", "FAILURE"),
        ("CANCELED", "CANCEL"),
        ("CANCELLED", "CANCEL"),
        (" success\n", "SUCCESS"),
        ("In Progress", "IN_PROGRESS"),
        ("in-progress", "IN_PROGRESS"),
        ("inProgress", "IN_PROGRESS"),
        ("not_started", "NOT_START"),
    ],
)
def test_statuses_are_read_as_gateways_spell_them(spelled: str, status: str) -> None:
    assert TaskStatus.read(spelled) is TaskStatus(status)


@pytest.mark.parametrize("spelled", [None, "", "  ", "UNKNOWN", "100%", "ß"])
def test_an_empty_or_unknown_status_is_none(spelled: str | None) -> None:
    assert TaskStatus.read(spelled) is None


@given(st.text())
def test_any_text_is_a_status_or_none(text: str) -> None:
    assert TaskStatus.read(text) in {None, *TaskStatus}


def test_a_life_has_an_order_and_three_equal_ends() -> None:
    ranks = [status.rank for status in TaskStatus]

    assert ranks == [0, 1, 2, 3, 4, 4, 4]
    assert [status for status in TaskStatus if status.is_final] == [
        "SUCCESS",
        "FAILURE",
        "CANCEL",
    ]
    assert [status for status in TaskStatus if status.waits] == [
        "NOT_START",
        "SUBMITTED",
    ]


@pytest.mark.parametrize(
    "task_id",
    [
        "1730621826053455",
        "0191304188213322",
        "task_1234567890",
        "a:b/c",
        "任务",
        "x" * 128,
    ],
)
def test_an_id_is_opaque(task_id: str) -> None:
    assert why_not_an_id(task_id) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1730621826053455, "not int"),
        (None, "not NoneType"),
        (["1"], "not list"),
        ("", "blank"),
        (" \t", "blank"),
        ("x" * (MAX_ID_LENGTH + 1), "at most 128"),
        ("a b", "white space"),
        ("a\n", "white space"),
        ("a\u3000b", "white space"),
        ("a\u200bb", "invisible"),
        ("a\x00b", "invisible"),
        ("a\ud800", "invisible"),
    ],
    ids=ascii,
)
def test_what_cannot_be_an_id_is_told_why(value: object, why: str) -> None:
    assert why in (why_not_an_id(value) or "")


@given(st.text().filter(lambda text: why_not_an_id(text) is None))
def test_a_key_is_read_back_from_its_text(task_id: str) -> None:
    key = TaskKey("default", task_id)

    assert TaskKey.read(str(key)) == key
    assert str(key).encode()


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (seen("SUCCESS"), seen("IN_PROGRESS", 99)),
        (seen("FAILURE"), seen("MODAL")),
        (seen("IN_PROGRESS", 0), seen("MODAL", 100)),
        (seen("SUBMITTED"), seen(None, 100)),
        (seen("IN_PROGRESS", 46), seen("IN_PROGRESS", 31)),
        (seen("SUCCESS", 100, finish_time=2), seen("SUCCESS", 100, finish_time=1)),
        (seen("IN_PROGRESS", 5, start_time=2), seen("IN_PROGRESS", 5, submit_time=1)),
    ],
    ids=range(7),
)
def test_the_row_that_is_furthest_along_is_the_true_one(
    better: object, worse: object
) -> None:
    for rows in permutations([better, worse]):
        assert best_of(list(rows)) is better  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        pytest.param(
            [seen("MODAL"), seen("SUBMITTED")], "SUBMITTED", id="by the list's order"
        ),
        pytest.param(
            [seen("SUBMITTED", submit_time=2), seen("MODAL", submit_time=1)],
            "SUBMITTED",
            id="by the time of submission",
        ),
        pytest.param([seen("MODAL"), seen("NOT_START", 0)], "NOT_START", id="queued"),
        pytest.param(
            [seen("SUBMITTED", submit_time=1), seen("MODAL", submit_time=2)],
            "MODAL",
            id="the modal came later",
        ),
        pytest.param([seen("MODAL"), seen(None)], "MODAL", id="nothing is known of it"),
        pytest.param([seen("MODAL"), seen("MODAL")], "MODAL", id="two of them"),
        pytest.param([seen("FAILURE"), seen("SUBMITTED")], "FAILURE", id="an end"),
    ],
)
def test_a_modal_yields_to_what_was_submitted_after_it(
    rows: list[TaskSnapshot], best: str
) -> None:
    assert best_of(rows).status == best


@given(st.lists(snapshots, min_size=1, max_size=5))
def test_the_best_row_is_one_of_them_and_an_end_beats_everything(rows: list) -> None:  # type: ignore[type-arg]
    best = best_of(rows)

    assert best in rows
    for row, other in product(rows, rows):
        if row.status and row.status.is_final and other is best:
            assert other.status is not None
            assert other.status.is_final


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ([1], "an object"),
        ("order=77", "an object"),
        ({7: "x"}, "an object"),
        ({"a": float("nan")}, "NaN"),
        ({"a": {"b": float("inf")}}, "NaN"),
        ({"a": object()}, "what JSON can say"),
        ({"a": "half an emoji \ud83d"}, "half of an emoji"),
        ({"\udcff": 1}, "half of an emoji"),
        (nested(50_000), "what JSON can say"),
        (nested(MAX_METADATA_DEPTH), "nested"),
        ({"a": "x" * MAX_METADATA}, "at most"),
    ],
)
def test_metadata_is_what_strict_json_can_say(metadata: Any, why: str) -> None:
    assert why in (why_not_metadata(metadata) or "")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"order": "77", "lines": [1, None, {"a": 1.5}]},
        nested(MAX_METADATA_DEPTH - 1),
    ],
)
def test_any_json_object_is_metadata(metadata: Any) -> None:
    assert why_not_metadata(metadata) is None
