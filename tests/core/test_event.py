"""`bridge.core.event`: a change in our words, with an id of its own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.change import NOTHING, Change, ChangeType, lose, observe
from bridge.core.event import (
    ARCHIVED,
    EVENT_TYPES,
    Event,
    NoticeType,
    notice,
    task_event,
)
from bridge.core.event_data import Json, iso
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from tests.core.tasks import MISSING, PIG, seen, snapshots

KEY = TaskKey("default", PIG.id)
AT = 1730621856.102
DONE = Change(type=ChangeType.SUCCEEDED, before=TaskStatus.IN_PROGRESS, after=PIG)

EXAMPLE = """{
  "type": "task.succeeded",
  "timestamp": "2024-11-03T08:17:36.102Z",
  "data": {
    "id": "1730621826053455",
    "upstream": "default",
    "sequence": 3,
    "action": "IMAGINE",
    "status": "SUCCESS",
    "previousStatus": "IN_PROGRESS",
    "progress": 100,
    "prompt": "pig --v 6.1",
    "promptEn": "pig --v 6.1",
    "finalPrompt": "pig --v 6.1",
    "description": "Submit success",
    "failReason": null,
    "imageUrl": "https://cdn.example/pig.png?ex=6728831f&is=6727319f&hm=f6d7&",
    "imageExpiresAt": "2024-11-04T08:17:35Z",
    "videoUrls": [],
    "buttons": [
      {"customId": "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa", "label": "U1", "emoji": null,
       "kind": "upsample", "index": 1, "needsModal": false}
    ],
    "submitTime": "2024-11-03T08:17:06.053Z",
    "startTime": "2024-11-03T08:17:08.024Z",
    "finishTime": "2024-11-03T08:17:35.817Z",
    "state": null,
    "metadata": {"order": "77"},
    "parentId": null,
    "rootId": null,
    "actionId": null,
    "by": null,
    "archived": null
  }
}"""


def event_of(
    change: Change = DONE, sequence: int = 3, key: TaskKey = KEY, **more: Any
) -> Event:
    named: dict[str, Any] = {"metadata": {"order": "77"}, "at": AT} | more
    return task_event(key, change, sequence=sequence, **named)


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event.body)["data"]
    return data


def test_the_body_is_the_documented_one_in_the_documented_order() -> None:
    body = event_of().body

    assert body == json.dumps(json.loads(EXAMPLE), separators=(",", ":"))


def test_an_event_knows_what_it_is_about() -> None:
    event = event_of()

    assert (event.type, event.subject, event.upstream, event.sequence, event.at) == (
        "task.succeeded",
        "default:1730621826053455",
        "default",
        3,
        AT,
    )
    assert not event.is_progress


def test_what_is_unset_is_null_and_lists_are_never_null() -> None:
    blank = observe(NOTHING, seen(None), progress_step=10).change
    assert blank is not None

    data = data_of(event_of(blank, metadata={}))

    assert data["videoUrls"] == data["buttons"] == []
    assert data["metadata"] == {}
    assert data["status"] == "SUBMITTED"
    unset = {key for key, value in data.items() if value is None}
    assert unset == {
        *("action", "previousStatus", "progress", "prompt", "promptEn", "finalPrompt"),
        *("parentId", "rootId", "actionId", "by"),
        *("description", "failReason", "imageUrl", "imageExpiresAt"),
        *("submitTime", "startTime", "finishTime", "state", "archived"),
    }


def test_a_task_lost_unseen_is_told_with_its_reason() -> None:
    change = lose(NOTHING, None, MISSING).change
    assert change is not None

    event = event_of(change, 1)
    data = data_of(event)

    assert (data["id"], data["status"], data["previousStatus"]) == (KEY.id, None, None)
    assert data["failReason"] == str(MISSING)
    assert event.loss == MISSING


def test_text_is_sent_as_it_is_and_can_always_be_encoded() -> None:
    cat = replace(PIG, prompt='猫 "1️⃣"\n\u2028', state="\x1b")

    event = event_of(replace(DONE, after=cat))

    assert "猫" in event.body
    assert data_of(event)["prompt"] == cat.prompt
    assert json.loads(event.body.encode()) == json.loads(event.body)


def test_the_schema_of_the_fields_is_the_whole_of_what_leaves() -> None:
    """A field added to the snapshot must be added to the documentation, too."""
    assert set(data_of(event_of())) == set(json.loads(EXAMPLE)["data"])


@given(st.integers(946_684_800_000, 4_102_444_799_999))
def test_times_are_told_to_the_millisecond(moment_ms: int) -> None:
    event = event_of(replace(DONE, after=replace(PIG, submit_time=moment_ms)))

    written = data_of(event)["submitTime"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    moment = datetime.fromisoformat(written)
    whole = datetime.fromtimestamp(moment_ms // 1000, UTC)
    assert (moment - whole).total_seconds() == pytest.approx(moment_ms % 1000 / 1000)


def test_the_time_of_an_event_always_has_milliseconds() -> None:
    assert (
        json.loads(event_of(at=1730621856.0).body)["timestamp"]
        == "2024-11-03T08:17:36.000Z"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1730708255, "2024-11-04T08:17:35Z"),
        (1730621856.102, "2024-11-03T08:17:36.102Z"),
        (1730621856.9999, "2024-11-03T08:17:37Z"),
    ],
)
def test_other_times_have_milliseconds_where_they_need_them(
    seconds: float, text: str
) -> None:
    assert iso(seconds) == text


# --- ids ------------------------------------------------------------------------------


def test_an_id_is_fit_for_a_header() -> None:
    assert re.fullmatch(r"evt_[0-9a-f]{32}", event_of().id)


@pytest.mark.parametrize(
    "decorated",
    [
        pytest.param(event_of(at=AT + 60), id="seen later"),
        pytest.param(event_of(metadata={"order": "78"}), id="other metadata"),
        pytest.param(
            event_of(
                replace(
                    DONE,
                    after=replace(
                        PIG, image_url="https://cdn.example/pig.png?ex=1&hm=2"
                    ),
                )
            ),
            id="the picture signed anew",
        ),
        pytest.param(
            event_of(
                replace(DONE, after=replace(PIG, description="x", action="MODAL"))
            ),
            id="fields that gateways change without news",
        ),
    ],
)
def test_the_same_change_has_the_same_id(decorated: Event) -> None:
    assert decorated.id == event_of().id


def test_another_change_has_another_id() -> None:
    pictured = replace(PIG, image_url="https://cdn.example/other.png")
    filmed = replace(PIG, video_urls=("https://cdn.example/a.mp4",))
    running = Change(type=ChangeType.PROGRESS, before=TaskStatus.IN_PROGRESS, after=PIG)
    events = [
        event_of(),
        event_of(sequence=4),
        event_of(key=TaskKey("other", KEY.id)),
        event_of(key=TaskKey("default", "1")),
        event_of(replace(DONE, type=ChangeType.CORRECTED)),
        event_of(replace(DONE, before=None)),
        event_of(replace(DONE, after=pictured)),
        event_of(replace(DONE, after=filmed)),
        event_of(replace(DONE, after=replace(PIG, buttons=()))),
        event_of(replace(DONE, after=replace(PIG, fail_reason="x"))),
        event_of(running),
        event_of(replace(running, after=replace(PIG, progress=50))),
    ]

    for one, other in combinations(events, 2):
        assert one.id != other.id


@given(snapshots, st.integers(1, 99), st.floats(0, 4e9))
def test_saying_it_again_says_the_same(
    snapshot: TaskSnapshot, sequence: int, at: float
) -> None:
    change = observe(NOTHING, snapshot, progress_step=10).change
    assert change is not None

    first = event_of(change, sequence, at=at)

    assert event_of(change, sequence, at=at) == first
    assert event_of(change, sequence, at=at + 1).id == first.id


# --- operators' events ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [*NoticeType])
def test_operators_are_told_what_why_and_since_when(kind: NoticeType) -> None:
    is_dead = kind is NoticeType.DELIVERY_DEAD
    about: dict[str, Json] = {"actionId": "act_1", "label": "U1"}
    event = notice(
        kind,
        name="pipeline",
        reason="the receiver answered 410 Gone",
        since=1730621800.0,
        at=AT,
        event=event_of() if is_dead else None,
        action=about if kind.startswith("action.") else None,
    )
    said = json.loads(event.body)
    subjects = {"upstream", "archive", "rule"}
    family = kind.partition(".")[0].replace("action", "upstream")
    what = family if family in subjects else "endpoint"

    assert (said["type"], said["timestamp"]) == (kind, "2024-11-03T08:17:36.102Z")
    assert said["data"] == {
        what: "pipeline",
        "reason": "the receiver answered 410 Gone",
        "since": "2024-11-03T08:16:40Z",
        **({"event": {"id": event_of().id, **json.loads(EXAMPLE)}} if is_dead else {}),
        **(about if kind.startswith("action.") else {}),
    }
    assert (event.subject, event.sequence) == (f"@{what}:pipeline", 0)
    assert event.upstream == {"upstream": "pipeline"}.get(
        what, "default" if is_dead else None
    )


def test_the_same_notice_has_the_same_id_and_another_another() -> None:
    def unhealthy(since: float, at: float, name: str = "a") -> str:
        kind = NoticeType.UPSTREAM_UNHEALTHY
        return notice(kind, name=name, reason=str(at), since=since, at=at).id

    assert unhealthy(1, 5) == unhealthy(1, 6)
    assert len({unhealthy(1, 5), unhealthy(2, 5), unhealthy(1, 5, "b")}) == 3


def test_every_type_is_listed() -> None:
    types = [str(kind) for kind in (*ChangeType, ARCHIVED, *NoticeType)]

    assert types == [*EVENT_TYPES]
