"""
Rules: presses that the configuration asks for when an event fits.

Rule 1: what a rule looks at is the event, as receivers get it, and nothing else. So whoever
evaluates it comes to the same.
Rule 2: a rule never acts on the same news twice: not on corrections, and not on a task that was
finished when it was first seen, unless it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, get_args

from bridge.core.action import find_button, is_pressed_once, press_id
from bridge.core.button import Button, ButtonKind
from bridge.core.change import Change, ChangeType
from bridge.core.event_data import snapshot_json
from bridge.core.task import Lineage, TaskKey, TaskSnapshot

#: Fields of an event's data that a condition can name, beside those of the metadata.
FIELDS = frozenset(
    {"id", "upstream", "sequence", "previousStatus", "parentId", "rootId", "by"}
    | snapshot_json(TaskSnapshot(id="", status=None)).keys() - {"buttons", "videoUrls"}
)
#: What a condition's name begins with that is about what the caller attached.
METADATA = "metadata."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so many presses in so many seconds, over all workers."""

    most: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    Presses that are made when an event fits.

    Attributes:
        on: Globs over types of events.

        where: By a field's dotted name, what it may be: any of these texts, each of which may
            be a glob, or begin with ``!`` for "not".

        press: Labels, kinds with an index (``upsample:1``), or globs over customIds.

        limit: How often it may press; ``None`` for no limit.

        waits: Whether presses beyond the limit wait, or are dropped.

        depth: The most actions between a task that none made and one that it acts on.

        dry_run: Whether it only says what it would do.

        known: Whether it acts on tasks that were finished when they were first seen.
    """

    name: str
    on: tuple[str, ...] = (str(ChangeType.SUCCEEDED),)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    press: tuple[str, ...] = ()
    limit: Limit | None = None
    waits: bool = True
    depth: int = 0
    dry_run: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that a rule asks of an event, whether that fits, and what there is instead."""

    asks: str
    fits: bool
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePress:
    """A press that a rule asks for; its id is the same whoever evaluates the rule."""

    id: str
    rule: Rule
    button: Button


def conditions(
    rule: Rule, type_: str, data: Mapping[str, Any], *, depth: int
) -> Iterator[Condition]:
    """
    Return everything that a rule asks of an event, in the order in which it is written.

    Args:
        type_: The event's.

        data: The event's.

        depth: How many actions lie between its task and one that none made.
    """
    fits = type_ != ChangeType.CORRECTED and any(
        fnmatchcase(type_, glob) for glob in rule.on
    )
    yield Condition(asks=f"on = {_listed(rule.on)}", fits=fits, found=type_)
    first = data.get("previousStatus") is None and _is_final(type_)
    if first and not rule.known:
        found = "it was finished when it was first seen"
        yield Condition(asks="known = true", fits=False, found=found)
    found = f"{depth} from a task that no action made"
    yield Condition(asks=f"depth = {rule.depth}", fits=depth <= rule.depth, found=found)
    for name, wanted in rule.where.items():
        value = _value(data, name)
        yield Condition(
            asks=f"{name} = {_listed(wanted)}",
            fits=_is_any(value, wanted),
            found="null" if value is None else value,
        )


def presses_of(
    rules: Sequence[Rule],
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
    for rule in rules:
        asked = conditions(rule, change.type, data, depth=lineage.depth)
        if not all(condition.fits for condition in asked):
            continue
        for button in buttons_for(rule, change.after.buttons):
            once = "" if is_pressed_once(button.kind) else event_id
            action_id = press_id(key, button.custom_id, once)
            found.setdefault(
                action_id, RulePress(id=action_id, rule=rule, button=button)
            )
    return list(found.values())


def buttons_for(rule: Rule, buttons: Sequence[Button]) -> Sequence[Button]:
    """Return the buttons that a rule presses, of those there are."""
    found: dict[str, Button] = {}
    for wanted in rule.press:
        button = find_button(buttons, wanted)
        globbed = [one for one in buttons if fnmatchcase(one.custom_id, wanted)]
        for one in [button] if button is not None else globbed:
            found.setdefault(one.custom_id, one)
    return list(found.values())


def why_not_a_field(name: str) -> str | None:
    """Return why a condition cannot name a field; ``None`` if it can."""
    if name in FIELDS or (name.startswith(METADATA) and name != METADATA):
        return None
    near = get_close_matches(name, [*FIELDS, f"{METADATA}name"], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"events of tasks have no field {name[:60]!r}{hint}"


def why_not_pressed(wanted: str) -> str | None:
    """Return why nothing that could be pressed is meant; ``None`` if something may be."""
    kinds: tuple[str, ...] = get_args(ButtonKind)
    if not wanted.strip():
        return "a button is a label, a kind with an index, or a customId"
    kind, colon, index = wanted.partition(":")
    if not colon or index.startswith(":"):
        return None
    if kind.casefold() not in kinds:
        near = get_close_matches(kind.casefold(), kinds, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}:{index}?" if near else ""
        return f"there is no kind of button {kind[:40]!r}{hint}"
    return (
        None if index.isdecimal() else f"{index[:20]!r} is not the number of a picture"
    )


def _is_final(type_: str) -> bool:
    return type_ in {str(one) for one in ChangeType if one.is_final}


def _value(data: Mapping[str, Any], name: str) -> str | None:
    if name.startswith(METADATA):
        metadata = data.get("metadata")
        value: Any = metadata if isinstance(metadata, dict) else {}
        for part in name.removeprefix(METADATA).split("."):
            value = value.get(part) if isinstance(value, dict) else None
    else:
        value = data.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None or isinstance(value, dict | list) else str(value)


def _is_any(value: str | None, wanted: Sequence[str]) -> bool:
    """Return whether a value is none of those that it must not be, and any of the others."""
    barred = [text.removeprefix("!") for text in wanted if text.startswith("!")]
    allowed = [text for text in wanted if not text.startswith("!")]
    if value is None:
        return not allowed
    if any(fnmatchcase(value, glob) for glob in barred):
        return False
    return not allowed or any(fnmatchcase(value, glob) for glob in allowed)


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
