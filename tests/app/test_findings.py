"""`bridge.app.findings`: what `mjbridge check` says of endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.app.findings import Finding, of_endpoint
from bridge.settings import Settings

NOW = 1_730_621_826.0


def find(**settings: Any) -> Finding:
    """What is found of one endpoint."""
    made = Settings(endpoints={"me": settings})  # type: ignore[dict-item]
    return of_endpoint(made.endpoints["me"].to_endpoint("me"), now=NOW)


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
