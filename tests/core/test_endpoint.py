"""`bridge.core.endpoint`: who hears of what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.template.options import TemplateOptions
from bridge.core.change import Change, ChangeType
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint, Publication
from bridge.core.event import (
    ARCHIVED,
    EVENT_TYPES,
    Event,
    NoticeType,
    archived_event,
    notice,
    task_event,
)
from bridge.core.task import TaskKey
from tests.core.tasks import PIG

TASK_TYPES = [str(kind) for kind in ChangeType]


def event(kind: str, upstream: str = "default") -> Event:
    if kind in TASK_TYPES:
        change = Change(type=ChangeType(kind), before=None, after=PIG)
        return task_event(
            TaskKey(upstream, "1"), change, sequence=1, metadata={}, at=1.0
        )
    if kind == ARCHIVED:
        done = event("task.succeeded", upstream)
        return archived_event(done, [], "HTTP 404", sequence=2, at=1.0)
    about = event("task.failed", upstream) if kind == NoticeType.DELIVERY_DEAD else None
    return notice(
        NoticeType(kind), name=upstream, reason="x", since=0.0, at=1.0, event=about
    )


def heard(*globs: str) -> list[str]:
    endpoint = Endpoint(name="a", url="https://h", events=globs or DEFAULT_EVENTS)
    return [kind for kind in EVENT_TYPES if endpoint.wants(event(kind))]


def test_by_default_every_change_but_progress_is_told() -> None:
    told = [kind for kind in TASK_TYPES if kind != "task.progress"]

    assert heard() == [*told, "task.archived"]


@pytest.mark.parametrize(
    ("glob", "types"),
    [
        ("*", list(EVENT_TYPES)),
        ("task.*", [*TASK_TYPES, "task.archived"]),
        ("task.s*", ["task.submitted", "task.started", "task.succeeded"]),
        ("task.succeeded", ["task.succeeded"]),
        ("*.recovered", ["endpoint.recovered", "upstream.recovered"]),
        ("delivery.dead", ["delivery.dead"]),
        ("TASK.*", []),
        ("task", []),
    ],
)
def test_globs_choose_types(glob: str, types: list[str]) -> None:
    assert heard(glob) == types


def test_several_globs_add_up() -> None:
    assert heard("task.failed", "task.lost") == ["task.failed", "task.lost"]


@pytest.mark.parametrize("kind", EVENT_TYPES)
@pytest.mark.parametrize(
    ("upstreams", "hears"), [(None, True), (("default", "b"), True), (("b",), False)]
)
def test_an_endpoint_hears_of_its_upstreams(
    kind: str, upstreams: tuple[str, ...] | None, hears: bool
) -> None:
    endpoint = Endpoint(name="a", url="https://h", events=("*",), upstreams=upstreams)

    is_about_no_upstream = kind.startswith(("endpoint.", "archive.", "rule."))
    assert endpoint.wants(event(kind)) == (hears or is_about_no_upstream)


@given(st.lists(st.lists(st.sampled_from(EVENT_TYPES)), max_size=5))
def test_recipients_are_named_in_the_order_of_the_configuration(
    subscriptions: list[list[str]],
) -> None:
    endpoints = [
        Endpoint(name=f"e{place}", url="https://h", events=tuple(globs))
        for place, globs in enumerate(subscriptions)
    ]
    failed = event("task.failed")

    assert Publication.of(failed, endpoints).recipients == tuple(
        f"e{place}"
        for place, globs in enumerate(subscriptions)
        if "task.failed" in globs
    )


def test_an_endpoints_secrets_are_not_in_its_repr() -> None:
    endpoint = Endpoint(
        name="a",
        url="https://hooks.example/SECRET",
        headers={"authorization": "SECRET"},
        proxy="http://u:SECRET@p",
        options=TemplateOptions(token="SECRET"),
    )

    assert "SECRET" not in repr(endpoint)


def test_an_endpoint_made_without_options_has_the_defaults_of_its_kind() -> None:
    assert ChatOptions.of(Endpoint(name="a", url="https://h")).language == "en"


def test_options_of_another_kind_are_never_taken_for_ones_own() -> None:
    endpoint = Endpoint(name="a", url="https://h", options=ChatOptions())

    with pytest.raises(TypeError, match="endpoint a has ChatOptions"):
        TemplateOptions.of(endpoint)
