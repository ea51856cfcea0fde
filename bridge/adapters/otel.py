"""
OpenTelemetry: one trace from the poll that saw a change to every attempt to deliver it.

Spans are exported by a thread of the SDK, over OTLP, to where its own environment variables
say. A collector that is away costs spans and nothing else: what the queue cannot hold is
dropped.

Rule: no secret, no text of a task, and of a receiver's URL no more than host and port.

Source of the names: OpenTelemetry Semantic Conventions 1.44, "Messaging spans" and "HTTP
spans". What has no name there begins with ``mjbridge.``.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bridge.app.outage import Outage
from bridge.app.ports import Delivery, PollClaim
from bridge.app.ports.telemetry import Span
from bridge.core.address import DEFAULT_PORTS
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.hook import is_hook
from bridge.version import __version__

#: Seconds that the last spans have to get out when a process ends, which it does in five.
FLUSH = 0.3

_SYSTEM = {"messaging.system": "mjbridge"}
_propagator = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Implements `bridge.app.ports.telemetry.Telemetry`. Made after the fork: it has a thread."""

    def __init__(self) -> None:
        """
        Begin to export.

        Raises:
            Exception: Whatever the SDK finds wrong with its environment variables.
        """
        # It logs every batch that is refused, with the collector's address; we say it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        ours = {"service.name": "mjbridge", "service.version": __version__}
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = _ReportingExporter(OTLPSpanExporter())
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mjbridge", __version__)

    def fetch(self, claim: PollClaim) -> Span:
        """Begin a trace: an upstream is asked about tasks."""
        facts: dict[str, str | int] = {
            "mjbridge.upstream": claim.upstream,
            "mjbridge.tasks": len(claim.tasks),
        }
        return self._begin("upstream.fetch", SpanKind.CLIENT, facts)

    def record(self, event: Event, *, seen_in: Span) -> Span:
        """Begin to record an event that was seen in an upstream's answer."""
        facts = {
            **_SYSTEM,
            "messaging.operation.name": "record",
            "messaging.operation.type": "create",
            "messaging.destination.name": event.type,
            "messaging.message.id": event.id,
            "mjbridge.task": event.subject,
        }
        name = f"record {event.type}"
        return self._begin(name, SpanKind.PRODUCER, facts, seen_in.traceparent)

    def attempt(self, delivery: Delivery, endpoint: Endpoint) -> Span:
        """Begin an attempt, which goes on from where the delivery's event was recorded."""
        facts = {
            **_SYSTEM,
            "messaging.operation.name": "deliver",
            "messaging.operation.type": "send",
            "messaging.destination.name": endpoint.name,
            "messaging.message.id": delivery.event.id,
            "http.request.resend_count": delivery.attempts,
            "mjbridge.task": delivery.event.subject,
            **_server(endpoint.url),
        }
        name = "hook" if is_hook(endpoint.name) else endpoint.name
        parent = delivery.traceparent
        return self._begin(f"deliver {name}", SpanKind.CLIENT, facts, parent)

    def close(self) -> None:
        """Report what has ended, for `FLUSH` seconds at most, and end."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(FLUSH)

    def _begin(
        self,
        name: str,
        kind: SpanKind,
        facts: Mapping[str, str | int],
        parent: str | None = None,
    ) -> Span:
        # A context of its own: what else this process traces is not our parent.
        carrier = {"traceparent": parent} if parent else {}
        context = _propagator.extract(carrier, Context())
        span = self._tracer.start_span(name, context, kind=kind, attributes=facts)
        return _OpenSpan(span)


class _OpenSpan:
    """Implements `bridge.app.ports.telemetry.Span`."""

    __slots__ = ("_span",)

    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        at = self._span.get_span_context()
        return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"

    def end(self, *, error: str | None = None, status: int | None = None) -> None:
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _ReportingExporter(SpanExporter):
    """Logs once that a collector takes nothing, and once that it does again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._outage = Outage("telemetry.away", "telemetry.back", remind_every=math.inf)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outage.worked()
        else:
            self._outage.failed("the collector takes no spans; they are dropped")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _server(url: str) -> dict[str, str | int]:
    """Return who a URL leads to. Its path may be a password; an Apprise URL's host, too."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # it is reported by whoever sends there
        return {}
    if parts.hostname is None or port is None or parts.scheme not in DEFAULT_PORTS:
        return {}
    return {"server.address": parts.hostname, "server.port": port}
