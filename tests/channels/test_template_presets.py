"""`bridge.channels.template.presets`: what the services get, and that they would take it."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

import jsonschema
import pytest
from hypothesis import given, settings

from bridge.channels import template
from bridge.channels.template.presets import PRESETS
from bridge.channels.template.rendering import TASK_FIELDS
from bridge.core.event import Event
from bridge.core.http import Request
from tests.channels.cases import (
    CASES,
    DONE,
    HOSTILE,
    OPERATORS,
    TASK_ID,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden

URLS = {
    "github_repository_dispatch": "https://api.github.com/repos/me/art/dispatches",
    "github_workflow_dispatch": "https://api.github.com/repos/me/art/actions/workflows/picture.yml/dispatches",
    "airflow": "https://airflow.example/api/v2/dags/art/dagRuns",
    "airflow_2": "https://airflow.example/api/v1/dags/art/dagRuns",
    "jenkins": "https://jenkins.example/job/art/buildWithParameters",
    "jenkins_webhook": "https://jenkins.example/generic-webhook-trigger/invoke",
    "n8n": "https://n8n.example/webhook/art",
    "zapier": "https://hooks.zapier.example/hooks/catch/1/a",
    "make": "https://hook.make.example/a",
    "cloudevents": "https://events.example/",
    "cloudevents_binary": "https://events.example/",
}
TOKENS = {"jenkins": "bot:t0ken", "airflow_2": "bot:t0ken", "zapier": ""}

#: CloudEvents 1.0.2, JSON format: the attributes and their rules.
CLOUDEVENT = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "pattern": "^[!-~]+$"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"const": "application/json"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
}


def asked(preset: str, event: Event, **settings: Any) -> Request:
    token = TOKENS.get(preset, "t0ken")
    target = endpoint(
        "template",
        URLS[preset],
        preset=preset.removesuffix("_2"),
        **({"token": token} if token else {}),
        **settings,
    )
    (request,) = perform(template, event, target).requests
    return request


@pytest.mark.parametrize("case", ["succeeded_grid", "video", "failed"])
@pytest.mark.parametrize("preset", URLS)
def test_what_is_sent_is_what_was_agreed_upon(preset: str, case: str) -> None:
    request = asked(preset, CASES[case])

    check_golden("template", f"{preset}.{case}", "en", [request])


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_right_for_every_event(preset: str) -> None:
    target = endpoint("template", URLS[preset], preset=preset, events=["*"])

    assert template.faults(target) == []


@pytest.mark.parametrize(
    "spelling", ["GitHub-Repository-Dispatch", "repository_dispatch"]
)
def test_presets_go_by_the_names_that_people_try(spelling: str) -> None:
    target = endpoint("template", URLS["n8n"], preset=spelling.lower())

    assert template.faults(target) == []


def test_a_preset_that_is_not_there_is_told_with_the_nearest() -> None:
    target = endpoint("template", URLS["n8n"], preset="cloudevent")

    (fault,) = template.faults(target)
    assert fault.setting == "preset"
    assert str(fault) == "there is no such preset; did you mean cloudevents?"


def test_templates_see_every_field_of_a_task() -> None:
    data = json.loads(CASES["succeeded_grid"].body)["data"]

    assert data.keys() == TASK_FIELDS.keys()


@pytest.mark.parametrize("preset", [*URLS])
@given(event=events())
@settings(max_examples=min(25, settings().max_examples))  # all share their machinery
def test_anything_makes_a_valid_request(preset: str, event: Event) -> None:
    request = asked(preset, event, events=["*"])

    kind = request.headers["content-type"].partition(";")[0]
    if kind == "application/x-www-form-urlencoded":
        fields = parse_qs(
            request.body.decode(), strict_parsing=True, keep_blank_values=True
        )
        assert len(fields) == 12
    else:
        assert isinstance(json.loads(request.body), dict)
    assert all(
        value.isascii() and value.isprintable() for value in request.headers.values()
    )
    assert b"t0ken" not in request.body


def everything() -> list[Event]:
    return [*CASES.values(), *HOSTILE.values(), *OPERATORS.values()]


def test_github_takes_every_dispatch() -> None:
    for event in everything():
        body = json.loads(asked("github_repository_dispatch", event).body)

        assert 1 <= len(body["event_type"]) <= 100
        assert body["event_type"] == event.type
        assert len(body["client_payload"]) <= 10
        assert len(json.dumps(body["client_payload"])) < 64 * 1024
        assert body["client_payload"]["id"] == event.id


def test_github_takes_every_workflows_inputs() -> None:
    for event in everything():
        body = json.loads(asked("github_workflow_dispatch", event).body)

        assert body["ref"] == "main"
        assert len(body["inputs"]) <= 10
        assert all(isinstance(value, str) for value in body["inputs"].values())
        assert len(json.dumps(body["inputs"], ensure_ascii=False)) <= 65_535
        json.loads(body["inputs"]["data"])


def test_github_takes_metadata_with_a_very_long_name() -> None:
    event = event_of("task.succeeded", DONE, metadata={"👨‍👩‍👧" * 1500: "studio"})

    inputs = json.loads(asked("github_workflow_dispatch", event).body)["inputs"]

    assert len(json.dumps(inputs)) <= 65_535
    assert [*json.loads(inputs["data"])["metadata"].values()] == ["studio"]


def test_the_workflows_ref_is_a_value_of_ones_own() -> None:
    request = asked("github_workflow_dispatch", CASES["failed"], values={"ref": "v1.2"})

    assert json.loads(request.body)["ref"] == "v1.2"


def test_github_is_told_which_api_and_who_we_are() -> None:
    headers = asked("github_repository_dispatch", CASES["failed"]).headers

    assert headers["authorization"] == "Bearer t0ken"
    assert headers["accept"] == "application/vnd.github+json"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", headers["x-github-api-version"])


def test_ones_own_headers_go_before_a_presets() -> None:
    request = asked(
        "github_repository_dispatch",
        CASES["failed"],
        headers={"X-GitHub-Api-Version": "2026-03-10"},
    )

    assert request.headers["x-github-api-version"] == "2026-03-10"


@pytest.mark.parametrize("preset", ["airflow", "airflow_2"])
def test_an_airflow_run_is_named_by_the_event(preset: str) -> None:
    event = CASES["succeeded_grid"]

    body = json.loads(asked(preset, event).body)

    assert body["dag_run_id"] == event.id
    assert body["conf"]["data"] == json.loads(event.body)["data"]
    assert re.fullmatch(r"[A-Za-z0-9_.~:+-]+", body["dag_run_id"])


def test_a_jenkins_build_gets_parameters_and_basic_credentials() -> None:
    request = asked("jenkins", CASES["failed"])

    fields = parse_qs(request.body.decode(), keep_blank_values=True)
    assert fields["MJ_TASK"] == [TASK_ID]
    assert fields["MJ_REASON"] == ["Banned prompt detected: **blood** <@1>"]
    assert request.headers["authorization"] == "Basic Ym90OnQwa2Vu"


@pytest.mark.parametrize("preset", ["n8n", "zapier", "make"])
@given(event=events())
def test_a_thin_body_is_flat_and_has_few_fields(preset: str, event: Event) -> None:
    body = json.loads(asked(preset, event).body)

    own = {name: value for name, value in body.items() if not name.startswith("meta_")}
    assert len(own) == 13
    assert not any(isinstance(value, dict | list) for value in body.values())


@given(events())
def test_cloudevents_are_valid_in_both_modes_and_the_same(event: Event) -> None:
    structured = json.loads(asked("cloudevents", event).body)
    request = asked("cloudevents_binary", event)
    binary = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in request.headers.items()
        if name.startswith("ce-")
    } | {
        "datacontenttype": request.headers["content-type"],
        "data": json.loads(request.body),
    }

    for one in (structured, binary):
        jsonschema.validate(one, CLOUDEVENT, format_checker=jsonschema.FormatChecker())
    assert structured["id"] == event.id
    assert structured == binary
    for name, value in request.headers.items():
        if name.startswith("ce-"):
            assert re.fullmatch(r"(?:[!#$&-~]|%[0-9A-F]{2})+", value)
