"""`bridge.channels.teams`: the card that a team reads, and what its workflow answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import teams
from bridge.channels.sample import sample_event
from bridge.core.event import Event
from bridge.core.task import TaskStatus
from tests.channels.cases import (
    CASES,
    DONE,
    GRID_URL,
    HOSTILE,
    LANGUAGES,
    NASTY_TEXTS,
    NOW,
    OPERATORS,
    REPORTED,
    Transcript,
    each_hostile,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden, languages
from tests.platforms.loopback import HTML, Said, answering
from tests.platforms.teams import SIGNATURE, Teams, every, texts

FINAL = CASES["succeeded_grid"]


def publish(event: Event, server: Teams, **settings: Any) -> Transcript:
    to = endpoint("teams", server.url, **settings)
    return perform(teams, event, to, answers=answering(server))


def shown(event: Event, **settings: Any) -> Mapping[str, Any]:
    """The card that the channel sees of an event."""
    server = Teams()
    transcript = publish(event, server, **settings)
    assert transcript.result == "delivered", transcript.outcome
    assert server.refusals == []
    (card,) = server.cards
    return card


def pictures(card: Mapping[str, Any]) -> list[str]:
    return [one["url"] for one in every(card) if one["type"] == "Image"]


@pytest.mark.parametrize("language", languages("teams"))
@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_is_what_was_agreed_upon(case: str, language: str) -> None:
    url = "https://prod-12.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke"
    to = endpoint("teams", url, language=language, events=["*"])

    transcript = perform(teams, CASES[case], to)

    check_golden("teams", case, language, transcript.requests)


def test_a_picture_is_shown_large_with_what_can_be_done_next() -> None:
    card = shown(FINAL)

    assert texts(card) == [
        "✅ Imagine finished",
        " · 47 s",
        "a lighthouse in a storm, oil on canvas --ar 16:9 --v 7",
        "Next: ",
        "U1 U2 U3 U4 · V1 V2 V3 V4 · 🔄",
        "task 1732257600123456",
    ]
    assert pictures(card) == [GRID_URL]
    assert [one["title"] for one in card["actions"]] == ["Open full size"]


def test_videos_are_buttons() -> None:
    titles = [one["title"] for one in shown(CASES["video"])["actions"]]

    assert titles == ["Watch 1", "Watch 2", "Watch 3", "Watch 4"]


@pytest.mark.parametrize(
    "name",
    ["webp", "http", "private", "local", "relative", "javascript", "expired", "broken"],
)
def test_what_teams_cannot_show_is_not_promised(name: str) -> None:
    assert pictures(shown(HOSTILE[f"picture_{name}"])) == []


def test_without_pictures_there_is_a_link() -> None:
    card = shown(FINAL, images="none")

    assert pictures(card) == []
    assert [one["url"] for one in card["actions"]] == [GRID_URL]


@pytest.mark.parametrize("event", OPERATORS.values(), ids=OPERATORS)
def test_operators_read_what_is_wrong(event: Event) -> None:
    card = shown(event)

    assert "connection refused, 10 times in a row" in texts(card)
    assert pictures(card) == []


@pytest.mark.parametrize("kind", [kind for kind in REPORTED if "progress" not in kind])
def test_a_sample_says_that_it_is_one(kind: str) -> None:
    assert "sample" in " ".join(texts(shown(sample_event(kind, NOW), events=["*"])))


# --- any text -------------------------------------------------------------------------


@each_hostile
def test_whatever_a_stranger_wrote_makes_a_card_without_markdown(event: Event) -> None:
    card = shown(event, prompt_max=100_000)

    # Only these show text, and of these none reads it.
    assert {one["type"] for one in every(card)} <= {
        "AdaptiveCard",
        "RichTextBlock",
        "TextRun",
        "Image",
        "Action.OpenUrl",
    }


@given(events(), st.sampled_from(LANGUAGES))
def test_any_text_makes_a_card_that_is_taken(event: Event, language: str) -> None:
    if event.type != "task.progress":
        shown(event, language=language, prompt_max=50_000, events=["*"])


def test_what_people_wrote_is_what_people_read() -> None:
    nasty = NASTY_TEXTS["markdown"]

    assert nasty in texts(
        shown(event_of("task.succeeded", replace(DONE, prompt=nasty)))
    )


# --- what a workflow answers ----------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (Teams(deleted=True), "the workflow was deleted"),
        (Teams(enabled=False), "the workflow is turned off"),
    ],
    ids=["deleted", "turned off"],
)
def test_a_workflow_that_is_gone_disables_the_endpoint(
    server: Teams, reason: str
) -> None:
    transcript = publish(FINAL, server)

    assert transcript.result == "gone"
    assert transcript.outcome.attempt.detail.startswith(reason)
    assert "9d2f6a1c" not in transcript.outcome.attempt.detail


def test_a_url_without_its_signature_disables_the_endpoint() -> None:
    server = Teams()
    to = endpoint("teams", server.url.partition("&sig=")[0])

    transcript = perform(teams, FINAL, to, answers=answering(server))

    assert transcript.result == "gone"
    assert "signature is missing" in transcript.outcome.attempt.detail


def test_a_card_with_a_picture_that_is_refused_is_sent_without() -> None:
    server = Teams(pictures=False)

    assert publish(FINAL, server).result == "delivered"
    assert pictures(server.cards[0]) == []


def test_a_card_whose_escapes_double_is_cut_until_it_fits() -> None:
    quotes = '"' * 20_000
    failed = replace(DONE, status=TaskStatus.FAILURE, prompt=quotes, fail_reason=quotes)

    transcript = publish(event_of("task.failed", failed), Teams(), prompt_max=20_000)

    assert transcript.result == "delivered"
    assert 20_000 < len(transcript.requests[0].body) <= teams.MAX_BODY


def test_what_is_never_taken_is_given_up() -> None:
    server = Teams()
    server.faults += [Said(status=400)] * 3

    transcript = publish(FINAL, server)

    assert transcript.result == "permanent_failure"
    assert (
        transcript.outcome.attempt.detail == "the workflow refuses the card (HTTP 400)"
    )


@pytest.mark.parametrize(
    ("inner", "meaning"), [(429, "failed"), (403, "failed"), (413, "delivered")]
)
def test_the_old_connectors_errors_inside_200_are_understood(
    inner: int, meaning: str
) -> None:
    server = Teams()
    said = (
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned "
        f"HTTP error {inner} with ContextId tcid=0"
    )
    server.faults.append(Said(body=said.encode()))

    assert publish(FINAL, server).result == meaning


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(status=200, body=HTML), id="a page with 200"),
        pytest.param(Said(status=502, body=HTML), id="a proxy's page"),
        pytest.param(Said(status=429, headers={"retry-after": "7"}), id="too many"),
        pytest.param(Said(lost=True), id="nothing"),
    ],
)
def test_what_is_not_a_yes_is_tried_again(said: Said) -> None:
    server = Teams()
    server.faults.append(said)

    attempt = publish(FINAL, server).outcome.attempt

    assert attempt.result == "failed"
    assert attempt.retry_after == (7 if said.status == 429 else None)
    assert SIGNATURE not in attempt.detail


@pytest.mark.parametrize("said", [Said(status=202), Said(body=b"1"), Said(status=200)])
def test_a_workflow_says_yes_with_few_words(said: Said) -> None:
    server = Teams()
    server.faults.append(said)

    assert publish(FINAL, server).result == "delivered"
