"""What two more hosts add where receivers are the slow part; only root makes their networks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.case import Case, Column, Group, Row
from tests.hosts import deployed
from tests.waiting import until

#: Deliveries that wait: more than are made meanwhile.
DELIVERIES = 24_000


def measure(scale: float) -> Iterator[Row]:
    """Measure one worker that has a network of its own, and then three."""
    if os.geteuid() != 0:
        return
    events = int(DELIVERIES * scale)
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        deployed(Path(folder), events=events) as hosts,
    ):
        hosts.start(1)
        until(lambda: hosts.receiver.arrived.total() > 500, within_s=30)
        alone = hosts.rate()
        yield Row("one", {"rate": alone})
        for number in (2, 3):
            hosts.start(number)
        until(lambda: hosts.rate() > 1.5 * alone, within_s=60)
        yield Row("three", {"rate": hosts.rate()})


GROUP = Group(
    title="Hosts: deliveries a second to receivers that take 0.9 s; only root measures them",
    columns=(Column(figure="rate", title="a second"),),
    cases={"workers": Case(measure=measure)},
)
