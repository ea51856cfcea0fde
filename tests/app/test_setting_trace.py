"""
How far a setting travels: ``retry`` from the TOML file to `judge`, which obeys it.

``pytest -n 0 -s tests/app/test_setting_trace.py`` prints the functions of ours that hand it on,
in order: those that a reader follows to see what becomes of it.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pydantic import BaseModel

import bridge
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.ports import Delivery
from bridge.channels.sample import sample_event
from bridge.core.delivery import DeliveryHistory
from bridge.runtime.discovery import endpoints_of
from bridge.runtime.factories import channels_for
from tests.contract.bench import Bench
from tests.fakes import FakeSender, answered
from tests.settings.loading import Workplace

_OURS = Path(bridge.__file__).parent
#: As it is written, and as it is obeyed.
_RETRY = ([5, 300], (5.0, 300.0))
#: Goes down when the way gets shorter, and never up unnoticed.
_MAX_AT = 8

TOML = """\
[upstreams.default]
api_key = "sk-x"

[endpoints.main]
url = "https://example.com/hooks"
retry = [5, 300]
"""

_DELIVERY = Delivery(
    endpoint="main",
    lane="lane",
    event=sample_event("task.succeeded", 0.0),
    token="token",
    history=DeliveryHistory(),
    attempts=0,
    crashes=0,
    redelivery=False,
    was_disabled=False,
    slow=False,
    now=1000.0,
)


def holds(value: object) -> bool:
    """Whether the setting is somewhere in a value."""
    if value in _RETRY:
        return True
    if isinstance(value, BaseModel):
        return any(holds(inner) for _, inner in value)
    if dataclasses.is_dataclass(value):
        return any(
            holds(getattr(value, each.name)) for each in dataclasses.fields(value)
        )
    if isinstance(value, Mapping):
        return any(map(holds, value.values()))
    return isinstance(value, list | tuple) and any(map(holds, value))


@contextmanager
def followed() -> Iterator[list[str]]:
    """
    Yield the functions of ours that return the setting, or are given it by itself.

    Not those of `bridge.settings.checks`, which judge beside the way, nor generators, by
    which others walk over settings, nor comprehensions, which are part of a function.
    """
    hops: dict[str, None] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        code, path = frame.f_code, Path(frame.f_code.co_filename)
        if not path.is_relative_to(_OURS) or path.stem == "checks":
            return
        if code.co_name.startswith("<") or code.co_flags & inspect.CO_GENERATOR:
            return
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if (event == "return" and holds(argument)) or (
            event == "call" and any(frame.f_locals[name] in _RETRY for name in given)
        ):
            hops[f"{path.relative_to(_OURS)}: {code.co_qualname}"] = None

    found: list[str] = []
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        found += hops


async def test_few_functions_hand_a_setting_on(bench: Bench, tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("bridge.toml", TOML)

    with followed() as hops:
        [endpoint] = endpoints_of(place.load())
        runner = AttemptRunner(
            store=bench.deliveries,
            sender=FakeSender(main=answered(500)),
            endpoints={endpoint.name: endpoint},
            channels=channels_for([endpoint]),
            now=time.time,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )
        settlement = await runner.attempt(_DELIVERY)

    way = hops[: 1 + hops.index("core/delivery.py: judge")]
    for number, hop in enumerate(way, 1):
        print(f"{number} {hop}")  # noqa: T201 - what it is for
    assert settlement.verdict is not None
    assert round(settlement.verdict.due - _DELIVERY.now) == 5
    assert len(way) <= _MAX_AT
