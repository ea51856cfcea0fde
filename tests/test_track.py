"""`bridge.track`: what a program may ask for, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest

import bridge
from bridge.app.lookup import check_ids
from bridge.core.task import MAX_METADATA, why_not_metadata
from bridge.errors import Misconfigured


@pytest.mark.parametrize("ids", ["1730621826053455", b"17306"], ids=["text", "bytes"])
def test_a_single_id_is_not_taken_for_a_list_of_characters(ids: Any) -> None:
    with pytest.raises(Misconfigured, match="as a list"):
        check_ids(ids)


@pytest.mark.parametrize("ids", [None, 7, {"1": 2}, {"1"}])
def test_what_is_no_list_of_ids_is_refused(ids: Any) -> None:
    with pytest.raises(Misconfigured, match="as a list"):
        check_ids(ids)


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
        ({"a": "x" * MAX_METADATA}, "at most"),
    ],
)
def test_metadata_is_what_strict_json_can_say(metadata: Any, why: str) -> None:
    assert why in (why_not_metadata(metadata) or "")


@pytest.mark.parametrize(
    "metadata", [{}, {"order": "77", "lines": [1, None, {"a": 1.5}]}]
)
def test_any_json_object_is_metadata(metadata: Any) -> None:
    assert why_not_metadata(metadata) is None


def test_importing_the_bridge_imports_neither_celery_nor_a_client() -> None:
    assert callable(bridge.track)
