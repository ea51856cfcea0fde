"""`bridge.channels`: every kind has a channel, and every channel can deliver every event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.channels import CHANNELS, channel_for
from bridge.channels.base import DeliveryContext, dry_run
from bridge.channels.discord.payload import DiscordOptions
from bridge.channels.sample import sample_event
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES
from bridge.core.http import Request
from bridge.errors import Misconfigured
from bridge.settings import KINDS, endpoint_settings

NOW = 1767268800.25


def test_there_is_a_channel_for_every_kind_that_can_be_configured() -> None:
    assert set(KINDS) == set(CHANNELS)


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_channel_tells_every_event_to_its_end(kind: str, event_type: str) -> None:
    """When the platform agrees to everything, what was to be said has arrived."""
    event = sample_event(event_type, NOW)

    _, outcome = dry_run(
        channel_for(kind),
        DeliveryContext(event=event, endpoint=configured(kind), now=NOW, started=NOW),
    )

    assert outcome.attempt.succeeded


@pytest.mark.parametrize("kind", CHANNELS)
def test_only_a_webhook_is_told_which_trace_an_event_belongs_to(kind: str) -> None:
    context = DeliveryContext(
        event=sample_event("task.succeeded", NOW),
        endpoint=configured(kind),
        now=NOW,
        started=NOW,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )

    requests, _ = dry_run(channel_for(kind), context)

    told = [
        isinstance(one, Request) and "traceparent" in one.headers for one in requests
    ]
    assert any(told) is (kind == "webhook")


def test_a_rehearsal_goes_on_where_state_is_saved() -> None:
    to = replace(configured("discord"), options=DiscordOptions(progress="edit"))
    event = sample_event("task.submitted", NOW)

    requests, outcome = dry_run(
        channel_for("discord"),
        DeliveryContext(event=event, endpoint=to, now=NOW, started=NOW),
    )

    assert [isinstance(one, Request) and one.method for one in requests] == ["POST"]
    assert outcome.channel_state


def configured(kind: str) -> Endpoint:
    """An endpoint of a kind, as the settings would make it."""
    own: dict[str, dict[str, object]] = {
        "telegram": {"url": "https://api.telegram.org/bot1:abc", "chat_id": "7"},
        "discord": {"url": f"https://discord.com/api/webhooks/1/{'t' * 20}"},
        "template": {"body": "{}"},
        "apprise": {"url": "json://localhost"},
    }
    given = {"kind": kind, "url": "https://example.com/hooks/x", **own.get(kind, {})}
    return endpoint_settings(**given).to_endpoint("it")


def test_a_kind_without_a_channel_is_a_wrong_setting() -> None:
    with pytest.raises(Misconfigured, match=r'"fax".*webhook'):
        channel_for("fax")
