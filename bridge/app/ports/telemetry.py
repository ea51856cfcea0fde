"""
Port of tracing: what is seen of a change on its way from the upstream to a receiver.

The use cases are given `None` where nothing is traced, and then do nothing for it.
"""

from __future__ import annotations

from typing import Protocol

from bridge.app.ports.delivery import Delivery
from bridge.app.ports.polling import PollClaim
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event


class Span(Protocol):
    """Something that began, and takes its time. One that is never ended is never reported."""

    @property
    def traceparent(self) -> str:
        """What it is called by those that go on from it, as in W3C Trace Context."""

    def end(self, *, error: str | None = None, status: int | None = None) -> None:
        """
        End it, once.

        Args:
            error: The kind of what went wrong, one of a few; ``None`` if nothing did.

            status: The status code of the last HTTP response, if there was one.
        """


class Telemetry(Protocol):
    """Where spans are reported. Never waits, and never raises."""

    def fetch(self, claim: PollClaim) -> Span:
        """Begin a trace: an upstream is asked about tasks."""

    def record(self, event: Event, *, seen_in: Span) -> Span:
        """Begin to record an event that was seen in an upstream's answer."""

    def attempt(self, delivery: Delivery, endpoint: Endpoint) -> Span:
        """Begin an attempt, which goes on from where the delivery's event was recorded."""

    def close(self) -> None:
        """Report what has ended, if that can be done in a moment, and end."""
