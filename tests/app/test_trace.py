"""
How far an event travels: the modules of ours that it goes through from claim to settle.

``pytest -n 0 -s tests/app/test_trace.py`` prints them in the order in which they are entered.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import bridge
from bridge.adapters.http.sender import Sender
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.core.endpoint import Endpoint
from bridge.runtime.factories import receivers_of
from tests.contract.bench import Bench
from tests.receivers import answers, receiver

_OURS = Path(bridge.__file__).parent
#: Goes down when modules are folded, and never up unnoticed.
_AT_MOST = 18


@contextmanager
def traced() -> Iterator[dict[str, list[str]]]:
    """Yield the modules of ours that are entered, in order, each with its functions."""
    entered: dict[str, list[str]] = {}

    def enter(frame: FrameType, event: str, argument: object) -> None:
        del argument
        path = Path(frame.f_code.co_filename)
        if event != "call" or not path.is_relative_to(_OURS):
            return
        functions = entered.setdefault(path.relative_to(_OURS).as_posix(), [])
        name = frame.f_code.co_qualname
        if name not in functions:
            functions.append(name)

    sys.setprofile(enter)
    threading.setprofile(enter)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def test_an_event_goes_through_few_modules_from_claim_to_settle(
    bench: Bench,
) -> None:
    sender = Sender()
    async with receiver(answers("200 OK")) as there:
        endpoint = Endpoint(name="main", url=there.url, events=("task.*",))
        await bench.admin.configure([endpoint])
        await bench.tell("u", "task.started", to=["main"])
        pump = Pump(
            store=bench.deliveries,
            runner=AttemptRunner(
                store=bench.deliveries,
                sender=sender,
                receivers=receivers_of([endpoint]),
                now=time.time,
                elapsed=time.monotonic,
                roll=lambda: 0.0,
            ),
            elapsed=time.monotonic,
        )
        pump.kick()
        await pump.idle()  # the first one also makes the connection
        await bench.tell("v", "task.started", to=["main"])
        with traced() as entered:
            pump.kick()
            await pump.idle()
        await sender.aclose()

    for number, (module, functions) in enumerate(entered.items(), 1):
        print(f"{number:2} {module}: {', '.join(functions)}")  # noqa: T201 - what it is for
    assert len(there.requests) == 2
    assert len(entered) <= _AT_MOST
