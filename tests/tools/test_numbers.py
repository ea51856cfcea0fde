"""The numbers that the documentation promises are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bridge
from benchmarks.__main__ import QUICK
from bridge.adapters import otel
from bridge.adapters.archive import s3
from bridge.adapters.broker import foreign_queue
from bridge.adapters.gateway import coerce
from bridge.adapters.store import admin
from bridge.app import click_follower, outage, store_memory
from bridge.app.delivery import pump
from bridge.app.ports import NEARLY_FULL
from bridge.channels import archive, webhook
from bridge.core import action, backoff, cadence, delivery, hook, media
from bridge.runtime import engine, self_tick
from bridge.web import http_server, limits, session, signin, stream
from bridge.web.api.actions import MAX_MASK
from bridge.web.relay import exchanges

ROOT = Path(__file__).parents[2]
LUA = Path(bridge.__file__).parent / "adapters" / "store" / "lua"
MINUTE, HOUR, DAY = 60, 3600, 86400
MIB = 1024**2
WORDS = {3: "three", 5: "five", 6: "six", 9: "nine", 10: "ten", 100: "hundred"}
SPANS: dict[float, str] = {
    1: "second",
    30: "half a minute",
    MINUTE: "minute",
    HOUR: "hour",
}
SHARES = {0.25: "quarter"}


def lua(script: str, name: str) -> int:
    """Return a constant of one of the store's scripts."""
    text = (LUA / f"{script}.lua").read_text(encoding="utf-8")
    [(names, values)] = re.findall(rf"(?m)^local (.*\b{name}\b.*) = (.*)$", text)
    constants = dict(zip(names.split(", "), values.split(", "), strict=True))
    return int(constants[name])


def word(number: float) -> str:
    return WORDS[int(number)]


FIRST, SECOND, *LATER = action.SEARCH_AFTER
THIRD, LAST = (one / MINUTE for one in LATER)
OPEN_FOR = lua("shared/settling", "OPEN_FOR")
PROMISES = [
    ("README.md", f"Retries for {word(sum(backoff.STANDARD_SCHEDULE) // DAY)} days"),
    ("CHANGELOG.md", f"{word(len(backoff.STANDARD_SCHEDULE))} retries over some "),
    ("CHANGELOG.md", f"some {sum(backoff.STANDARD_SCHEDULE) / HOUR:.0f} hours"),
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
    ("docs/operating.md", f"in work get {http_server.GRACE} s"),
    ("docs/operating.md", f"of the newest {foreign_queue.MOST},"),
    ("docs/troubleshooting.md", f"Polling pauses at {NEARLY_FULL * 100:.0f} %"),
    ("docs/operating.md", f"attempts in flight get {engine.GRACE} s"),
    ("docs/operating.md", f"SIGTERM gets {otel.FLUSH} s"),
    ("docs/operating.md", f"then every {SPANS[outage.REMIND_EVERY]}"),
    (
        "docs/operating.md",
        f"a reminder every {word(store_memory.REMIND_EVERY / MINUTE)} minutes",
    ),
    ("docs/operating.md", f"once a {SPANS[cadence.TICK]} it takes the messages"),
    (
        "docs/stream.md",
        f"the newest {lua('shared/publishing', 'FEED_KEPT') - 1:,} events",
    ),
    ("docs/stream.md", f"after {stream.KEEP_ALIVE:.0f} s without an event"),
    ("docs/stream.md", f"retry: {stream.RETRY}"),
    ("docs/hooks.md", f"more than {hook.MAX_URL:,} characters"),
    ("docs/hooks.md", f"those from {hook.FIRST_USER_PORT} on"),
    ("docs/hooks.md", f"at most a {SHARES[pump.HOOK_SHARE]} of a worker's attempts"),
    ("docs/threat-model.md", f"a {SHARES[pump.HOOK_SHARE]} of the attempts"),
    (
        "docs/actions.md",
        f"another press {SPANS[lua('shared/actions', 'NEXT_ROUND')]} after",
    ),
    (
        "docs/actions.md",
        f"after {FIRST:.0f} s, {SECOND:.0f} s, {THIRD:.0f} minutes and {LAST:.0f} minutes",
    ),
    ("docs/actions.md", f"up to {MAX_MASK * 3 // 4 // 10**6} MB"),
    ("docs/archive.md", f"{media.MAX_PIXELS // 10**6} million pixels"),
    ("docs/archive.md", f"videos of up to {media.MAX_VIDEO // MIB} MiB"),
    ("docs/archive.md", f"up to {word(archive.MAX_REDIRECTS)}, each judged anew"),
    ("docs/archive.md", f"signed for an {SPANS[s3.SIGNED_FOR.total_seconds()]}"),
    ("docs/gateway.md", f"a request may have {limits.PASSED_BODY // MIB} MiB"),
    ("docs/gateway.md", f"of more than {exchanges.MAX_TAKEN // MIB} MiB"),
    ("docs/gateway.md", f"at most {exchanges.MAX_ANSWER // MIB} MiB"),
    ("docs/events.md", f"at most {coerce.LONGEST_TEXT:,} characters"),
    ("docs/events.md", f"a label has at most {coerce.LONGEST_LABEL}."),
    ("docs/events.md", f"of more than {coerce.LONGEST_URL:,}"),
    ("docs/events.md", f"beyond the {word(coerce.MOST_ITEMS)}th"),
    ("docs/events.md", f"at least {webhook.MIN_SECRET} characters"),
    ("docs/buttons.md", f"{word(click_follower.TRIES)} times at most"),
    ("docs/scaling.md", f"has {pump.WINDOW} attempts in flight"),
    ("docs/scaling.md", f"`timeout` and {admin.LEASE_MARGIN:.0f} s more"),
    ("docs/performance.md", f"a {SHARES[QUICK]} of the load"),
    (
        "docs/api.md",
        f"kept for {lua('shared/requests', 'REQUEST_KEPT') / HOUR:.0f} hours",
    ),
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
