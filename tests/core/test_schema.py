"""`docs/events.schema.json` and `docs/events.md`: what is promised is what is sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge.adapters.gateway.parse import read_answer
from bridge.channels.webhook import WebhookOptions, render
from bridge.core.change import NOTHING, Change, ChangeType, lose, observe
from bridge.core.endpoint import Endpoint
from bridge.core.event import (
    ARCHIVED,
    EVENT_TYPES,
    Event,
    NoticeType,
    archived_event,
    notice,
    task_event,
)
from bridge.core.event_data import Json
from bridge.core.media import KeptFile
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.errors import Misconfigured
from bridge.settings import load_settings
from tests.core.tasks import MISSING, PIG, histories, seen

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "docs/events.schema.json").read_text())
GUIDE = (ROOT / "docs/events.md").read_text()
VALIDATOR = Draft202012Validator(SCHEMA)
AT = 1730621856.102

#: For each type of change: the status before it, and what is told.
CHANGES: dict[ChangeType, tuple[TaskStatus | None, TaskSnapshot]] = {
    ChangeType.SUBMITTED: (None, seen("NOT_START")),
    ChangeType.STARTED: (TaskStatus.SUBMITTED, seen("IN_PROGRESS", 0)),
    ChangeType.PROGRESS: (TaskStatus.IN_PROGRESS, seen("IN_PROGRESS", 50)),
    ChangeType.ACTION_REQUIRED: (None, seen("MODAL")),
    ChangeType.SUCCEEDED: (TaskStatus.IN_PROGRESS, PIG),
    ChangeType.FAILED: (None, seen("FAILURE", fail_reason="banned")),
    ChangeType.CANCELLED: (TaskStatus.SUBMITTED, seen("CANCEL")),
    ChangeType.LOST: (TaskStatus.SUBMITTED, seen("SUBMITTED", fail_reason="missing")),
    ChangeType.CORRECTED: (TaskStatus.FAILURE, PIG),
}
#: Of an action that was not made.
ACTION: dict[str, Json] = {
    "actionId": f"act_{'0' * 32}",
    "taskId": None,
    "customId": None,
    "label": "imagine",
    "code": None,
    "by": "api",
}


def event_of(change: Change, sequence: int = 1, at: float = AT) -> Event:
    key = TaskKey("default", "1")
    return task_event(key, change, sequence=sequence, metadata={"a": [1, None]}, at=at)


def sample(kind: str) -> Event:
    if kind in CHANGES:
        before, after = CHANGES[ChangeType(kind)]
        return event_of(Change(type=ChangeType(kind), before=before, after=after))
    if kind == ARCHIVED:
        kept = KeptFile(
            sha256="ab" * 32,
            bytes=1,
            type="video/mp4",
            source="https://a/",
            url="https://b/",
        )
        return archived_event(sample("task.succeeded"), [kept], "", sequence=2, at=AT)
    is_dead = kind == NoticeType.DELIVERY_DEAD
    about = sample("task.succeeded") if is_dead else None
    action = ACTION if kind.startswith("action.") else None
    return notice(
        NoticeType(kind),
        name="a",
        reason="HTTP 401",
        since=AT - 60,
        at=AT,
        event=about,
        action=action,
    )


def errors(body: str | dict[str, Any]) -> list[str]:
    said = json.loads(body) if isinstance(body, str) else body
    return [error.message for error in VALIDATOR.iter_errors(said)]


def is_valid(body: str | dict[str, Any]) -> bool:
    return not errors(body)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_type_of_event_is_as_the_schema_says(kind: str) -> None:
    assert errors(sample(kind).body) == []


def test_the_schema_knows_every_type_and_no_other() -> None:
    named = {
        definition["properties"]["type"]["const"]
        for definition in SCHEMA["$defs"].values()
        if "const" in definition.get("properties", {}).get("type", {})
    }

    assert named == set(EVENT_TYPES)


def test_a_task_that_was_lost_unseen_is_valid() -> None:
    change = lose(NOTHING, None, MISSING).change
    assert change is not None

    assert errors(event_of(change).body) == []


def test_an_operators_event_that_could_not_be_delivered_is_valid() -> None:
    dead = notice(
        NoticeType.DELIVERY_DEAD,
        name="ops",
        reason="x",
        since=AT,
        at=AT,
        event=sample("upstream.unhealthy"),
    )

    assert errors(dead.body) == []


def test_the_documented_example_of_the_gateway_is_valid() -> None:
    body = (ROOT / "tests/data/quickrouter-example.json").read_bytes()
    (task,) = read_answer(body, [PIG.id]).tasks.values()
    change = observe(NOTHING, task, progress_step=10).change
    assert change is not None

    assert errors(event_of(change).body) == []


@given(histories, st.floats(0, 4e9))
def test_whatever_an_upstream_says_the_event_is_valid(
    history: list[TaskSnapshot], at: float
) -> None:
    task_state, sequence = NOTHING, 0
    for look in history:
        observation = observe(task_state, look, progress_step=10)
        task_state = observation.task_state
        if observation.change is not None:
            sequence += 1
            assert errors(event_of(observation.change, sequence, at).body) == []


def test_an_event_of_what_was_not_kept_is_valid() -> None:
    event = archived_event(sample("task.succeeded"), [], "HTTP 404", sequence=2, at=AT)

    assert errors(event.body) == []
    assert event.id != sample(ARCHIVED).id


# --- what the schema refuses ----------------------------------------------------------


def changed(kind: str = "task.succeeded", **fields: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample(kind).body)
    body["data"] |= fields
    return body


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(changed(clientIp="10.0.0.1"), id="a field that is not listed"),
        pytest.param(changed(status="RUNNING"), id="another status"),
        pytest.param(changed(status="FAILURE"), id="a status of another type"),
        pytest.param(changed(prompt=""), id="an empty text"),
        pytest.param(changed(submitTime=0), id="a number for a time"),
        pytest.param(
            changed(finishTime="2024-11-03T08:17:06Z"), id="a time without ms"
        ),
        pytest.param(changed(videoUrls=None), id="null for a list"),
        pytest.param(changed(progress=101), id="101 percent"),
        pytest.param(changed(sequence=0), id="a count from 0"),
        pytest.param(changed(buttons=[{"customId": "x"}]), id="half a button"),
        pytest.param(
            changed("task.progress", progress=None), id="progress without any"
        ),
        pytest.param(changed("task.lost", failReason=None), id="lost without a reason"),
        pytest.param(changed("delivery.dead", event=None), id="dead without an event"),
        pytest.param(changed("upstream.unhealthy", endpoint="a"), id="two names"),
        pytest.param(changed() | {"extra": 1}, id="another member"),
        pytest.param(changed() | {"type": "task.finished"}, id="another type"),
    ],
)
def test_the_schema_refuses_what_is_not_promised(wrong: dict[str, Any]) -> None:
    assert not is_valid(wrong)


def test_every_field_of_a_task_is_required() -> None:
    body = changed()

    for name in body["data"]:
        less = {key: value for key, value in body["data"].items() if key != name}
        assert not is_valid(body | {"data": less})


# --- the guide ------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_guides_examples_are_events_as_they_are_sent() -> None:
    examples = [json.loads(block) for block in blocks("json")]

    assert [errors(example) for example in examples] == [[], []]
    change = Change(type=ChangeType.SUCCEEDED, before=TaskStatus.IN_PROGRESS, after=PIG)
    event = task_event(
        TaskKey("default", PIG.id), change, sequence=3, metadata={"order": "77"}, at=AT
    )
    assert json.dumps(examples[0]) == json.dumps(json.loads(event.body))


def test_the_guide_names_every_type() -> None:
    assert set(
        re.findall(
            r"`((?:task|endpoint|upstream|delivery|archive|action|rule)\.\w+)`", GUIDE
        )
    ) == set(EVENT_TYPES)


def test_the_guides_receiver_accepts_what_is_sent_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    (secret,) = set(re.findall(r"whsec_\w+", code))
    endpoint = Endpoint(
        name="a",
        url="https://h",
        options=WebhookOptions(secrets=("whsec_b3RoZXI=", secret)),
    )
    now = datetime.now(UTC).timestamp()
    request = render(sample("task.succeeded"), endpoint, at=now, redelivery=False)

    assert names["receive"](request.body, dict(request.headers)) == 204
    assert names["receive"](request.body + b" ", dict(request.headers)) == 401
    assert "task.succeeded 1 https://cdn.example/pig.png" in capsys.readouterr().out
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook("whsec_d3Jvbmc=").verify(
            request.body, dict(request.headers)
        )


def test_a_secret_may_be_any_text_of_the_length_that_the_guide_says(
    tmp_path: Path,
) -> None:
    [shortest] = re.findall(r"Any other text of at least (\d+) characters", GUIDE)
    [text] = re.findall(r'`Webhook\(b"([^"]+)"\)`', GUIDE)

    def configured(secret: str) -> Endpoint:
        endpoint = {"url": "https://h", "secrets": [secret]}
        environ = {"BRIDGE_ENDPOINTS": json.dumps({"a": endpoint})}
        settings = load_settings(environ=environ, cwd=tmp_path, need_keys=False)
        return settings.endpoints["a"].to_endpoint("a")

    now = datetime.now(UTC).timestamp()
    event = sample("task.failed")
    request = render(event, configured(text), at=now, redelivery=False)

    standardwebhooks.Webhook(text.encode()).verify(request.body, dict(request.headers))
    configured("x" * int(shortest))
    with pytest.raises(Misconfigured, match="too short to be a secret"):
        configured("x" * (int(shortest) - 1))


def test_a_picture_that_expires_is_told_so() -> None:
    forever = replace(PIG, image_url="https://cdn.midjourney.com/x/0_0.png")
    change = Change(type=ChangeType.SUCCEEDED, before=None, after=forever)

    assert json.loads(event_of(change).body)["data"]["imageExpiresAt"] is None
    assert is_valid(event_of(change).body)
