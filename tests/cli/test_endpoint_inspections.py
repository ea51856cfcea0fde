"""`bridge.cli.endpoint_inspections`: what `mjbridge check` says of endpoints."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.cli.endpoint_inspections import inspect_endpoints
from bridge.cli.inspections import Finding
from bridge.settings import Settings


def look(**settings: Any) -> Finding:
    """What is found of one endpoint."""
    made = Settings(endpoints={"me": settings})  # type: ignore[dict-item]
    [finding] = asyncio.run(inspect_endpoints(made, online=False))
    return finding


@pytest.mark.parametrize(
    "extra", [{}, {"upstreams": ["default"]}], ids=["of all", "of one upstream"]
)
def test_what_no_event_can_be_told_to_is_an_error_with_its_mend(
    extra: dict[str, Any],
) -> None:
    finding = look(kind="discord", url="http://host.example/hook", **extra)

    assert (finding.level, finding.code) == ("error", 2)
    assert "https://discord.com/api/webhooks/<id>/<token>" in finding.detail
    assert "endpoints.me" in finding.mend
    assert "host.example" not in finding.detail + finding.mend


def test_an_event_that_cannot_be_told_is_an_error_only_where_it_is_asked_for() -> None:
    # The event of an endpoint that was disabled is about no task.
    template = {"kind": "template", "url": "https://x.example", "body": "{{ data.id }}"}

    asked = look(**template, events=["*"])
    unasked = look(**template)

    assert (asked.level, unasked.level) == ("error", "ok")
    assert "there is no field 'id'" in asked.detail


def test_an_endpoint_that_can_be_told_everything_is_well() -> None:
    finding = look(kind="telegram", url="https://api.telegram.org/bot1:ab", chat_id=5)

    assert finding.level == "ok"
    assert finding.detail.startswith("telegram https://api.telegram.org/…: messages")
