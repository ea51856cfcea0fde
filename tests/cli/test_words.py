"""How times, spans and addresses are written for people, and read from them."""

from __future__ import annotations

import pytest

from bridge.cli.words import ago, counted, is_credential, masked, since, span
from bridge.errors import Misconfigured

NOW = 1_730_621_826.0


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0124, "12 ms"),
        (2, "2 s"),
        (2.34, "2.3 s"),
        (42, "42 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (300_000, "3 d"),
    ],
)
def test_a_span_is_as_short_as_it_can_be_said(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_a_time_is_told_from_where_we_stand() -> None:
    assert ago(NOW - 42, NOW) == "42 s ago"
    assert ago(NOW + 30, NOW) == "in 30 s"
    assert ago(NOW, NOW) == "now"
    assert ago(None, NOW) == "never"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("2h", 7200), ("3d", 259_200), ("1.5 H", 5400)],
)
def test_since_reads_how_long_ago_it_was(text: str, seconds: float) -> None:
    assert since(text, NOW) == NOW - seconds


def test_since_reads_iso_8601() -> None:
    assert since("2024-11-03T08:00:00Z", NOW) == 1_730_620_800.0
    assert since("2024-11-03T10:00:00+02:00", NOW) == 1_730_620_800.0


@pytest.mark.parametrize("text", ["", "yesterday", "2 fortnights", "2030-01-01", "-1h"])
def test_since_refuses_what_is_no_time_in_the_past(text: str) -> None:
    with pytest.raises(Misconfigured):
        since(text, NOW)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://hooks.slack.com/services/T0/B0/XXXX",
            "https://hooks.slack.com/services/…",
        ),
        ("https://api.telegram.org/bot123:XXXX", "https://api.telegram.org/…"),
        (
            "https://api.telegram.org/bot123:XXXX/sendMessage",
            "https://api.telegram.org/…",
        ),
        ("https://ntfy.sh/XXXX", "https://ntfy.sh/…"),
        ("http://127.0.0.1:8702/hook/XXXX?key=XXXX", "http://127.0.0.1:8702/hook/…"),
        ("https://example.com/?key=XXXX", "https://example.com/…"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("discord://XXXX/XXXX", "discord://…"),
        ("https://example.com:XXXX/", "…"),
    ],
)
def test_a_url_is_known_by_its_owner_and_usable_by_nobody(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_headers_that_let_somebody_in_are_known_by_their_names() -> None:
    assert all(
        map(is_credential, ["Authorization", "X-API-Key", "X-Auth-Token", "Cookie"])
    )
    assert not is_credential("X-Team")


def test_numbers_agree_with_what_they_count() -> None:
    assert counted(1, "delivery", "deliveries") == "1 delivery"
    assert counted(2000, "task") == "2,000 tasks"
