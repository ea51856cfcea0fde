"""Tests of `bridge.core.token`: what a link and a button carry."""

from __future__ import annotations

import statistics
import string
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.task import TaskKey, why_not_an_id
from bridge.core.token import (
    MAX_LENGTH,
    ActionLinks,
    Purpose,
    TokenKeys,
    button_name,
    long_id,
)

NOW = 1_795_000_000.0
LATER = NOW + 14 * 86400
KEYS = TokenKeys(["a-secret-of-this-deployment"])
CUSTOM_ID = "MJ::JOB::upsample::1::9a1c7e6a-3b1c-4a57-8c9d-0e5f6a7b8c9d"
TOKENS_OF_TASKS = (Purpose.LINK,)
TOKENS_OF_BUTTONS = (Purpose.SLACK, Purpose.DISCORD, Purpose.TELEGRAM)

ids = st.one_of(
    st.integers(0, 10**19 - 1).map(str),
    st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=128),
    st.text(min_size=1, max_size=40).filter(lambda text: why_not_an_id(text) is None),
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
buttons = st.text(min_size=1, max_size=120)


def _sign(purpose: Purpose, task: TaskKey, custom_id: str, keys: TokenKeys) -> str:
    of_button = purpose in TOKENS_OF_BUTTONS
    return keys.sign(
        purpose,
        task,
        endpoint="team",
        expires=LATER,
        custom_id=custom_id if of_button else None,
    )


@given(
    st.sampled_from((*TOKENS_OF_TASKS, *TOKENS_OF_BUTTONS)),
    names,
    ids,
    names,
    buttons,
)
def test_what_is_signed_is_read_and_fits_a_button(
    purpose: Purpose, upstream: str, task_id: str, endpoint: str, custom_id: str
) -> None:
    task = TaskKey(upstream, task_id)
    pressed = custom_id if purpose in TOKENS_OF_BUTTONS else None
    token = KEYS.sign(
        purpose, task, endpoint=endpoint, expires=LATER, custom_id=pressed
    )

    grant = KEYS.read(purpose, token, now=NOW)

    assert len(token.encode()) <= MAX_LENGTH
    assert grant is not None
    assert grant.upstream(["other", upstream]) == upstream
    assert grant.endpoint(["other.one", endpoint]) == endpoint
    assert grant.button(["another", custom_id]) == pressed
    assert (grant.task_id or None, grant.long_id or None) == (
        (None, long_id(task)) if long_id(task) else (task_id, None)
    )


@pytest.mark.parametrize("task_id", ["1732257600123456", "0", "9" * 19])
def test_a_number_needs_no_store_and_stays_what_it_is(task_id: str) -> None:
    assert long_id(TaskKey("default", task_id)) is None


@pytest.mark.parametrize("task_id", ["017", "1" * 20, "abc", "+1", "１"])
def test_an_id_that_no_number_spells_is_kept_by_the_store(task_id: str) -> None:
    assert long_id(TaskKey("default", task_id)) is not None


@given(ids, st.integers(0, MAX_LENGTH - 1), st.integers(1, 127))
def test_any_changed_byte_is_refused(task_id: str, place: int, change: int) -> None:
    token = _sign(Purpose.TELEGRAM, TaskKey("default", task_id), CUSTOM_ID, KEYS)
    raw = bytearray(token.encode())
    raw[place % len(raw)] ^= change

    changed = raw.decode()

    assume(changed != token)
    assert KEYS.read(Purpose.TELEGRAM, changed, now=NOW) is None


@given(st.integers(0, MAX_LENGTH), st.text(max_size=3))
def test_a_token_cut_short_or_made_longer_is_refused(length: int, more: str) -> None:
    token = _sign(Purpose.LINK, TaskKey("default", "1"), CUSTOM_ID, KEYS)

    assume(token[:length] + more != token)
    assert KEYS.read(Purpose.LINK, token[:length] + more, now=NOW) is None


@given(st.text(max_size=200))
def test_no_text_whatever_raises(text: str) -> None:
    for purpose in Purpose:
        assert KEYS.read(purpose, text, now=NOW) is None
        assert not KEYS.is_seal(purpose, text, "about this")


@pytest.mark.parametrize("made_for", [*TOKENS_OF_TASKS, *TOKENS_OF_BUTTONS])
@pytest.mark.parametrize("read_for", [*TOKENS_OF_TASKS, *TOKENS_OF_BUTTONS])
def test_a_token_is_worth_something_for_its_purpose_alone(
    made_for: Purpose, read_for: Purpose
) -> None:
    token = _sign(made_for, TaskKey("default", "1"), CUSTOM_ID, KEYS)

    grant = KEYS.read(read_for, token, now=NOW)

    assert (grant is not None) is (made_for is read_for)


def test_a_token_is_over_when_its_time_is() -> None:
    token = _sign(Purpose.LINK, TaskKey("default", "1"), CUSTOM_ID, KEYS)

    assert KEYS.read(Purpose.LINK, token, now=LATER - 1) is not None
    assert KEYS.read(Purpose.LINK, token, now=LATER) is None


def test_while_keys_are_rotated_the_first_signs_and_all_are_accepted() -> None:
    old, new, both = (
        TokenKeys(["the-old-secret-of-all"]),
        TokenKeys(["the-new-secret-of-all"]),
        TokenKeys(["the-new-secret-of-all", "the-old-secret-of-all"]),
    )
    task = TaskKey("default", "1")
    of_old = _sign(Purpose.LINK, task, CUSTOM_ID, old)
    of_both = _sign(Purpose.LINK, task, CUSTOM_ID, both)

    assert both.read(Purpose.LINK, of_old, now=NOW) is not None
    assert new.read(Purpose.LINK, of_both, now=NOW) is not None
    assert new.read(Purpose.LINK, of_old, now=NOW) is None
    assert both.is_seal(Purpose.FORM, old.seal(Purpose.FORM, "a", "b"), "a", "b")


def test_a_seal_is_for_its_texts_and_its_purpose() -> None:
    seal = KEYS.seal(Purpose.FORM, "cookie", "token")

    assert KEYS.is_seal(Purpose.FORM, seal, "cookie", "token")
    assert not KEYS.is_seal(Purpose.FORM, seal, "cookie", "another")
    assert not KEYS.is_seal(Purpose.WEBHOOK, seal, "cookie", "token")


def test_wrong_tokens_of_every_kind_take_the_same_time() -> None:
    """Measured in the process's own time, as a ratio: a wide one, for a busy machine."""
    valid = _sign(Purpose.LINK, TaskKey("default", "1"), CUSTOM_ID, KEYS)
    first, last = ("A" if valid[0] != "A" else "B"), ("A" if valid[-2] != "A" else "B")
    wrong = {
        "begins otherwise": first + valid[1:],
        "ends otherwise": valid[:-2] + last + valid[-1],
        "of another purpose": _sign(
            Purpose.SLACK, TaskKey("default", "1"), CUSTOM_ID, KEYS
        ),
        "expired": KEYS.sign(
            Purpose.LINK, TaskKey("default", "1"), endpoint="team", expires=NOW - 1
        ),
    }

    def ratio() -> float:
        took = {name: [] for name in wrong}  # type: dict[str, list[float]]
        for _ in range(300):
            for name, token in wrong.items():
                began = time.process_time_ns()
                assert KEYS.read(Purpose.LINK, token, now=NOW) is None
                took[name].append(time.process_time_ns() - began)
        medians = [statistics.median(times) for times in took.values()]
        return max(medians) / min(medians)

    # A machine that is interrupted makes one series uneven, and not three.
    assert min(ratio() for _ in range(3)) < 2


def test_a_page_is_offered_where_people_can_reach_it() -> None:
    task = TaskKey("default", "1732257600123456")
    links = ActionLinks(keys=KEYS, public_url="https://b.example/x/", ttl=60.0)

    url = links.page(task, "team", now=NOW)

    assert url is not None
    prefix, _, token = url.rpartition("/")
    assert prefix == "https://b.example/x/a"
    grant = KEYS.read(Purpose.LINK, token, now=NOW)
    assert grant is not None
    assert (grant.task_id, grant.expires) == (task.id, int(NOW) + 60)
    assert (
        ActionLinks(keys=KEYS, public_url=None, ttl=60.0).page(task, "team", now=NOW)
        is None
    )


def test_a_button_has_a_name_that_says_nothing_of_its_id() -> None:
    assert button_name(CUSTOM_ID) != button_name(CUSTOM_ID.upper())
    assert len(button_name(CUSTOM_ID)) == 12
