"""
A few ratios that hold on any machine, however busy: `python -m benchmarks check`.

Rates say too much about what else the machine does. So processor time is compared with that
of one Celery task each, commands are counted, and the one rate is divided by another that was
taken in turn with it.
"""

from __future__ import annotations

import uvloop

from benchmarks.arena import Arena, deployment
from benchmarks.case import Figures
from benchmarks.deliveries import Shape, celery, flood, in_turn
from benchmarks.feed import Feed
from benchmarks.marks import verdict
from bridge.runtime.deployment import Deployment

#: Three of the endpoints answer after 2 s.
SHAPE = Shape(others=3, other="2000", events=1500)
#: How often it is measured without those and with them; the better of each counts.
TURNS = 2
#: The share of the baseline's usual number of tasks.
SCALE = 0.3


def main() -> int:
    """Measure and print the ratios; return 1 if one does not hold."""
    with deployment(SHAPE.paths) as arena:
        without, beside = uvloop.run(_turns(arena))
    (theirs,) = celery("prefork", SCALE)
    ours = {name: min(one[name] for one in without) for name in without[0]}
    rates = [max(one["rate an endpoint"] for one in each) for each in (without, beside)]
    ratios = (
        ("CPU of one Celery task each, of a delivery", theirs.figures["cpu"] / ours["cpu"], 4.0, True),
        ("commands of the store for a delivery", ours["commands"], 32.0, False),
        ("calls of the store for a delivery", ours["scripts"], 0.1, False),
        ("an endpoint's deliveries beside slow ones, of without", rates[1] / rates[0], 0.6, True),
    )  # fmt: skip
    found = [
        verdict(text, value, limit, least=least) for text, value, limit, least in ratios
    ]
    print("\n".join(line for _, line in found))
    return int(not all(holds for holds, _ in found))


async def _turns(arena: Arena) -> tuple[list[Figures], list[Figures]]:
    """Deliver without and beside the slow endpoints, in turn."""
    without, beside = [], []
    async with Deployment(arena.settings) as bridge:
        feed = Feed(bridge)
        await feed.prepare(200)
        await flood(arena, feed, in_turn(SHAPE.well, 200))
        for _ in range(TURNS):
            await feed.prepare(2 * SHAPE.events)
            without.append(await flood(arena, feed, in_turn(SHAPE.well, SHAPE.events)))
            beside.append(await flood(arena, feed, in_turn(SHAPE.paths, SHAPE.events)))
    return without, beside
