"""Recording what upstreams said, whoever had asked them; each event is a line in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from bridge.app.ports import PollResult, TaskStore
from bridge.app.ports.telemetry import Span, Telemetry

log = structlog.get_logger(__name__)


async def record(
    store: TaskStore,
    results: Sequence[PollResult],
    *,
    telemetry: Telemetry | None = None,
    seen_in: Span | None = None,
) -> None:
    """
    Record poll results, see `TaskStore.record`.

    Args:
        telemetry: Where each event's span goes, if *seen_in* says what it was seen in.
    """
    traced, spans = list(results), []
    for place, result in enumerate(results):
        if telemetry and seen_in and (found := result.publication):
            spans.append(telemetry.record(found.event, seen_in=seen_in))
            found = replace(found, traceparent=spans[-1].traceparent)
            traced[place] = replace(result, publication=found)
    recorded = await store.record(traced)
    for span in spans:
        span.end()
    for result, applied in zip(results, recorded.applied, strict=True):
        if applied and result.publication is not None:
            event = result.publication.event
            log.info(
                event.type,
                event_id=event.id,
                task=event.subject,
                sequence=event.sequence,
                progress=result.snapshot and result.snapshot.progress,
                endpoints=len(result.publication.recipients),
            )
