"""``redeliver``: the times that it reads."""

from __future__ import annotations

import pytest

from bridge.cli.redeliver import time_since
from bridge.errors import Misconfigured

NOW = 1_730_621_826.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("2h", 7200), ("3d", 259_200), ("1.5 H", 5400)],
)
def test_since_reads_how_long_ago_it_was(text: str, seconds: float) -> None:
    assert time_since(text, NOW) == NOW - seconds


def test_since_reads_iso_8601() -> None:
    assert time_since("2024-11-03T08:00:00Z", NOW) == 1_730_620_800.0
    assert time_since("2024-11-03T10:00:00+02:00", NOW) == 1_730_620_800.0


@pytest.mark.parametrize("text", ["", "yesterday", "2 fortnights", "-1h"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="not a time: "):
        time_since(text, NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0001-01-01", "is before 1970"),
        ("0001-01-01T00:00:00+14:00", "is before 1970"),
        ("99999d", "is before 1970"),
        ("2030-01-01", "is not in the past"),
        ("9999-12-31T23:59:59-12:00", "is not in the past"),
    ],
)
def test_a_time_that_cannot_be_meant_is_told_why(text: str, why: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        time_since(text, NOW)
    assert str(refused.value) == f"{text} {why}"


def test_everything_is_since_1970_in_whatever_zone() -> None:
    assert time_since("1970-01-01T00:00:00+14:00", NOW) == -50_400.0


def test_a_clock_that_is_some_seconds_ahead_is_put_up_with() -> None:
    assert time_since("2024-11-03T08:17:09Z", NOW) == NOW + 3.0
    with pytest.raises(Misconfigured, match="is not in the past"):
        time_since("2024-11-03T08:18:06Z", NOW)
