"""Attempts that fail before anything is sent, by no receiver's fault."""

from __future__ import annotations

from functools import cache
from traceback import extract_tb

import structlog

from bridge.app.ports import Delivery
from bridge.channels.base import ExchangeResult
from bridge.core.delivery import Attempt, Fault
from bridge.core.endpoint import Endpoint

log = structlog.get_logger(__name__)


@cache
def report_unknown(endpoint: str) -> None:
    """Log, once in each process, that deliveries name an endpoint that is not configured."""
    reason = (
        "no endpoint of this name is configured here; what it has waits until one is"
    )
    log.warning("delivery.endpoint_unknown", endpoint=endpoint, reason=reason)


def not_rendered(
    error: Exception, delivery: Delivery, endpoint: Endpoint, *, duration: float
) -> ExchangeResult:
    """Log what a channel has raised, and return the failed attempt that it is."""
    # Where, but not what: an exception's text may hold a URL, which is a secret.
    *_, place = extract_tb(error.__traceback__)
    log.error(
        "delivery.not_rendered",
        endpoint=endpoint.name,
        event_id=delivery.event.id,
        error=type(error).__name__,
        where=f"{place.name} ({place.filename}:{place.lineno})",
    )
    attempt = Attempt(
        started=delivery.now,
        duration=duration,
        fault=Fault.RENDERING,
        detail=type(error).__name__,
    )
    return ExchangeResult(attempt=attempt)
