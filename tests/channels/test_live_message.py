"""`bridge.channels.live_message`: what is promised of a task's message on every platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.live_port import LiveState
from bridge.core.change import ChangeType
from bridge.core.event import Event
from bridge.core.http import Response
from tests.channels.cases import (
    CASES,
    DONE,
    OPERATORS,
    RUNNING,
    WAITING,
    Transcript,
    event_of,
)
from tests.channels.rooms import CUT_OFF, PAGE, ROOMS, UNAVAILABLE, Room, is_upload

SUBMITTED = CASES["submitted"]
STARTED = event_of("task.started", RUNNING)
HALFWAY = CASES["progress_42"]
LATE = event_of("task.progress", replace(RUNNING, progress=80), sequence=4)
QUESTION = event_of("task.action_required", WAITING, sequence=4)
DONE_AT_LAST = event_of("task.succeeded", DONE, sequence=5)
FAILED = CASES["failed"]
CORRECTED = event_of("task.corrected", DONE, sequence=6)

MODES = ("replace", "edit", "reply")
modes = pytest.mark.parametrize("final", MODES)

Enter = Callable[..., Room]


@pytest.fixture(params=ROOMS)
def enter(request: pytest.FixtureRequest) -> Enter:
    """Make a room of each platform, with settings of its endpoint."""
    return ROOMS[request.param]


def detail(transcript: Transcript) -> str:
    return transcript.outcome.attempt.detail


# --- a task's whole life --------------------------------------------------------------


def test_a_task_is_one_message_edited_in_place_and_one_that_says_how_it_ended(
    enter: Enter,
) -> None:
    room, requests = enter(), []

    for event in (SUBMITTED, STARTED, HALFWAY, DONE_AT_LAST):
        transcript = room.publish(event)
        assert transcript.result == "delivered"
        requests += [
            name for name in room.names(transcript) if name in {"post", "edit"}
        ]
        if event is HALFWAY:
            assert room.emoji == ["🎨"]
            assert "42%" in room.seen[0].text

    assert requests == ["post", "edit", "edit", "post"]
    assert room.emoji == ["✅"]
    assert room.seen[0].picture


def test_the_end_is_out_and_known_before_the_older_message_goes(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)

    transcript = room.publish(DONE_AT_LAST)

    assert room.names(transcript)[-3:] == ["post", "save", "delete"]


def test_the_end_may_be_an_edit(enter: Enter) -> None:
    room = enter(final="edit")

    for event in (SUBMITTED, HALFWAY, DONE_AT_LAST):
        room.publish(event)

    (message,) = room.seen
    assert message.text.startswith("✅")
    assert message.picture


def test_the_end_may_be_a_reply_and_then_the_older_message_says_it_in_full(
    enter: Enter,
) -> None:
    room = enter(final="reply")

    for event in (SUBMITTED, HALFWAY, DONE_AT_LAST):
        room.publish(event)

    older, reply = room.seen
    assert older.text.startswith("✅")
    assert older.picture
    assert not older.answers
    assert reply.text.startswith("✅")
    assert reply.answers


@modes
def test_without_a_message_before_it_the_end_is_a_message(
    enter: Enter, final: str
) -> None:
    room = enter(final=final)

    transcript = room.publish(DONE_AT_LAST)

    assert [name for name in room.names(transcript) if name != "fetch"] == ["post"]


def test_progress_leaves_the_next_edit_as_long_as_the_settings_say(
    enter: Enter,
) -> None:
    room = enter(min_interval=12)

    waits = [
        room.publish(event).outcome.hold_progress
        for event in (SUBMITTED, HALFWAY, FAILED)
    ]

    assert waits == [12.0, 12.0, 0.0]


@modes
def test_a_question_is_announced_and_then_followed_on(enter: Enter, final: str) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)

    asked = room.publish(QUESTION)
    assert "✋" in room.emoji
    assert asked.outcome.hold_progress == 5.0
    room.publish(event_of("task.submitted", WAITING, sequence=5))
    assert "🕓" in room.emoji
    room.publish(event_of("task.failed", RUNNING, sequence=6))

    assert room.emoji == (["❌", "✋", "❌"] if final == "reply" else ["❌"])


@modes
def test_a_correction_is_a_message_of_its_own_and_the_end_stays(
    enter: Enter, final: str
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)
    room.publish(FAILED)
    before = room.seen

    room.publish(CORRECTED)

    *ends, correction = room.seen
    assert ends == before
    assert correction.text.startswith("📝")
    assert not correction.answers


def test_an_operators_event_is_a_message_of_its_own(enter: Enter) -> None:
    room = enter()

    for event in OPERATORS.values():
        assert room.publish(event).outcome.hold_progress == 0.0

    assert len(room.seen) == len(OPERATORS)
    assert room.state == {}


def test_without_edits_every_event_is_a_message_and_nothing_is_kept(
    enter: Enter,
) -> None:
    room = enter(progress="off")

    for event in (SUBMITTED, QUESTION, DONE_AT_LAST):
        room.publish(event)

    assert room.emoji == ["🕓", "✋", "✅"]
    assert room.state == {}


@modes
@pytest.mark.parametrize("kind", ChangeType)
def test_every_kind_of_event_is_delivered_in_every_way(
    enter: Enter, final: str, kind: ChangeType
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)

    assert room.publish(event_of(kind, DONE, sequence=7)).result == "delivered"


def test_a_preview_shows_the_whole_exchange(enter: Enter) -> None:
    room = enter(images="none")
    room.publish(SUBMITTED)

    requests = [
        name for name in room.names(room.publish(DONE_AT_LAST)) if name != "save"
    ]

    assert requests == ["post", "delete"]


# --- order ----------------------------------------------------------------------------


@modes
@pytest.mark.parametrize("end", [DONE_AT_LAST, FAILED], ids=["success", "failure"])
def test_late_progress_never_overwrites_the_end(
    enter: Enter, final: str, end: Event
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)
    room.publish(end)
    before = room.seen

    talks = [room.publish(HALFWAY), room.publish(replace(LATE, sequence=9))]

    assert room.seen == before
    assert all(
        (transcript.result, transcript.requests) == ("delivered", [])
        for transcript in talks
    )
    assert all(detail(transcript).startswith("skipped: ") for transcript in talks)


def test_an_edit_never_goes_back(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.publish(LATE)

    assert room.publish(HALFWAY).requests == []
    assert "80%" in room.seen[0].text


def test_progress_that_is_sent_again_is_not_told_again(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.publish(HALFWAY)

    assert room.publish(HALFWAY, redelivery=True).requests == []


@pytest.mark.parametrize("event", [DONE_AT_LAST, QUESTION], ids=["end", "older news"])
def test_what_is_sent_again_is_a_message_more_and_changes_nothing(
    enter: Enter, event: Event
) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.publish(DONE_AT_LAST)
    before = room.state

    room.publish(event, redelivery=True)

    assert len(room.seen) == 2
    assert room.state == before


def test_an_end_that_was_never_told_takes_its_place_when_it_is_asked_for(
    enter: Enter,
) -> None:
    room = enter()
    room.publish(SUBMITTED)

    room.publish(DONE_AT_LAST, redelivery=True)

    assert room.emoji == ["✅"]


def test_what_comes_twice_is_told_once(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.publish(DONE_AT_LAST)

    assert room.publish(DONE_AT_LAST).requests == []


def test_an_end_is_told_even_if_the_task_counts_from_one_again(enter: Enter) -> None:
    """A task that was forgotten and tracked again begins anew; it must not be swallowed."""
    room = enter()
    room.publish(SUBMITTED)
    room.publish(DONE_AT_LAST)

    room.publish(event_of("task.failed", RUNNING, sequence=1))

    assert room.emoji == ["✅", "❌"]


@given(st.permutations([SUBMITTED, STARTED, HALFWAY, LATE, QUESTION]), st.data())
@pytest.mark.parametrize("name", ROOMS)
def test_in_any_order_and_with_any_answer_lost_the_end_is_the_last_word(
    name: str, events: list[Event], data: st.DataObject
) -> None:
    room = ROOMS[name](final=data.draw(st.sampled_from(MODES)))
    for event in [*events, DONE_AT_LAST]:
        lost = st.sampled_from(["", "", "post", "edit", "delete"])
        room.losing = [one for one in [data.draw(lost)] if one]
        while room.publish(event).result == "failed":
            """What waits behind it waits on."""

    assert "✅" in room.emoji
    assert room.publish(replace(LATE, sequence=9)).requests == []


# --- crashes, and answers that got lost -----------------------------------------------


def test_a_mark_is_saved_before_progress_is_posted(enter: Enter) -> None:
    room = enter()

    transcript = room.publish(SUBMITTED)

    assert room.names(transcript) == ["save", "post"]
    assert transcript.saved[0]["posting"] is True
    assert "posting" not in room.state


def test_a_crash_while_progress_is_posted_costs_the_progress_and_no_second_message(
    enter: Enter,
) -> None:
    room = enter()

    room.crash(SUBMITTED, before="post")
    talks = [room.publish(SUBMITTED), room.publish(HALFWAY)]
    room.publish(DONE_AT_LAST)

    assert all(
        (transcript.result, transcript.requests) == ("delivered", [])
        for transcript in talks
    )
    assert room.emoji == ["✅"]


@pytest.mark.parametrize("answer", [CUT_OFF, PAGE, UNAVAILABLE], ids=["lost", "page", "503"])  # fmt: skip
def test_where_nobody_knows_whether_progress_was_posted_it_is_not_posted_again(
    enter: Enter, answer: Response
) -> None:
    room = enter()
    room.instead["post"] = [answer]

    assert room.publish(SUBMITTED).result == "failed"
    assert room.publish(SUBMITTED).requests == []
    room.publish(DONE_AT_LAST)

    assert room.emoji == ["✅"]


def test_what_was_surely_not_posted_is_posted_later(enter: Enter) -> None:
    room = enter()
    room.instead["post"] = [room.too_many(3)]

    refused = room.publish(SUBMITTED)
    assert (refused.result, refused.outcome.attempt.retry_after) == ("failed", 3.0)
    assert room.publish(SUBMITTED).result == "delivered"

    assert room.emoji == ["🕓"]


@modes
def test_an_end_that_is_out_is_not_repeated_for_the_older_messages_sake(
    enter: Enter, final: str
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)
    if final != "edit":
        room.crash(DONE_AT_LAST, before="edit" if final == "reply" else "delete")

    transcript = room.publish(DONE_AT_LAST)

    assert transcript.result == "delivered"
    assert room.emoji == (["✅", "✅"] if final == "reply" else ["✅"])


# --- the older message ----------------------------------------------------------------


@pytest.mark.parametrize(("final", "request_"), [("replace", "delete"), ("reply", "edit")])  # fmt: skip
@pytest.mark.parametrize("trouble", ["too many", "503", "lost"])
def test_the_older_message_is_dealt_with_later_and_holds_nobody_up(
    enter: Enter, final: str, request_: str, trouble: str
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)
    answers = {"too many": room.too_many(40), "503": UNAVAILABLE, "lost": CUT_OFF}
    room.instead[request_] = [answers[trouble]]

    first = room.publish(DONE_AT_LAST)
    second = room.publish(DONE_AT_LAST)

    assert (first.result, first.outcome.attempt.retry_after) == ("failed", None)
    assert detail(first).startswith("delivered; its older message: ")
    assert second.result == "delivered"
    assert "post" not in room.names(second)
    assert room.emoji == (["✅", "✅"] if final == "reply" else ["✅"])
    assert "cleanup" not in room.state


def test_an_older_message_that_will_not_go_stays_after_three_tries(
    enter: Enter,
) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.instead["delete"] = [UNAVAILABLE] * 3

    talks = [room.publish(DONE_AT_LAST) for _ in range(3)]

    assert [transcript.result for transcript in talks] == [
        "failed",
        "failed",
        "delivered",
    ]
    assert "its older message stays as it was: " in detail(talks[-1])
    assert room.emoji == ["🕓", "✅"]
    assert "cleanup" not in room.state


def test_an_older_message_that_must_not_go_stays_at_once(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.instead["delete"] = [room.frozen()]

    transcript = room.publish(DONE_AT_LAST)

    assert transcript.result == "delivered"
    assert "its older message stays as it was: " in detail(transcript)


def test_an_older_message_that_is_gone_is_no_trouble(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.remove()

    transcript = room.publish(DONE_AT_LAST)

    assert transcript.result == "delivered"
    assert "older message" not in detail(transcript)


# --- what moderators do, and what platforms allow -------------------------------------


def test_a_message_that_was_deleted_is_posted_anew(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.remove()

    transcript = room.publish(LATE)

    assert room.names(transcript)[-3:] == ["edit", "save", "post"]
    assert room.emoji == ["🎨"]
    room.publish(DONE_AT_LAST)
    assert room.emoji == ["✅"]


@modes
def test_a_message_that_was_deleted_does_not_hold_up_the_end(
    enter: Enter, final: str
) -> None:
    room = enter(final=final)
    room.publish(SUBMITTED)
    room.remove()

    assert room.publish(DONE_AT_LAST).result == "delivered"
    assert room.emoji == ["✅"]
    assert room.seen[0].picture


def test_a_reply_whose_older_message_vanishes_leaves_the_end_in_full(
    enter: Enter,
) -> None:
    room = enter(final="reply")
    room.publish(SUBMITTED)
    room.after["post"] = room.remove

    assert room.publish(DONE_AT_LAST).result == "delivered"
    assert room.seen[-1].picture


def test_a_message_that_takes_no_more_edits_makes_way_for_another(
    enter: Enter,
) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.frozen()]

    transcript = room.publish(HALFWAY)

    assert room.names(transcript)[-4:] == ["edit", "save", "post", "delete"]
    assert room.emoji == ["🎨"]


def test_an_end_that_cannot_be_an_edit_is_a_message_in_its_place(enter: Enter) -> None:
    room = enter(final="edit")
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.frozen()]

    room.publish(DONE_AT_LAST)

    assert room.emoji == ["✅"]


@pytest.mark.parametrize(("seconds", "rest"), [(None, 30.0), (2, 5.0), (40, 40.0)])
def test_an_edit_that_meets_a_limit_is_skipped_and_holds_nobody_up(
    enter: Enter, seconds: int | None, rest: float
) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.too_many(seconds)]

    edit = room.publish(HALFWAY)
    end = room.publish(DONE_AT_LAST)

    assert (edit.result, edit.outcome.attempt.retry_after) == ("delivered", None)
    assert "limit for edits is reached" in detail(edit)
    assert edit.outcome.hold_progress == rest
    assert end.result == "delivered"


def test_an_end_that_meets_a_limit_waits_for_it(enter: Enter) -> None:
    room = enter(final="edit")
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.too_many(40)]

    first = room.publish(DONE_AT_LAST)
    second = room.publish(DONE_AT_LAST)

    assert (first.result, first.outcome.attempt.retry_after) == ("failed", 40.0)
    assert second.result == "delivered"
    assert room.emoji == ["✅"]


@pytest.mark.parametrize("event", [SUBMITTED, HALFWAY, DONE_AT_LAST, *OPERATORS.values()])  # fmt: skip
def test_where_nothing_is_taken_any_more_the_endpoint_is_disabled(
    enter: Enter, event: Event
) -> None:
    room = enter(images="none")
    room.instead["post"] = [room.gone()]

    transcript = room.publish(event)

    assert transcript.result == "gone"
    assert len(transcript.requests) == 1


def test_an_endpoint_that_is_gone_under_a_task_is_disabled(enter: Enter) -> None:
    room = enter(images="none")
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.gone()]

    assert room.publish(HALFWAY).result == "gone"


# --- variants -------------------------------------------------------------------------


def test_a_message_that_is_refused_is_delivered_in_a_simpler_form(enter: Enter) -> None:
    room = enter()
    room.instead["post"] = [room.refused()]

    transcript = room.publish(DONE_AT_LAST)

    assert transcript.result == "delivered"
    assert "in a simpler form, because " in detail(transcript)


def test_each_variant_sent_after_a_refusal_is_charged_to_the_rate(enter: Enter) -> None:
    room = enter()
    room.instead["post"] = [room.refused()]

    transcript = room.publish(DONE_AT_LAST)

    assert (
        transcript.outcome.extra_requests
        == room.names(transcript).count("post") - 1
        > 0
    )
    assert room.publish(DONE_AT_LAST, redelivery=True).outcome.extra_requests == 0


def test_what_is_refused_in_every_form_is_given_up(enter: Enter) -> None:
    room = enter()
    room.instead["post"] = [room.refused()] * 9

    transcript = room.publish(DONE_AT_LAST)

    assert transcript.result == "permanent_failure"
    why = [
        one for one in json.loads(room.refused().body).values() if isinstance(one, str)
    ]
    assert any(one in detail(transcript) for one in why)
    assert "in a simpler form" not in detail(transcript)
    assert "retry" not in room.state


@pytest.mark.parametrize("progress", ["edit", "off"])
def test_a_variant_that_was_refused_is_not_sent_again_at_the_next_attempt(
    enter: Enter, progress: str
) -> None:
    room = enter(progress=progress)
    room.instead["post"] = [room.refused(), room.too_many(2)]

    first = room.publish(DONE_AT_LAST)
    again = room.publish(DONE_AT_LAST)

    def bodies(transcript: Transcript) -> list[bytes]:
        return [one.body for one in transcript.requests if room.named(one) == "post"]

    assert (first.result, again.result) == ("failed", "delivered")
    assert len(bodies(first)) == 2
    assert bodies(again) == bodies(first)[1:]
    assert "retry" not in room.state


@pytest.mark.parametrize("name", [name for name in ROOMS if name != "slack"])
@pytest.mark.parametrize(
    "settings",
    [{"progress": "off"}, {}, {"final": "edit"}, {"final": "reply"}],
    ids=["alone", "replace", "edit", "reply"],
)
def test_an_upload_that_does_not_get_through_is_a_link_the_next_time(
    name: str, settings: dict[str, Any]
) -> None:
    room = ROOMS[name](images="upload", **settings)
    if "progress" not in settings:
        room.publish(SUBMITTED)
    room.cuts_uploads = True
    talks = [room.publish(DONE_AT_LAST) for _ in range(2)]

    assert [transcript.result for transcript in talks] == ["failed", "delivered"]
    assert [any(map(is_upload, transcript.requests)) for transcript in talks] == [
        True,
        False,
    ]
    assert room.seen[-1].picture
    assert "retry" not in room.state


@pytest.mark.parametrize("name", [name for name in ROOMS if name != "slack"])
def test_where_a_link_gets_no_answer_either_the_upload_has_another_try(
    name: str,
) -> None:
    room = ROOMS[name](images="upload", progress="off")
    room.instead["post"] = [CUT_OFF, CUT_OFF]

    talks = [room.publish(DONE_AT_LAST) for _ in range(3)]

    uploads = [any(map(is_upload, transcript.requests)) for transcript in talks]
    assert uploads == [True, False, True]
    assert room.seen[-1].picture


# --- state ----------------------------------------------------------------------------


def test_what_is_known_of_another_place_is_not_known(enter: Enter) -> None:
    room = enter()
    room.publish(SUBMITTED)
    room.publish(HALFWAY)

    room.move()
    transcript = room.publish(LATE)
    room.publish(DONE_AT_LAST)

    assert "edit" not in room.names(transcript)
    assert room.emoji == ["🎨", "✅"]


@given(
    st.dictionaries(
        st.sampled_from([*LiveState.__dataclass_fields__, "ts", "id", "chat"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.dictionaries(
            st.sampled_from(["id", "message", "at"]), st.text(max_size=3)
        ),
    ),
    st.sampled_from([HALFWAY, DONE_AT_LAST]),
)
@pytest.mark.parametrize("name", ROOMS)
def test_a_state_that_makes_no_sense_costs_a_message_at_most(
    name: str, state: dict[str, Any], event: Event
) -> None:
    """It may come from another version, or from somebody who played with the store."""
    room = ROOMS[name]()
    room.state = state

    assert room.publish(event).result == "delivered"


def test_an_id_that_the_platform_never_gave_is_a_message_that_is_gone(
    enter: Enter,
) -> None:
    room = enter()
    room.state = {"message": {"id": "x", "channel": "y"}, "sequence": 1}

    assert room.publish(HALFWAY).result == "delivered"
    assert room.emoji == ["🎨"]


def test_what_older_versions_saved_costs_a_message_at_most(enter: Enter) -> None:
    for state in enter().old_states():
        room = enter()
        room.state = state

        assert room.publish(HALFWAY).result == "delivered"
        assert room.publish(DONE_AT_LAST).result == "delivered"
        assert room.emoji == ["✅"]


def test_no_secret_is_kept_or_said(enter: Enter) -> None:
    room = enter()
    room.instead["post"] = [UNAVAILABLE]

    talks = [room.publish(event) for event in (SUBMITTED, HALFWAY, DONE_AT_LAST)]

    assert room.secret not in json.dumps(room.state)
    assert not any(room.secret in detail(transcript) for transcript in talks)
    assert not any("://" in detail(transcript) for transcript in talks)
