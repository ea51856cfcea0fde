"""`bridge.channels.midjourney`: what a receiver of the protocol's own callback gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given

from bridge.channels import midjourney
from bridge.channels.base import DeliveryContext, dry_run
from bridge.channels.webhook import WebhookOptions
from bridge.core.change import ChangeType
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Request
from tests.channels.cases import CASES, DONE, event_of, events
from tests.channels.goldens import check_golden

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = Endpoint(
    name="hook:https://studio.example",
    url="https://studio.example/mj/notify?job=77",
    options=WebhookOptions(secrets=(SECRET,)),
)
#: What midjourney-proxy and its descendants call the fields of a task.
FIELDS = {
    *("id", "action", "status", "prompt", "promptEn", "description", "state", "submitTime"),
    *("startTime", "finishTime", "progress", "imageUrl", "videoUrl", "videoUrls"),
    *("failReason", "buttons", "properties"),
}  # fmt: skip


def request_of(event: Event, *, at: float = 1795329660.0) -> Request:
    context = DeliveryContext(event=event, endpoint=HOOK, now=at, started=at)
    [request], result = dry_run(midjourney, context)
    assert result.attempt.succeeded
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize("case", CASES)
def test_the_task_is_sent_as_the_protocol_spells_it(case: str) -> None:
    check_golden("midjourney", case, "en", [request_of(CASES[case])])


@given(events(tuple(map(str, ChangeType))))
def test_nothing_but_the_protocols_fields_is_sent(event: Event) -> None:
    sent = midjourney.task_object(event)

    assert sent.keys() == FIELDS
    assert isinstance(sent["buttons"], list)
    for button in sent["buttons"]:
        assert isinstance(button, dict)
        assert button.keys() == {"customId", "emoji", "label", "type", "style"}


def test_neither_metadata_nor_our_names_for_things_are_sent() -> None:
    event = event_of("task.succeeded", DONE, metadata={"order": "for us alone"})

    sent = request_of(event).body.decode()

    assert "for us alone" not in sent
    assert "default" not in sent


def test_the_headers_name_the_event_and_sign_the_body_that_is_sent() -> None:
    event = event_of("task.succeeded", DONE)
    request = request_of(event, at=datetime.now(UTC).timestamp())
    headers = dict(request.headers)

    read = standardwebhooks.Webhook(SECRET).verify(request.body.decode(), headers)

    assert read["progress"] == "100%"
    assert headers["webhook-id"] == event.id


def test_times_are_the_milliseconds_that_the_gateway_gave() -> None:
    snapshot = replace(
        DONE, submit_time=1730621826053, start_time=1730621828024, finish_time=None
    )

    sent = midjourney.task_object(event_of("task.succeeded", snapshot))

    assert (sent["submitTime"], sent["startTime"], sent["finishTime"]) == (
        1730621826053,
        1730621828024,
        None,
    )


def test_a_lost_task_is_a_failed_one_to_receivers_that_know_no_other_word() -> None:
    sent = midjourney.task_object(CASES["lost"])

    assert sent["status"] == "FAILURE"
    assert sent["failReason"]
