"""`bridge.app.findings` and `endpoint_findings`: what `mjbridge check` says of endpoints."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from bridge.app.endpoint_findings import (
    of_ban_limit,
    of_endpoint,
    of_own_work,
    of_unconfigured,
    of_unsigned,
    with_health,
)
from bridge.app.findings import (
    Finding,
    of_configurations,
    of_data_dir,
    of_workers,
)
from bridge.app.ports import EndpointRow, SignsOfLife
from bridge.core.endpoint import Endpoint
from bridge.settings import Settings

NOW = 1_730_621_826.0


def find(**settings: Any) -> Finding:
    """What is found of one endpoint."""
    made = Settings(endpoints={"me": settings})  # type: ignore[dict-item]
    return of_endpoint(made.endpoints["me"].to_endpoint("me"), now=NOW)


@pytest.mark.parametrize(
    ("holds_store", "about", "level", "code"),
    [(True, "store", "error", 1), (False, "gateway", "warning", 0)],
)
def test_a_full_disk_is_no_wrong_configuration(
    holds_store: bool, about: str, level: str, code: int
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    found = of_data_dir("/data", full, holds_store=holds_store, effect="all is lost")

    assert (found.about, found.level, found.code) == (about, level, code)
    assert "cannot write to /data: the disk is full" in found.detail
    assert found.mend.startswith("make room")


@pytest.mark.parametrize(
    "extra", [{}, {"upstreams": ["default"]}], ids=["of all", "of one upstream"]
)
def test_an_endpoint_that_no_event_can_be_sent_to_is_an_error_with_its_mend(
    extra: dict[str, Any],
) -> None:
    finding = find(kind="discord", url="http://host.example/hook", **extra)

    assert (finding.level, finding.code) == ("error", 2)
    assert "https://discord.com/api/webhooks/<id>/<token>" in finding.detail
    assert "endpoints.me" in finding.mend
    assert "host.example" not in finding.detail + finding.mend


def test_an_event_that_cannot_be_sent_is_an_error_only_where_it_is_asked_for() -> None:
    # The event of an endpoint that was disabled is about no task.
    template = {"kind": "template", "url": "https://x.example", "body": "{{ data.id }}"}

    asked = find(**template, events=["*"])
    unasked = find(**template)

    assert (asked.level, unasked.level) == ("error", "ok")
    assert "there is no field 'id'" in asked.detail


def test_an_endpoint_that_every_event_can_be_sent_to_is_ok() -> None:
    finding = find(kind="telegram", url="https://api.telegram.org/bot1:ab", chat_id=5)

    assert finding.level == "ok"
    assert finding.detail.startswith("telegram https://api.telegram.org/…: messages")


def test_endpoints_that_are_not_signed_are_one_warning_with_their_names() -> None:
    finding = of_unsigned(["me", "art", "shop"])

    assert finding.level == "warning"
    assert finding.detail == "not signed: me, art, shop"
    assert "secrets" in finding.mend


def webhooks_at_discord(count: int, **settings: Any) -> list[Endpoint]:
    url = "https://discord.com/api/webhooks/1/abc"
    named = {f"chat{n}": {"url": f"{url}{n}", **settings} for n in range(count)}
    made = Settings(endpoints=named)  # type: ignore[arg-type]
    return [one.to_endpoint(name) for name, one in made.endpoints.items()]


@pytest.mark.parametrize(
    ("count", "settings"), [(8, {}), (100, {"rate_limit": "10/m"})]
)
def test_webhooks_that_cannot_be_refused_often_enough_for_a_ban_are_fine(
    count: int, settings: dict[str, str]
) -> None:
    assert of_ban_limit(webhooks_at_discord(count, **settings)) is None


def test_webhooks_that_could_get_the_address_banned_are_a_warning_with_the_limit() -> (
    None
):
    finding = of_ban_limit(webhooks_at_discord(20))

    assert finding is not None
    assert finding.level == "warning"
    assert "24,000 requests in ten minutes" in finding.detail
    assert 'rate_limit = "50/m"' in finding.mend


def test_an_open_breaker_is_called_one() -> None:
    finding = find(url="https://x.example/hook")

    [shown] = with_health(
        [finding],
        [EndpointRow(name="me", state="open", reason="500", failing_since=NOW - 90)],
        NOW,
    )

    assert "; breaker open for 90 s: 500" in shown.detail


@pytest.mark.parametrize(
    ("said", "detail", "mend"),
    [
        (
            "Conflict: terminated by other getUpdates request",
            "another program fetches",
            "end that program",
        ),
        (
            "Conflict: can't use getUpdates method while webhook is active",
            "the bot has a webhook",
            "mjbridge setup telegram me",
        ),
        ("HTTP 502", "cannot be fetched: HTTP 502", "mjbridge check --online"),
    ],
)
def test_why_clicks_are_not_fetched_is_told_once_and_with_what_to_do(
    said: str, detail: str, mend: str
) -> None:
    finding = find(url="https://x.example/hook")
    rows = [EndpointRow(name="me", click_error=said), EndpointRow(name="fine")]

    [shown, told] = with_health([finding], rows, NOW)

    assert shown == finding
    assert (told.name, told.level) == ("me", "error")
    assert detail in told.detail
    assert mend in told.mend
    assert with_health([finding, told], rows, NOW) == [finding, told]


BOTH = {"poll": NOW - 2, "deliver": NOW - 2}


@pytest.mark.parametrize(
    ("answered_at", "served_at", "level", "words", "mend"),
    [
        (
            NOW - 3,
            BOTH,
            "ok",
            "beat and a worker are running, last seen 3 s ago",
            "",
        ),
        (
            NOW - 90,
            dict.fromkeys(BOTH, NOW - 90),
            "warning",
            "not running, last seen 90 s ago",
            "mjbridge up",
        ),
        (None, {}, "warning", "not running, and never seen", "mjbridge up"),
        (
            NOW - 90,
            BOTH,
            "warning",
            "no tick of beat comes, the last one came 90 s ago",
            "start mjbridge beat",
        ),
        (
            None,
            BOTH,
            "warning",
            "no tick of beat comes, none came",
            "the broker may take no messages",
        ),
        (
            NOW - 3,
            {"poll": NOW - 2},
            "warning",
            "none serves the queue deliver, and never seen: no event is delivered",
            "mjbridge worker -Q deliver",
        ),
        (
            NOW - 3,
            {**BOTH, "deliver": NOW - 600},
            "warning",
            "none serves the queue deliver, last seen 10 min ago",
            "mjbridge worker -Q deliver",
        ),
        (
            NOW - 600,
            {**BOTH, "poll": NOW - 600},
            "warning",
            "none serves the queue poll, last seen 10 min ago: no task is polled",
            "mjbridge worker -Q poll,celery",
        ),
    ],
)
def test_what_does_not_run_is_named(
    answered_at: float | None,
    served_at: dict[str, float],
    level: str,
    words: str,
    mend: str,
) -> None:
    life = SignsOfLife(answered_at=answered_at, served_at=served_at)

    finding = of_workers(life, NOW)

    assert finding.level == level
    assert words in finding.detail
    assert mend in finding.mend


def test_workers_that_run_with_different_configurations_are_a_warning() -> None:
    same = SignsOfLife(configured_at={"one": NOW - 2, "old": NOW - 60})
    differ = SignsOfLife(configured_at={"one": NOW - 2, "other": NOW - 6})

    finding = of_configurations(differ, NOW)

    assert of_configurations(same, NOW) is None
    assert finding is not None
    assert finding.level == "warning"
    assert "2 different configurations" in finding.detail
    assert "two deployments that share a store need a namespace each" in finding.mend


def test_an_endpoint_that_was_removed_is_named_while_something_waits_for_it() -> None:
    rows = [
        EndpointRow(name="removed", pending=6, configured_at=NOW - 600),
        EndpointRow(name="of_other_workers", pending=6, configured_at=NOW - 5),
        EndpointRow(name="empty"),
        EndpointRow(name="hook:https://studio.example:443", pending=1),
    ]

    [finding] = of_unconfigured(rows, NOW)

    assert (finding.name, finding.level) == ("removed", "warning")
    assert finding.detail == "not configured; 6 deliveries held, and given up in 50 min"
    assert "--endpoint removed" in finding.mend


def test_an_endpoint_that_works_and_asked_to_be_left_alone_is_a_warning() -> None:
    finding = find(url="https://x.example/hook")
    works, held = (EndpointRow(name="me", until=until) for until in (None, NOW + 30))

    [fine] = with_health([finding], [works], NOW)
    [shown] = with_health([finding], [held], NOW)

    assert fine == finding
    assert shown.level == "warning"
    assert "; left alone for 30 s (Retry-After)" in shown.detail


def test_an_endpoint_that_fails_and_asked_to_be_left_alone_shows_both() -> None:
    finding = find(url="https://x.example/hook")
    row = EndpointRow(
        name="me",
        state="failing",
        failing_since=NOW - 60,
        until=NOW + 86_400,
        reason="HTTP 429",
        pending=3,
    )

    [shown] = with_health([finding], [row], NOW)

    assert shown.detail.endswith(
        "; failing for 60 s: HTTP 429; left alone for 24 h (Retry-After); "
        "3 deliveries waiting"
    )


@pytest.mark.parametrize(
    ("row", "level", "detail", "mend"),
    [
        pytest.param(
            {"name": "archive:main", "state": "failing", "reason": "disk full"},
            "warning",
            "keeping pictures; failing: disk full",
            "mjbridge deliveries --endpoint archive:main",
            id="an archive that is away",
        ),
        pytest.param(
            {"name": "archive:main", "dead": 3},
            "note",
            "3 events whose pictures were not kept",
            "mjbridge deliveries --endpoint archive:main --state dead says why",
            id="pictures that were refused",
        ),
        pytest.param(
            {"name": "upstream:main", "state": "paused", "pending": 2},
            "warning",
            "making actions; paused; 2 deliveries waiting",
            "mjbridge endpoints resume upstream:main",
            id="actions that are held",
        ),
    ],
)
def test_what_the_bridge_cannot_do_itself_is_said(
    row: dict[str, Any], level: str, detail: str, mend: str
) -> None:
    [found] = of_own_work([EndpointRow(**row)], NOW)

    assert (found.level, found.detail, found.mend) == (level, detail, mend)
    assert found.name == "main"


@pytest.mark.parametrize("name", ["me", "archive:main", "upstream:main", "hook:x"])
def test_where_the_bridge_does_its_own_work_nothing_is_said_of_it(name: str) -> None:
    assert of_own_work([EndpointRow(name=name, pending=1)], NOW) == []
