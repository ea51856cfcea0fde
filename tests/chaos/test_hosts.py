"""Hosts share the load without a leader, and any of them may be cut off."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.hosts import deployed
from tests.waiting import until

#: Deliveries of the whole run.
DELIVERIES = 24_000


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes networks")
def test_hosts_share_the_load_and_one_may_be_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with deployed(tmp_path, events=DELIVERIES) as hosts:
        arrived = hosts.receiver.arrived
        first = hosts.start(1)
        until(lambda: arrived.total() > 500, what=first.log.read_text)
        alone = hosts.rate()
        second, third = hosts.start(2), hosts.start(3)
        until(lambda: hosts.rate() > 1.5 * alone, within_s=60.0)
        together = hosts.rate()

        second.switch_link("down")
        without = hosts.rate()
        second.switch_link("up")
        until(lambda: len(arrived) == DELIVERIES, within_s=120.0)

        said = second.log.read_text()
        twice = arrived.total() - DELIVERIES
        with capsys.disabled():
            sys.stdout.write(
                f"\n{alone:.0f} deliveries a second by one host, {together:.0f} by three, "
                f"{without:.0f} while one of them was cut off; {twice} arrived twice\n"
            )

    assert set(arrived) == hosts.events
    assert together >= 2.5 * alone
    assert without >= 1.5 * alone
    # What the lost host had in flight may be delivered again, and nothing else.
    assert twice <= 250
    assert "Traceback" not in said + third.log.read_text()
