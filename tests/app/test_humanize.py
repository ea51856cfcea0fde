"""How times, spans and addresses are written for people."""

from __future__ import annotations

import pytest

from bridge.app.humanize import ago, counted, host_of, redacted_url, span

NOW = 1_730_621_826.0


@pytest.mark.parametrize(
    ("seconds", "written"),
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
def test_a_span_is_written_as_short_as_it_can_be(seconds: float, written: str) -> None:
    assert span(seconds) == written


def test_a_time_is_written_from_where_we_stand() -> None:
    assert ago(NOW - 42, NOW) == "42 s ago"
    assert ago(NOW + 30, NOW) == "in 30 s"
    assert ago(NOW, NOW) == "now"
    assert ago(None, NOW) == "never"


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
def test_a_masked_url_is_known_by_its_owner_and_usable_by_nobody(
    url: str, shown: str
) -> None:
    assert redacted_url(url) == shown


def test_numbers_agree_with_what_they_count() -> None:
    assert counted(1, "delivery", "deliveries") == "1 delivery"
    assert counted(2000, "task") == "2,000 tasks"


def test_the_address_of_a_host_is_told_from_its_port() -> None:
    assert host_of("http://[2001:DB8::1]:8443/hook") == "[2001:db8::1]:8443"
    assert host_of("https://example.com/hook") == "example.com"
