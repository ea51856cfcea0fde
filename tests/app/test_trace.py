"""
How far an event travels from claim to settle, when all goes well.

Two numbers are kept. *Followed* counts the modules that a reader has to open to follow the
event: a function of theirs receives the delivery, the event, or what comes of them (a request,
a response, a reply, an attempt, a verdict, a settlement), by itself or in a list. *Entered*
counts all modules of ours in which any function is called, those included that are handed
only text, bytes or numbers: the store's keys and rows, a header, a secret, a response's head.

``pytest -n 0 -s tests/app/test_trace.py`` prints them in the order in which they are entered;
those that are followed have a star.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

import bridge
from bridge.adapters.http.sender import HttpSender
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.ports import Delivery, Settlement
from bridge.channels.base import DeliveryContext, ExchangeResult
from bridge.channels.reply import Reply
from bridge.core.delivery import Attempt, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Request, Response
from bridge.runtime.factories import channels_for
from tests.contract.bench import Bench
from tests.receivers import answers, receiver

_OURS = Path(bridge.__file__).parent
#: Both go down when modules are folded, and never up unnoticed.
_MAX_FOLLOWED_AT = 10
_MAX_ENTERED_AT = 18
#: What an event is while it travels, the forms of the library that sends it included.
_FORMS = (
    Delivery,
    Event,
    DeliveryContext,
    Request,
    httpx.Request,
    httpx.Response,
    Response,
    Reply,
    Attempt,
    ExchangeResult,
    Verdict,
    Settlement,
)


@dataclass(slots=True)
class Module:
    """What was called in a module, and whether an event was handed to it in any form."""

    functions: list[str] = field(default_factory=list)
    followed: bool = False


@contextmanager
def traced() -> Iterator[dict[str, Module]]:
    """Yield the modules of ours that are entered, in order."""
    entered: dict[str, Module] = {}

    def enter(frame: FrameType, event: str, argument: object) -> None:
        del argument
        path, code = Path(frame.f_code.co_filename), frame.f_code
        if event != "call" or not path.is_relative_to(_OURS):
            return
        module = entered.setdefault(path.relative_to(_OURS).as_posix(), Module())
        if code.co_qualname not in module.functions:
            module.functions.append(code.co_qualname)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        # An argument that a closure uses is a cell, and not there when its function begins.
        given = [frame.f_locals.get(name) for name in names]
        module.followed = module.followed or any(map(_carries, given))

    sys.setprofile(enter)
    threading.setprofile(enter)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _carries(argument: object) -> bool:
    if isinstance(argument, list | tuple):
        return any(isinstance(one, _FORMS) for one in argument)
    return isinstance(argument, _FORMS)


async def test_an_event_goes_through_few_modules_from_claim_to_settle(
    bench: Bench,
) -> None:
    sender = HttpSender()
    async with receiver(answers("200 OK")) as there:
        endpoint = Endpoint(name="main", url=there.url, events=("task.*",))
        await bench.admin.configure([endpoint])
        await bench.tell("u", "task.started", to=["main"])
        pump = Pump(
            store=bench.deliveries,
            runner=AttemptRunner(
                store=bench.deliveries,
                sender=sender,
                endpoints={endpoint.name: endpoint},
                channels=channels_for([endpoint]),
                now=time.time,
                elapsed=time.monotonic,
                roll=lambda: 0.0,
            ),
            elapsed=time.monotonic,
        )
        pump.wake()
        await pump.idle()  # the first one also makes the connection
        await bench.tell("v", "task.started", to=["main"])
        with traced() as entered:
            pump.wake()
            await pump.idle()
        await sender.aclose()

    followed = [name for name, module in entered.items() if module.followed]
    for name, module in entered.items():
        star = "*" if module.followed else " "
        print(star, f"{name}: {', '.join(module.functions)}")  # noqa: T201 - what it is for
    print(f"followed: {len(followed)}, entered: {len(entered)}")  # noqa: T201 - as above
    assert len(there.requests) == 2
    assert len(followed) <= _MAX_FOLLOWED_AT
    assert len(entered) <= _MAX_ENTERED_AT
