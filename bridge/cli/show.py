"""``show``: everything that is known of one task, or of one event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.text import Text

from bridge.app.humanize import ago, span
from bridge.app.lookup import OPEN
from bridge.app.ports import ATTEMPTS_KEPT, DeliveryRow, EventRow, TaskRow
from bridge.app.views.actions import Action
from bridge.app.views.events import EventDetailView, Waits
from bridge.app.views.tasks import TaskDetailView
from bridge.app.waiting import explain
from bridge.cli.arguments import JsonOption, UpstreamOption
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import STATE_STYLES, clock, emit, line, text
from bridge.cli.tables import Column, table
from bridge.cli.tasks import status_cell
from bridge.core.archive import is_archive
from bridge.core.media_url import expires_at
from bridge.runtime.deployment import Deployment

#: Presses of a task's buttons that are shown: those made last.
_PRESSED = 20


def show(
    task_id: Annotated[
        str, typer.Argument(metavar="ID", help="A task's id, or an event's (evt_...).")
    ],
    *,
    upstream: UpstreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a task: its state, events, deliveries and attempts."""

    async def work(deployment: Deployment) -> None:
        now = await deployment.admin.clock()
        if task_id.startswith("evt_"):
            event = await deployment.lookup.find_event(task_id)
            waits = await deployment.lookup.waits_of(event.deliveries)
            if as_json:
                emit(EventDetailView.of_row(event, waits))
            else:
                _show_event(_with_reasons(event, waits, now), now)
            return
        row = await deployment.lookup.find_task(task_id, upstream)
        events = await deployment.queries.story(str(row.key))
        waits = await deployment.lookup.waits_of(
            one for event in events for one in event.deliveries
        )
        if as_json:
            emit(TaskDetailView.whole(row, events, waits))
            return
        pressed = await deployment.actions.list(task=row.key, limit=_PRESSED)
        _show_task(
            row,
            [_with_reasons(one, waits, now) for one in events],
            now,
            pressed=pressed.items[::-1],
        )

    in_deployment(work)


def _with_reasons(row: EventRow, waits: Waits, now: float) -> EventRow:
    """Return an event whose deliveries say why they wait."""

    def reason(delivery: DeliveryRow) -> str | None:
        wait = waits.get((delivery.event_id, delivery.endpoint))
        if wait is None:
            return delivery.reason
        return explain(wait).sentence(lambda at: clock(at, now))

    deliveries = [replace(one, reason=reason(one)) for one in row.deliveries]
    return replace(row, deliveries=deliveries)


def _show_task(
    row: TaskRow, events: Sequence[EventRow], now: float, *, pressed: Sequence[Action]
) -> None:
    snapshot = row.snapshot
    head = text(row.key.id, "bold") + text("  ") + status_cell(row)
    if snapshot and snapshot.progress is not None:
        head += text(f"  {snapshot.progress}%")
    if snapshot and snapshot.action:
        head += text(f"  {snapshot.action}", "dim")
    line(head + text(f"  upstream {row.key.upstream}", "dim"))
    facts = [*_facts(row, events, now), *_family(row, pressed)]
    for name, value in facts:
        if value:
            line(text(f"  {name:<9} ", "dim") + text(value))
    if events:
        line(text(""))
        _print_events(events, now)


def _facts(
    row: TaskRow, events: Sequence[EventRow], now: float
) -> Iterator[tuple[str, str | None]]:
    snapshot = row.snapshot
    if snapshot is not None:
        yield "prompt", snapshot.prompt
        yield "fails", snapshot.fail_reason
        yield "image", _until(snapshot.image_url, now)
        for url in snapshot.video_urls:
            yield "video", url
    yield from _keeping(row, events)
    if snapshot is not None:
        yield (
            "buttons",
            " ".join(
                f"[{button.label or button.emoji or button.kind}]"
                for button in snapshot.buttons
            ),
        )
        yield "state", snapshot.state
        times = [
            (name, moment / 1000)
            for name, moment in (
                ("submitted", snapshot.submit_time),
                ("started", snapshot.start_time),
                ("finished", snapshot.finish_time),
            )
            if moment
        ]
        yield "times", ", ".join(f"{name} {clock(at, now)}" for name, at in times)
    yield (
        "metadata",
        json.dumps(dict(row.metadata), ensure_ascii=False) if row.metadata else None,
    )
    yield "hook", f"refused: {row.hook_refused}" if row.hook_refused else None
    yield "tracked", f"{ago(row.tracked_at, now)}{_polling(row, now)}"


def _polling(row: TaskRow, now: float) -> str:
    if not row.active:
        return ", no longer polled"
    if row.next_look is None:
        return ""
    is_late = now - row.next_look >= 1
    return f", {'next poll was due' if is_late else 'polled again'} {ago(row.next_look, now)}"


def _until(url: str | None, now: float) -> str | None:
    """Return a picture's URL, and that it has expired, if it says so itself."""
    expiry = expires_at(url)
    if expiry is None or expiry.timestamp() > now:
        return url
    return f"{url}  (expired {ago(expiry.timestamp(), now)})"


def _keeping(
    row: TaskRow, events: Sequence[EventRow]
) -> Iterator[tuple[str, str | None]]:
    """Say what the archive has of a task, has not, or does not have yet."""
    deliveries = [one for event in events for one in event.deliveries]
    for one in deliveries:
        if is_archive(one.endpoint) and one.state in OPEN:
            yield "kept", f"not yet: {one.reason or one.state}"
    if row.archived is not None:
        for file in row.archived.files:
            size = f"{file.width} x {file.height}, " if file.width else ""
            yield "kept", f"{file.url}  {file.type}, {size}{file.bytes:,} bytes"
        yield "not kept", row.archived.reason


def _family(row: TaskRow, pressed: Sequence[Action]) -> Iterator[tuple[str, str]]:
    """Say what made a task, and what was made of it."""
    made = row.lineage
    if made.action_id is not None:
        of = f"from {made.parent_id} " if made.parent_id else ""
        yield "made", f"{of}by {made.by}  {made.action_id}"
    for one in pressed:
        came = one.child_id or f"{one.state}{f': {one.reason}' if one.reason else ''}"
        yield "pressed", f"{one.label or one.custom_id} by {one.by}: {came}"


def _print_events(events: Sequence[EventRow], now: float) -> None:
    columns = ["#", "EVENT", "SEEN", "ENDPOINT", "STATE", "TRIES", "LAST ATTEMPT"]
    rows = [cells for event in events for cells in _event_cells(event, now)]
    table(
        [Column(title=title, gives_way=title == "LAST ATTEMPT") for title in columns],
        rows,
    )


def _event_cells(row: EventRow, now: float) -> Iterator[list[Text]]:
    event = row.event
    first = [
        text(event.sequence, "dim"),
        text(event.type),
        text(clock(event.at, now), "dim"),
    ]
    if not row.deliveries:
        yield [*first, text("nobody", "dim"), text(""), text(""), text("")]
    for number, delivery in enumerate(row.deliveries):
        lead = first if number == 0 else [text(""), text(""), text("")]
        yield [*lead, *_delivery_cells(delivery, row)]


def _delivery_cells(delivery: DeliveryRow, row: EventRow) -> list[Text]:
    tries = [one for one in row.attempts if one["endpoint"] == delivery.endpoint]
    last = [_outcome(tries[-1])] if tries else []
    # Of many endpoints, or many tries, the store keeps the newest attempts only.
    cut = len(row.attempts) >= ATTEMPTS_KEPT
    lost = cut and not tries and delivery.state in {"delivered", "dead"}
    if lost:
        last.append(f"not among the {ATTEMPTS_KEPT} attempts kept of the event")
    if delivery.reason and (not tries or delivery.state in OPEN):
        last.append(delivery.reason)
    return [
        text(delivery.endpoint),
        text(delivery.state, STATE_STYLES.get(delivery.state, "")),
        text("?" if lost else f"{len(tries) or ''}{'+' if tries and cut else ''}"),
        text("; ".join(last), "dim" if delivery.state == "delivered" else ""),
    ]


def _outcome(attempt: Mapping[str, Any]) -> str:
    status = attempt.get("status")
    fault = attempt.get("fault") or "failed"  # before anything was sent
    what = f"HTTP {status}" if status is not None else str(fault)
    detail = "" if status is not None and 200 <= status < 300 else attempt.get("detail")
    return f"{what} in {span(attempt['took'])}{f': {detail}' if detail else ''}"


def _show_event(row: EventRow, now: float) -> None:
    event = row.event
    line(
        text(event.id, "bold")
        + text(f"  {event.type}")
        + text(f"  {event.subject}", "dim")
    )
    for delivery in row.deliveries:
        state = text(delivery.state, STATE_STYLES.get(delivery.state, ""))
        line(
            text(f"  {delivery.endpoint}  ")
            + state
            + text(f"  {delivery.reason or ''}", "dim")
        )
    for attempt in row.attempts:
        when = clock(attempt["started"], now)
        line(
            text(f"  {when}  {attempt['endpoint']}  ", "dim") + text(_outcome(attempt))
        )
    line(text(event.body))
