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


@pytest.mark.parametrize("text", ["", "yesterday", "2 fortnights", "2030-01-01", "-1h"])
def test_what_is_not_a_time_in_the_past_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        time_since(text, NOW)
