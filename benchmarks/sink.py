"""
A receiver that costs as little as a receiver can: it notes what arrives, and answers 204.

``POST /50/NAME`` is answered after 50 ms, ``/0/NAME`` at once, ``/never/NAME`` never.
``GET /counts`` tells how many distinct deliveries came to each kind of path, and how many
came again, and when the last one did by a monotonic clock; ``GET /arrivals`` when each came first, by event id and by task id.

    python -m benchmarks.sink 8099
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from benchmarks.raw_http import NO_CONTENT, answer, later, serve


class Sink:
    """What has arrived: of each delivery, which is an event at a path, the first time."""

    def __init__(self) -> None:
        self._seen: set[tuple[bytes, bytes]] = set()
        self._counts: Counter[str] = Counter()
        self._repeats = 0
        self._last = 0.0
        self._arrivals: list[tuple[bytes, bytes, float]] = []

    def handle(
        self, path: bytes, head: bytes, body: bytes, transport: asyncio.Transport
    ) -> None:
        if path == b"/counts":
            counts = {"distinct": self._counts, "again": self._repeats}
            transport.write(answer({**counts, "last": self._last}))
        elif path == b"/arrivals":
            transport.write(
                answer(
                    [(one.decode(), of.decode(), at) for one, of, at in self._arrivals]
                )
            )
        else:
            kind = path.split(b"/", 2)[1].decode()
            self._note(path, kind, head, body)
            if kind != "never":
                later(int(kind) / 1000, transport, NO_CONTENT)

    def _note(self, path: bytes, kind: str, head: bytes, body: bytes) -> None:
        event = _after(head, b"\r\nwebhook-id:", b"\r\n").strip()
        if (path, event) in self._seen:
            self._repeats += 1
            return
        self._seen.add((path, event))
        self._counts[kind] += 1
        self._last = time.monotonic()
        task = _after(body, b'"id":"', b'"')
        self._arrivals.append((event, task, time.time()))


def _after(text: bytes, mark: bytes, end: bytes) -> bytes:
    at = text.find(mark)
    return b"" if at < 0 else text[at + len(mark) :].split(end, 1)[0]


if __name__ == "__main__":
    serve(Sink().handle)
