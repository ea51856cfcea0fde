"""`bridge.channels.sample`: a sample of every event, which nobody takes for a real one."""

from __future__ import annotations

import json

import pytest

from bridge.channels.sample import sample_event
from bridge.channels.urls import is_public
from bridge.channels.wording import message_of
from bridge.core.event import EVENT_TYPES
from bridge.errors import Misconfigured

AT = 1767268800.25


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_type_has_a_sample_that_says_that_it_is_one(event_type: str) -> None:
    event = sample_event(event_type, AT)
    body = json.loads(event.body)

    assert (event.type, body["type"], event.at) == (event_type, event_type, AT)
    assert body["timestamp"] == "2026-01-01T12:00:00.250Z"
    assert "sample" in event.subject
    if event_type.startswith("task."):
        assert body["data"]["metadata"] == {"sample": True}
        assert body["data"]["id"] == "1730621826053455"
    else:
        assert "sample" in body["data"]["reason"]


def test_a_sample_of_success_is_like_the_gateways_example() -> None:
    data = json.loads(sample_event("task.succeeded", AT).body)["data"]

    assert (data["status"], data["previousStatus"], data["progress"]) == (
        "SUCCESS",
        "IN_PROGRESS",
        100,
    )
    assert [button["label"] or button["emoji"] for button in data["buttons"]] == [
        *("U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"),
    ]


def test_a_sample_shows_a_picture_that_lasts_and_is_said_to_be_a_sample() -> None:
    event = sample_event("task.succeeded", AT)
    data = json.loads(event.body)["data"]

    message = message_of(event)

    assert data["imageExpiresAt"] is None
    assert data["imageUrl"].partition("?")[1] == ""
    assert is_public(data["imageUrl"])
    assert message.shows
    assert message.sample
    assert "sample" in message.prompt


def test_a_dead_delivery_carries_the_event_that_was_not_delivered() -> None:
    data = json.loads(sample_event("delivery.dead", AT).body)["data"]

    assert data["event"]["type"] == "task.succeeded"


def test_every_test_of_an_endpoint_is_news_to_a_receiver_that_drops_repeats() -> None:
    ids = {sample_event(kind, AT + n).id for kind in EVENT_TYPES for n in range(3)}

    assert len(ids) == 3 * len(EVENT_TYPES)
    assert sample_event("task.failed", AT) == sample_event("task.failed", AT)
    assert all(event_id.startswith("evt_") and len(event_id) == 36 for event_id in ids)


def test_a_type_that_does_not_exist_is_a_wrong_argument() -> None:
    with pytest.raises(Misconfigured, match=r"task\.done.*task\.succeeded"):
        sample_event("task.done", AT)
