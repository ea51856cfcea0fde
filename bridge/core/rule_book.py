"""
A rule book: many rules, made ready to be asked about many events.

Rule 1: it says nothing that `bridge.core.rule.conditions` would not say, only sooner: globs
are translated once, and rules that want one of some values are found by the value, or by the
part that a value has to have.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, NamedTuple

from bridge.core.action import is_pressed_once, press_id
from bridge.core.button import Button
from bridge.core.change import Change, ChangeType
from bridge.core.rule import (
    NOT,
    Rule,
    buttons_for,
    is_on,
    value_of,
    was_finished_at_first,
)
from bridge.core.task import Lineage, TaskKey

#: Characters that make a text a glob.
_WILD = frozenset("*?[")
#: What stands between the parts of a glob without brackets.
_BETWEEN = re.compile(r"[*?]+")
#: Whether a value fits a condition.
_Test = Callable[[str | None], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePress:
    """A press that a rule asks for; its id is the same whoever evaluates the rule."""

    id: str
    rule: Rule
    button: Button


class _Values(dict[str, str | None]):
    """What an event says in the fields that are asked for, each read once."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._data = data

    def __missing__(self, name: str) -> str | None:
        value = self[name] = value_of(self._data, name)
        return value


class _Ready(NamedTuple):
    """A rule, its place in the configuration, and its conditions."""

    place: int
    rule: Rule
    tests: tuple[tuple[str, _Test], ...]


class _Page:
    """The rules for one type of event."""

    def __init__(self, rules: Sequence[_Ready]) -> None:
        wanted = Counter(pair for one in rules for pair in _wanted(one.rule))
        parts = Counter(pair for one in rules for pair in _parts(one.rule))
        #: By a field's name and its value: the rules that want it.
        self._by_value: dict[str, dict[str | None, list[_Ready]]] = {}
        #: By a field's name and a part of its value: likewise, where that is wanted by fewer rules.
        self._by_part: dict[str, dict[str, list[_Ready]]] = {}
        self._others: list[_Ready] = []
        for one in rules:
            value = min(_wanted(one.rule), key=wanted.__getitem__, default=None)
            part = min(_parts(one.rule), key=parts.__getitem__, default=None)
            if value is not None and (part is None or wanted[value] <= parts[part]):
                name, _ = value
                values = self._by_value.setdefault(name, {})
                for each in set(one.rule.where[name]):
                    values.setdefault(each, []).append(one)
            elif part is not None:
                name, text = part
                self._by_part.setdefault(name, {}).setdefault(text, []).append(one)
            else:
                self._others.append(one)

    def candidates(self, values: _Values) -> Sequence[_Ready]:
        """Return the rules that may fit, in the configuration's order."""
        found = self._others
        for name, rules in self._by_value.items():
            if more := rules.get(values[name]):
                found = [*found, *more]
        for name, by_part in self._by_part.items():
            value = values[name]
            if value is not None:
                for part in [part for part in by_part if part in value]:
                    found = [*found, *by_part[part]]
        return found if found is self._others else sorted(found)


class RuleBook:
    """See the module."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        ready = [
            _Ready(
                place,
                rule,
                tuple((name, _test(wanted)) for name, wanted in rule.where.items()),
            )
            for place, rule in enumerate(rules)
        ]
        self._pages = {
            str(type_): _Page(found)
            for type_ in ChangeType
            if (found := [one for one in ready if is_on(one.rule, type_)])
        }

    def fitting(
        self, type_: str, data: Mapping[str, Any], *, depth: int
    ) -> Iterator[Rule]:
        """
        Return the rules all of whose conditions fit, in the configuration's order.

        Args:
            type_: The event's.

            data: The event's.

            depth: How many actions lie between its task and one that none made.
        """
        page = self._pages.get(type_)
        if page is None:
            return
        values = _Values(data)
        late = was_finished_at_first(type_, data)
        for _, rule, tests in page.candidates(values):
            if depth > rule.depth or (late and not rule.known):
                continue
            for name, test in tests:
                if not test(values[name]):
                    break
            else:
                yield rule


def presses_of(
    rules: RuleBook,
    key: TaskKey,
    change: Change,
    *,
    data: Mapping[str, Any],
    lineage: Lineage,
    event_id: str,
) -> Sequence[RulePress]:
    """
    Return what the rules press because of a change; each button once.

    What may be pressed again is pressed once for each event.
    """
    found: dict[str, RulePress] = {}
    for rule in rules.fitting(change.type, data, depth=lineage.depth):
        for button in buttons_for(rule, change.after.buttons):
            once = "" if is_pressed_once(button.kind) else event_id
            action_id = press_id(key, button.custom_id, once)
            found.setdefault(
                action_id, RulePress(id=action_id, rule=rule, button=button)
            )
    return list(found.values())


def _wanted(rule: Rule) -> Iterator[tuple[str, str]]:
    """Return the fields that have to have one of some values, each with one of these."""
    for name, wanted in rule.where.items():
        if _are_values(wanted):
            yield name, wanted[0]


def _parts(rule: Rule) -> Iterator[tuple[str, str]]:
    """Return the fields whose value has to have something in it, each with that."""
    for name, wanted in rule.where.items():
        globs = [one for one in wanted if one[:1] != NOT and "[" not in one]
        if len(wanted) == len(globs) == 1 and not _are_values(wanted):
            yield name, max(_BETWEEN.split(wanted[0]), key=len)


def _are_values(wanted: Sequence[str]) -> bool:
    """Return whether the texts stand for themselves, and none is a glob or a negation."""
    return bool(wanted) and all(
        one and one[0] != NOT and _WILD.isdisjoint(one) for one in wanted
    )


def _test(wanted: Sequence[str]) -> _Test:
    """Return what says whether a value fits a condition."""
    if _are_values(wanted):
        return frozenset(wanted).__contains__
    barred = [_matches(one[1:]) for one in wanted if one.startswith(NOT)]
    allowed = [_matches(one) for one in wanted if not one.startswith(NOT)]

    if not barred and len(allowed) == 1:
        (matches,) = allowed  # as most are that are no values
        return lambda value: value is not None and matches(value)

    def fits(value: str | None) -> bool:
        if value is None:
            return not allowed
        if any(bars(value) for bars in barred):
            return False
        return not allowed or any(allows(value) for allows in allowed)

    return fits


def _matches(glob: str) -> Callable[[str], object]:
    """Return what says whether a text matches a glob; most are a text with stars around."""
    text = glob.strip("*")
    if not _WILD.isdisjoint(text):
        return re.compile(translate(glob)).match
    begins, ends = not glob.startswith("*"), not glob.endswith("*")
    if begins and ends:
        return text.__eq__
    if begins:
        return lambda value: value.startswith(text)
    if ends:
        return lambda value: value.endswith(text)
    return lambda value: text in value
