"""What is shown of tasks, events, deliveries and endpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.app.ports import DeliveryRow, EndpointRow, EventRow, TaskRow
from bridge.app.views.endpoints import EndpointView, SampleView
from bridge.app.views.events import DeliveryView, EventDetailView
from bridge.app.views.tasks import TaskDetailView, TaskView
from bridge.core.delivery import Attempt, Fault
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.event import Event
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus

ROOT = Path(__file__).parents[2]
NOW = 1_730_621_826.0
EVENT = Event(
    id="evt_1",
    type="task.succeeded",
    subject="u:7",
    upstream="u",
    sequence=1,
    at=NOW,
    body=json.dumps({"type": "task.succeeded", "timestamp": "T", "data": {"id": "7"}}),
)
TO_ME = DeliveryRow(
    event_id="evt_1",
    type="task.succeeded",
    subject="u:7",
    endpoint="me",
    state="delivered",
    at=NOW,
)
TASK = TaskRow(
    key=TaskKey("u", "7"),
    active=False,
    status="SUCCESS",
    sequence=3,
    tracked_at=NOW,
    metadata={"order": "77"},
    snapshot=TaskSnapshot(id="7", status=TaskStatus.SUCCESS, progress=100),
)


def attempt(endpoint: str, **changes: object) -> dict[str, object]:
    logged = {
        "started": NOW,
        "took": 0.0124,
        "status": 200,
        "fault": None,
        "detail": "",
    }
    return {"endpoint": endpoint, "verdict": "delivered", **logged, **changes}


def test_a_task_has_every_field_of_its_events_data_but_the_status_before() -> None:
    schema = json.loads((ROOT / "docs/events.schema.json").read_text())
    fields = set(schema["$defs"]["task"]["properties"]) - {"previousStatus", "reason"}

    shown = TaskView.of(TASK).to_json()

    assert fields <= shown.keys()
    assert shown["metadata"] == {"order": "77"}
    assert shown["trackedAt"] == "2024-11-03T08:17:06.000Z"


def test_a_task_that_was_never_seen_has_only_what_it_was_tracked_with() -> None:
    unseen = replace(TASK, snapshot=None, status=None, active=True, sequence=0)

    shown = TaskView.of(unseen).to_json()

    assert (shown["id"], shown["active"], shown["status"]) == ("7", True, None)
    assert (shown["buttons"], shown["videoUrls"]) == ([], [])
    assert shown["prompt"] is None


def test_a_task_is_shown_with_its_newest_events_first() -> None:
    events = [
        EventRow(event=replace(EVENT, id=f"evt_{number}"), deliveries=(), attempts=())
        for number in range(60)
    ]

    shown = TaskDetailView.whole(TASK, events).to_json()

    assert [one["eventId"] for one in shown["events"]] == [
        f"evt_{number}" for number in range(59, 9, -1)
    ]


def test_a_delivery_is_shown_with_its_own_attempts() -> None:
    row = EventRow(
        event=EVENT,
        deliveries=[TO_ME, replace(TO_ME, endpoint="you", state="pending")],
        attempts=[attempt("you", status=503, verdict="retry"), attempt("me")],
    )

    mine, yours = EventDetailView.of_row(row).to_json()["deliveries"]

    assert mine["attempts"] == [
        {
            "at": "2024-11-03T08:17:06.000Z",
            "tookMs": 12,
            "status": 200,
            "outcome": "delivered",
            "detail": "",
        }
    ]
    assert [one["outcome"] for one in yours["attempts"]] == ["5xx"]


@pytest.mark.parametrize(
    ("logged", "outcome"),
    [
        pytest.param({}, "delivered", id="a 2xx"),
        pytest.param({"status": 404}, "delivered", id="the platform says it arrived"),
        pytest.param({"verdict": "retry"}, "refused", id="a 2xx that says no"),
        pytest.param({"verdict": "retry", "status": 302}, "3xx", id="a redirect"),
        pytest.param({"verdict": "dead", "status": 410}, "4xx", id="gone"),
        pytest.param(
            {"verdict": "retry", "status": None, "fault": "timeout"},
            "timeout",
            id="no answer",
        ),
    ],
)
def test_an_attempts_outcome_is_one_word(
    logged: dict[str, object], outcome: str
) -> None:
    row = EventRow(event=EVENT, deliveries=[TO_ME], attempts=[attempt("me", **logged)])

    [delivery] = EventDetailView.of_row(row).deliveries

    assert delivery.attempts[0].outcome == outcome


def test_an_operators_event_is_about_no_task() -> None:
    about_us = replace(TO_ME, subject="@endpoint:me", type="endpoint.disabled")

    shown = DeliveryView.of(about_us).to_json()

    assert (shown["task"], shown["upstream"]) == (None, None)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.slack.com/services/T0/B0/secret", "hooks.slack.com"),
        ("http://127.0.0.1:8702/secret?key=secret", "127.0.0.1:8702"),
        ("discord://secret/secret", None),
    ],
)
def test_an_endpoint_is_known_by_its_host_and_never_by_its_url(
    url: str, host: str | None
) -> None:
    endpoint = Endpoint(name="me", url=url, rate=Rate(per_second=0.5, burst=1))

    shown = EndpointView.of(endpoint, EndpointRow(name="me", kind="webhook")).to_json()

    assert shown["host"] == host
    assert shown["rateLimit"] == "30/m"
    assert "secret" not in json.dumps(shown)


def test_an_endpoint_that_only_the_store_knows_is_not_configured() -> None:
    shown = EndpointView.of(None, EndpointRow(name="old", kind="slack")).to_json()

    assert (shown["configured"], shown["kind"], shown["host"]) == (False, "slack", None)


def test_a_sample_that_was_not_answered_says_why() -> None:
    unanswered = Attempt(
        started=NOW, duration=15.0, fault=Fault.TIMEOUT, detail="too slow"
    )

    shown = SampleView.of("me", "task.failed", unanswered).to_json()

    assert (shown["outcome"], shown["status"], shown["tookMs"]) == (
        "timeout",
        None,
        15000,
    )
