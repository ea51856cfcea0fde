"""What rules press because of a change, as the store and its operators are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from bridge.app.ports import DueTask, NewAction, Order, Publication
from bridge.core.action import press_body
from bridge.core.change import Change
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, NoticeType, notice
from bridge.core.event_data import Json
from bridge.core.rule import Rule, buttons_for
from bridge.core.rule_book import RuleBook, RulePress, presses_of
from bridge.core.task import TaskKey

log = structlog.get_logger(__name__)


def rule_presses(
    rules: RuleBook,
    due: DueTask,
    change: Change,
    event: Event,
    *,
    data: Mapping[str, Json],
    endpoints: Sequence[Endpoint],
) -> Iterator[NewAction]:
    """
    Return what rules press because of a change.

    Args:
        rules: The rules.

        due: The task that has changed.

        change: What happened.

        event: Reports it.

        data: The event's.

        endpoints: Those that may subscribe to a rule's own events.
    """
    for one in presses_of(
        rules,
        due.key,
        change,
        data=data,
        lineage=due.lineage,
        event_id=event.id,
    ):
        log.info(
            "rule.would_press" if one.rule.dry_run else "rule.pressed",
            rule=one.rule.name,
            task=str(due.key),
            button=one.button.label or one.button.custom_id,
            event_id=event.id,
        )
        if not one.rule.dry_run:
            yield replace(
                _pressed(due.key, one), limited=_limited(one.rule, event.at, endpoints)
            )
    for rule in _stopped(rules, due, change, data):
        log.info(
            "rule.stopped",
            rule=rule.name,
            task=str(due.key),
            depth=rule.depth,
            event_id=event.id,
        )


def _stopped(
    rules: RuleBook, due: DueTask, change: Change, data: Mapping[str, Json]
) -> Iterator[Rule]:
    """Return the rules that made a task, and would act on it were it not for their depth."""
    depth = due.lineage.depth - 1
    if depth < 1:
        return
    for rule in rules.fitting(change.type, data, depth=depth):
        is_its_own = due.lineage.by == _by(rule)
        if (
            rule.depth == depth
            and is_its_own
            and buttons_for(rule, change.after.buttons)
        ):
            yield rule


def _limited(
    rule: Rule, at: float, endpoints: Sequence[Endpoint]
) -> Publication | None:
    """Report that a rule drops presses, if it ever does."""
    if rule.limit is None or rule.waits:
        return None
    most, seconds = rule.limit.most, rule.limit.seconds
    reason = f"it may press {most} times in {seconds:g} s; what is beyond is dropped"
    event = notice(
        NoticeType.RULE_LIMITED, name=rule.name, reason=reason, since=at, at=at
    )
    return Publication.of(event, endpoints)


def _by(rule: Rule) -> str:
    return f"rule:{rule.name}"


def _pressed(key: TaskKey, one: RulePress) -> NewAction:
    custom_id = one.button.custom_id
    return NewAction(
        id=one.id,
        kind="press",
        upstream=key.upstream,
        task=key,
        label=one.button.label or one.button.emoji,
        by=_by(one.rule),
        order=Order(
            route="submit/action",
            body=press_body(one.id, key.id, custom_id),
            custom_id=custom_id,
        ),
        rule=one.rule,
    )
