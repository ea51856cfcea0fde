"""Every type of event, from the rows of a gateway to the body at a receiver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bridge
from tests.acceptance.checks import conforms, verified
from tests.acceptance.everyday.scenery import NEW_SECRET, OLD_SECRET, Everyday
from tests.acceptance.stage import row, sequences
from tests.waiting import until

EXAMPLE = Path(__file__).parents[2] / "data" / "quickrouter-example.json"


def test_a_life_is_told_step_by_step(everyday: Everyday) -> None:
    """A modal is in it: the task waits for a person, and then waits in the queue again."""
    gateway, hooks, deployment = everyday.gateway, everyday.hooks, everyday.deployment

    def then(kind: str, status: str, progress: str = "") -> None:
        gateway.put(row("life", status, progress))
        until(
            lambda: hooks.types("/story", task="life")[-1] == f"task.{kind}", what=kind
        )

    gateway.put(row("life", "NOT_START"))
    deployment.track("life", upstream="story", order="77")
    hooks.wait_for("/story", "task.submitted", task="life")
    then("action_required", "MODAL")
    # A task that waits for a person is looked at twice a minute; a new one at once.
    deployment.untrack("life", upstream="story")
    gateway.put(row("life", "SUBMITTED"))
    deployment.track("life", upstream="story")
    then("submitted", "SUBMITTED")
    then("started", "IN_PROGRESS", "0%")
    then("progress", "IN_PROGRESS", "31%")
    then("succeeded", "SUCCESS")

    told = hooks.events("/story", task="life")
    steps = [
        "submitted",
        "action_required",
        "submitted",
        "started",
        "progress",
        "succeeded",
    ]
    assert [one.type for one in told] == [f"task.{step}" for step in steps]
    assert sequences(told) == [1, 2, 3, 4, 5, 6]
    for one in told:
        conforms(verified(one, OLD_SECRET, NEW_SECRET))
        assert one.data["metadata"] == {"order": "77"}


def test_each_end_is_told_as_what_it_is(everyday: Everyday) -> None:
    ends = {
        "fine": row("fine", "SUCCESS"),
        "broke": row("broke", "FAILURE", failReason="[Internal error]"),
        "refused": row("refused", "", "0%", failReason="队列已满，请稍后尝试"),
        "stopped": row("stopped", "CANCEL"),
    }
    everyday.gateway.put(*ends.values())

    everyday.deployment.track(*ends, upstream="story")

    kinds = ("task.succeeded", "task.failed", "task.failed", "task.cancelled")
    for task, kind in zip(ends, kinds, strict=True):
        told = everyday.hooks.wait_for("/story", kind, task=task)
        conforms(verified(told, OLD_SECRET, NEW_SECRET))
        assert told.sequence == 1
        assert told.data["previousStatus"] is None
        assert everyday.hooks.types("/story", task=task) == [kind]


def test_another_end_of_a_finished_task_is_told_as_a_correction(
    everyday: Everyday,
) -> None:
    everyday.gateway.put(row("fixed", "FAILURE", failReason="timed out"))
    everyday.deployment.track("fixed", upstream="story")
    everyday.hooks.wait_for("/story", "task.failed", task="fixed")
    everyday.gateway.put(row("fixed", "SUCCESS"))

    everyday.deployment.track("fixed", upstream="story")

    told = everyday.hooks.wait_for("/story", "task.corrected", task="fixed")
    conforms(verified(told, OLD_SECRET, NEW_SECRET))
    assert (told.sequence, told.data["status"]) == (2, "SUCCESS")
    assert told.data["previousStatus"] == "FAILURE"
    assert told.data["failReason"] is None


def test_a_task_that_its_upstream_forgot_is_lost(everyday: Everyday) -> None:
    everyday.gateway.put(row("forgotten", "IN_PROGRESS", "31%"))
    everyday.deployment.track("forgotten", "unheard-of", upstream="impatient")
    everyday.hooks.wait_for("/watcher", "task.started", task="forgotten")

    everyday.gateway.forget("forgotten")

    for task, status, number in (
        ("forgotten", "IN_PROGRESS", 2),
        ("unheard-of", None, 1),
    ):
        told = everyday.hooks.wait_for("/watcher", "task.lost", task=task)
        conforms(told.event)
        assert (told.data["status"], told.sequence) == (status, number)
        assert "not listed" in told.data["failReason"]


def test_a_task_that_never_ends_is_lost_when_it_is_too_old(everyday: Everyday) -> None:
    everyday.gateway.put(row("endless", "IN_PROGRESS", "46%"))

    everyday.deployment.track("endless", upstream="aging")

    told = everyday.hooks.wait_for("/watcher", "task.lost", task="endless")
    conforms(told.event)
    assert "not ended" in told.data["failReason"]


def test_what_operators_hear_of_an_endpoint(everyday: Everyday) -> None:
    """It is disabled by 410, and well again after somebody resumed it."""
    hooks, deployment = everyday.hooks, everyday.deployment
    hooks.answer("/operated", 410)
    everyday.gateway.put(row("parcel", "SUCCESS"))

    deployment.track("parcel", upstream="operated")
    disabled = _operators(everyday, "endpoint.disabled", endpoint="operated")
    deployment.resume("operated")
    recovered = _operators(everyday, "endpoint.recovered", endpoint="operated")

    assert "410" in disabled["data"]["reason"]
    assert recovered["data"]["since"]
    assert hooks.types("/operated", task="parcel") == ["task.succeeded"]


def test_operators_hear_of_a_delivery_that_was_given_up(everyday: Everyday) -> None:
    everyday.hooks.answer("/hopeless", then=500)
    everyday.gateway.put(row("undelivered", "SUCCESS"))

    everyday.deployment.track("undelivered", upstream="hopeless")

    dead = _operators(everyday, "delivery.dead", endpoint="hopeless")
    # The schedule has room for three; one that comes late is the last.
    assert len(everyday.hooks.received("/hopeless")) in {2, 3}
    assert "500" in dead["data"]["reason"]
    assert dead["data"]["event"]["type"] == "task.succeeded"
    assert dead["data"]["event"]["data"]["id"] == "undelivered"


def _operators(everyday: Everyday, kind: str, **about: str) -> dict[str, Any]:
    """Wait for an event for operators about something; returns it, checked."""

    def found() -> dict[str, Any] | None:
        for one in everyday.hooks.events("/operators"):
            if one.type == kind and about.items() <= one.data.items():
                return one.event
        return None

    event = until(found, what=f"{kind} {about}")
    assert event is not None
    conforms(event)
    return event


def test_the_example_of_quickrouter_from_wire_to_webhook(everyday: Everyday) -> None:
    example = json.loads(EXAMPLE.read_text())
    everyday.gateway.put(example)

    everyday.deployment.track(example["id"], upstream="quick", order="77")

    told = everyday.hooks.wait_for("/quick", "task.succeeded")
    event = verified(told, NEW_SECRET)
    conforms(event)
    assert event["type"] == "task.succeeded"
    data = event["data"]
    buttons = data.pop("buttons")
    assert data == {
        "id": "1730621826053455",
        "upstream": "quick",
        "sequence": 1,
        "action": "IMAGINE",
        "status": "SUCCESS",
        "previousStatus": None,
        "progress": 100,
        "prompt": "pig --v 6.1",
        "promptEn": "pig --v 6.1",
        "finalPrompt": "pig --v 6.1",
        "description": "Submit success",
        "failReason": None,
        "imageUrl": example["imageUrl"],
        "imageExpiresAt": "2024-11-04T08:17:35Z",
        "videoUrls": [],
        "submitTime": "2024-11-03T08:17:06.053Z",
        "startTime": "2024-11-03T08:17:08.024Z",
        "finishTime": "2024-11-03T08:17:35.817Z",
        "state": None,
        "metadata": {"order": "77"},
        "parentId": None,
        "rootId": None,
        "actionId": None,
        "by": None,
        "archived": None,
    }
    assert [button["customId"] for button in buttons] == [
        button["customId"] for button in example["buttons"]
    ]
    assert buttons[0] == {
        "customId": "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa",
        "label": "U1",
        "emoji": None,
        "kind": "upsample",
        "index": 1,
        "needsModal": False,
    }


def test_the_headers_are_those_of_standard_webhooks(everyday: Everyday) -> None:
    everyday.gateway.put(row("plain", "SUCCESS"), row("signed", "SUCCESS"))

    everyday.deployment.track("plain", upstream="defaults")
    everyday.deployment.track("signed", upstream="story")

    plain = everyday.hooks.wait_for("/defaults", "task.succeeded", task="plain")
    signed = everyday.hooks.wait_for("/story", "task.succeeded", task="signed")
    for one in (plain, signed):
        assert one.headers["content-type"] == "application/json"
        assert one.headers["user-agent"] == f"mjbridge/{bridge.__version__}"
        assert one.id.startswith("evt_")
        assert "." not in one.id
        assert abs(float(one.headers["webhook-timestamp"]) - one.at) < 5
    assert "webhook-signature" not in plain.headers
    assert signed.headers["webhook-signature"].count("v1,") == 2


def test_progress_is_not_told_unless_it_is_asked_for(everyday: Everyday) -> None:
    hooks = everyday.hooks
    everyday.gateway.put(row("steady", "IN_PROGRESS", "0%"))
    everyday.deployment.track("steady", upstream="defaults")
    hooks.wait_for("/defaults", "task.started", task="steady")
    everyday.gateway.put(row("steady", "IN_PROGRESS", "62%"))
    hooks.wait_for("/operators", "task.progress", task="steady")

    everyday.gateway.put(row("steady", "SUCCESS"))

    hooks.wait_for("/defaults", "task.succeeded", task="steady")
    told = hooks.events("/defaults", task="steady")
    assert [(one.type, one.sequence) for one in told] == [
        ("task.started", 1),
        ("task.succeeded", 3),
    ]
