"""`bridge.adapters.otel`, and when it is used at all."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from bridge.adapters.otel import FLUSH

#: What a worker does at its start, with one environment after the other; and whether anything was
#: imported that exports. (What is installed of OpenTelemetry, redis-py imports by itself.)
WORKER = """
import json, os, sys
import bridge.tasks
from bridge.runtime.factories import telemetry_of
made = []
for environ in json.loads(sys.argv[1]):
    os.environ.clear()
    os.environ.update(environ)
    made.append(telemetry_of(os.environ) is not None)
exports = any(name.startswith("opentelemetry.exporter") for name in sys.modules)
print(json.dumps([made, exports]))
"""

#: A process that polls a second long without pause while its collector is away, and then ends.
BUSY = """
import time
from bridge import logs
from bridge.adapters.otel import OpenTelemetry
from bridge.app.ports import PollClaim
logs.configure()
claim = PollClaim(
    upstream="u", tasks=[], now=0.0, clock=0.0, failures=0, unhealthy=False,
    unhealthy_since=0.0, token="t", next_in=None,
)
telemetry, polls = OpenTelemetry(), 0
began = time.monotonic()
while time.monotonic() < began + 1.0:
    telemetry.fetch(claim).end()
    polls += 1
closing = time.monotonic()
telemetry.close()
print(polls, time.monotonic() - closing)
"""


def started(*environs: dict[str, str]) -> tuple[list[bool], bool, str]:
    """Return whether a worker traces with each, whether it can export, and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, json.dumps(environs)],
        env={},
        check=True,
        capture_output=True,
        text=True,
    )
    traces, exports = json.loads(done.stdout.splitlines()[-1])
    return traces, exports, done.stderr + done.stdout


#: Where nobody listens.
AWAY = "http://127.0.0.1:1"


def test_no_exporter_is_imported_unless_a_collector_is_named() -> None:
    traces, exports, _ = started(
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_TRACES_SAMPLER": "always_on"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": AWAY, "OTEL_SDK_DISABLED": "true"},
    )

    assert (traces, exports) == ([False] * 4, False)


def test_a_collector_that_is_named_turns_it_on_if_the_variables_make_sense() -> None:
    """If they make none, that costs traces and no worker."""
    traces, exports, logged = started(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": AWAY},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": AWAY},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": AWAY, "OTEL_BSP_MAX_QUEUE_SIZE": "1"},
    )

    assert (traces, exports) == ([True, True, False], True)
    assert "telemetry.off" in logged


@pytest.mark.parametrize(
    "listens",
    [pytest.param(False, id="it is away"), pytest.param(True, id="it never answers")],
)
def test_a_collector_that_takes_nothing_is_logged_once_and_holds_up_nothing(
    listens: bool,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not listens:
            silent.close()
        polls, closing, logged = away(f"http://127.0.0.1:{port}/n0where")

    assert logged.count("telemetry.away") == 1
    assert "n0where" not in logged
    assert polls > 100  # that wait for no export, each of which takes 0.2 s
    assert closing < FLUSH + 8.0  # to export all that is queued takes 20 s


def away(collector: str) -> tuple[int, float, str]:
    """Run `BUSY`; return how often it polled, the seconds of its end, and what it logged."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY],
        env={
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "1000",
        },
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    polls, closing = done.stdout.splitlines()[-1].split()
    return int(polls), float(closing), done.stderr + done.stdout
