"""A collector of traces: what OTLP/HTTP is spoken to, and the spans that it was sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSpan:
    """One span, its ids in hexadecimal; `parent` is empty for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    service: str
    failed: bool
    facts: dict[str, str | int]


@dataclass(slots=True)
class Collector:
    """A collector on a loopback port, and what it was sent."""

    url: str
    spans: list[ExportedSpan] = field(default_factory=list)
    #: Everything that came, to the byte.
    received: bytes = b""

    def named(self, name: str) -> list[ExportedSpan]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                this.received += body
                this.spans += _spans(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        this = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield this
        finally:
            server.shutdown()
            thread.join()


def _spans(body: bytes) -> Iterator[ExportedSpan]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        of_all = {one.key: _value(one.value) for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ExportedSpan(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    service=str(of_all["service.name"]),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    facts={one.key: _value(one.value) for one in span.attributes},
                )


def _value(value: AnyValue) -> str | int:
    return value.int_value if value.HasField("int_value") else value.string_value
