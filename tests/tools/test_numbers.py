"""The numbers that the documentation promises are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bridge
from bridge.adapters.broker import foreign_queue
from bridge.app.ports import NEARLY_FULL
from bridge.core import backoff, delivery, hook
from bridge.runtime import self_tick
from bridge.web import limits, server, session, signin, stream

ROOT = Path(__file__).parents[2]
LUA = Path(bridge.__file__).parent / "adapters" / "store" / "lua"
HOUR, DAY = 3600, 86400
WORDS = {3: "three", 5: "five", 9: "nine", 10: "ten"}


def lua(script: str, name: str) -> int:
    """Return a constant of one of the store's scripts."""
    text = (LUA / f"{script}.lua").read_text(encoding="utf-8")
    [(names, values)] = re.findall(rf"(?m)^local (.*\b{name}\b.*) = (.*)$", text)
    constants = dict(zip(names.split(", "), values.split(", "), strict=True))
    return int(constants[name])


def word(number: float) -> str:
    return WORDS[int(number)]


OPEN_FOR = lua("shared/settling", "OPEN_FOR")
PROMISES = [
    ("README.md", f"Retries for {word(sum(backoff.STANDARD_RETRY) // DAY)} days"),
    ("CHANGELOG.md", f"{word(len(backoff.STANDARD_RETRY))} retries over some "),
    ("CHANGELOG.md", f"some {sum(backoff.STANDARD_RETRY) / HOUR:.0f} hours"),
    ("docs/architecture.md", f"after {delivery.MAX_REFUSALS} attempts it is dead"),
    ("docs/architecture.md", f"given up after {word(delivery.MAX_CRASHES)} crashes"),
    ("docs/architecture.md", f"some {self_tick.TAKE_OVER_AFTER:.0f} s without it"),
    (
        "docs/architecture.md",
        f"{word(lua('shared/settling', 'FAULTS_TO_OPEN'))} connection errors, timeouts or 5xx",
    ),
    ("docs/architecture.md", f"after {OPEN_FOR} s (then {OPEN_FOR * 2}, "),
    ("docs/architecture.md", f", ... {lua('shared/limits', 'OPEN_AT_MOST')})"),
    ("docs/operating.md", f"At {NEARLY_FULL * 100:.0f} % of the store's memory"),
    ("docs/operating.md", f"({word(signin.WRONG_TRIES)} at once"),
    ("docs/operating.md", f"one in {signin.TRY_EVERY:.0f} s)"),
    ("docs/operating.md", f"**Sessions** last {session.LIFETIME / DAY:.0f} days"),
    ("docs/operating.md", f"in work get {server.GRACE} s"),
    ("docs/operating.md", f"of the newest {foreign_queue.MOST},"),
    ("docs/troubleshooting.md", f"Polling pauses at {NEARLY_FULL * 100:.0f} %"),
    ("docs/stream.md", f"after {stream.KEEP_ALIVE:.0f} s without an event"),
    ("docs/stream.md", f"retry: {stream.RETRY}"),
    ("docs/hooks.md", f"more than {hook.MAX_URL:,} characters"),
    ("docs/hooks.md", f"those from {hook.FIRST_USER_PORT} on"),
    ("docs/api.md", f"kept for {lua('shared/once', 'REQUEST_KEPT') / HOUR:.0f} hours"),
    ("docs/api.md", f"at most {limits.BODY / 1024**2:.0f} MiB"),
]


@pytest.mark.parametrize(("page", "sentence"), PROMISES)
def test_a_number_in_the_documentation_is_that_of_the_code(
    page: str, sentence: str
) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())

    assert sentence.lower() in text.lower()


def test_a_stream_is_never_more_than_a_second_late() -> None:
    assert stream.PACE < 1
