"""`bridge.core.rule_book`: it finds what the conditions say, and asks for the same presses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core.change import Change, ChangeType
from bridge.core.rule import Rule, conditions
from bridge.core.rule_book import RuleBook, presses_of
from bridge.core.task import NO_LINEAGE, TaskKey, TaskSnapshot, TaskStatus
from tests.core.test_rule import DATA, GRID, rule

KEY = TaskKey("default", "1")
#: Seconds of processor time for an event and fifty rules: a twentieth of what it takes to record it.
EVALUATED_WITHIN_S = 250e-6 / 20
#: Few enough texts that they meet, with all that is special in globs and negations.
TEXTS = st.sampled_from(
    ["a", "b", "ab", "a\nb", "", "!", "!a", "!!a", "*", "**", "a*", "*b", "*a*", "!a*", "!*b",
     "a?", "[ab]", "[!a]", "*[a", "a*b", "[*]", "100", "true"]
)  # fmt: skip
NAMES = st.sampled_from(["action", "prompt", "progress", "metadata.a", "metadata.b.c"])
VALUES = st.none() | st.sampled_from(
    ["a", "b", "ab", "a\nb", "", "!a", "*", "[a", 100, True]
)
RULES = st.builds(
    Rule,
    name=st.just("r"),
    on=st.lists(
        st.sampled_from(["task.succeeded", "task.*", "*", "task.failed"]), max_size=2
    ).map(tuple),
    where=st.dictionaries(NAMES, st.lists(TEXTS, max_size=3).map(tuple), max_size=3),
    depth=st.integers(0, 2),
    known=st.booleans(),
)
EVENTS = st.fixed_dictionaries(
    {
        "previousStatus": st.sampled_from([None, "IN_PROGRESS"]),
        "action": VALUES,
        "prompt": VALUES,
        "progress": VALUES,
        "metadata": st.none()
        | st.fixed_dictionaries(
            {"a": VALUES, "b": st.none() | st.fixed_dictionaries({"c": VALUES})}
        ),
    }
)


@given(
    rules=st.lists(RULES, max_size=8),
    type_=st.sampled_from([*map(str, ChangeType), "task.archived"]),
    data=EVENTS,
    depth=st.integers(0, 2),
)
@example(
    rules=[rule(where={"action": ("b", "b")})],
    type_="task.succeeded",
    data={"action": "b"},
    depth=0,
)
def test_the_rules_found_are_those_all_of_whose_conditions_fit(
    rules: Sequence[Rule], type_: str, data: Mapping[str, Any], depth: int
) -> None:
    found = list(RuleBook(rules).fitting(type_, data, depth=depth))

    expected = [
        one
        for one in rules
        if type_ in set(ChangeType)
        and all(each.fits for each in conditions(one, type_, data, depth=depth))
    ]
    assert list(map(id, found)) == list(map(id, expected))


@pytest.mark.parametrize(
    "wanted",
    [("c7",), ("c7", "c8"), ("c*",), ("*7",), ("*7*",), ("c?",), ("!c8",), ("!c[89]",)],
    ids=repr,
)
def test_a_rule_among_many_is_found_whatever_its_condition_is_like(
    wanted: tuple[str, ...],
) -> None:
    others = [rule(where={"metadata.customer": (f"n{n}",)}) for n in range(50)]
    fits = rule(
        name="fits", where={"action": ("IMAGINE",), "metadata.customer": wanted}
    )
    book = RuleBook([*others, fits])

    data = {**DATA, "metadata": {"customer": "c7"}}
    found = list(book.fitting("task.succeeded", data, depth=0))

    assert [one.name for one in found] == ["fits"]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("a pale sun --niji", ["any", "sun", "sun too", "flag"]),
        ("a pale moon", ["any"]),
        (None, []),
    ],
)
def test_rules_for_a_part_of_a_text_are_found_where_it_is(
    prompt: str | None, names: list[str]
) -> None:
    wanted = {
        "any": "*",
        "sun": "*sun*",
        "sea": "*sea*",
        "sun too": "*sun*",
        "flag": "*--n?ji*",
    }
    book = RuleBook(
        [rule(name=name, where={"prompt": (text,)}) for name, text in wanted.items()]
    )

    data = {**DATA, "prompt": prompt}
    found = book.fitting("task.succeeded", data, depth=0)

    assert [one.name for one in found] == names


@pytest.mark.parametrize(
    "where",
    [
        lambda n: {"metadata.customer": (f"n{n}", f"m{n}")},
        lambda n: {"prompt": (f"*word{n}*",)},
        lambda n: {"action": ("IMAGINE",), "prompt": (f"*word{n} *sun*",)},
    ],
    ids=["values", "parts", "patterns"],
)
def test_fifty_rules_that_do_not_fit_cost_next_to_nothing(
    where: Callable[[int], Mapping[str, tuple[str, ...]]],
) -> None:
    book = RuleBook([rule(name=f"r{n}", where=where(n)) for n in range(50)])
    data = {**DATA, "prompt": "a pale sun over a pond", "metadata": {"customer": "c"}}

    def seconds() -> float:
        began = process_time()
        for _ in range(50):
            assert not list(book.fitting("task.succeeded", data, depth=0))
        return (process_time() - began) / 50

    assert min(seconds() for _ in range(5)) < EVALUATED_WITHIN_S


def test_the_same_event_asks_for_the_same_presses_whoever_evaluates_it() -> None:
    after = TaskSnapshot(id="1", status=TaskStatus.SUCCESS, buttons=GRID)
    change = Change(
        type=ChangeType.SUCCEEDED, before=TaskStatus.IN_PROGRESS, after=after
    )

    def ids(event_id: str, *rules: Rule) -> list[str]:
        found = presses_of(
            RuleBook(rules),
            KEY,
            change,
            data=DATA,
            lineage=NO_LINEAGE,
            event_id=event_id,
        )
        return [one.id for one in found]

    both = rule(press=("U1", "V1"))
    other = rule(name="other", press=("U1",))
    never = rule(name="never", where={"action": ("BLEND",)})
    nor = rule(name="nor", where={"action": ("!IMAGINE",)})
    first = ids("evt_1", both, other, never, nor)
    assert len(first) == 2
    assert first == ids("evt_1", both)
    # What is pressed once is that for every event; what is not is once for each.
    again = ids("evt_2", both)
    assert (again[0], again[1] == first[1]) == (first[0], False)
