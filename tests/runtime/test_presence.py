"""What a worker says of itself, and hears of beat and of the other workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import certifi
import pytest
import structlog

from bridge.app.ports import SignedOn
from bridge.errors import StoreUnavailable
from bridge.runtime.presence import MAY_DIFFER_FOR, Presence, digest_of
from bridge.settings import Settings
from tests.settings.loading import Workplace, uncommented

NOW = 1_730_621_826.0
EXAMPLE = Path(__file__).parents[2] / "bridge.example.toml"


class Store:
    """Answers whoever signs on."""

    def __init__(self) -> None:
        self.answer: SignedOn | None = SignedOn(now=NOW)

    async def sign_on(self) -> SignedOn:
        if self.answer is None:
            raise StoreUnavailable
        return self.answer


async def test_beat_is_silent_since_its_last_tick_or_since_there_is_somebody_to_see_one() -> (
    None
):
    store = Store()
    presence = Presence(store.sign_on)

    store.answer = SignedOn(now=NOW, answered_at=NOW - 100)
    assert await presence.silent_for() == 0.0
    store.answer = SignedOn(now=NOW + 20, answered_at=NOW - 100)
    assert await presence.silent_for() == 20.0
    store.answer = SignedOn(now=NOW + 25, answered_at=NOW + 24)
    assert await presence.silent_for() == 1.0


async def test_without_a_store_nobody_misses_a_tick() -> None:
    store = Store()
    presence = Presence(store.sign_on)
    await presence.silent_for()
    store.answer = None
    with pytest.raises(StoreUnavailable):
        await presence.silent_for()

    store.answer = SignedOn(now=NOW + 600)

    assert await presence.silent_for() == 0.0


async def differing(until: float) -> list[str]:
    """Have another configuration be there for so long, and be gone; what is logged of it."""
    store = Store()
    presence = Presence(store.sign_on)
    with structlog.testing.capture_logs() as logs:
        for second in range(0, int(until) + 1, 5):
            now = NOW + second
            store.answer = SignedOn(now=now, others_at=now - 2)
            await presence.silent_for()
        store.answer = SignedOn(now=NOW + until + 60, others_at=NOW + until)
        await presence.silent_for()
    return [line["event"] for line in logs]


async def test_workers_that_go_on_with_different_configurations_are_logged_once() -> (
    None
):
    assert await differing(4 * MAY_DIFFER_FOR) == ["workers.differ", "workers.agree"]


async def test_workers_that_are_replaced_one_after_the_other_are_not() -> None:
    assert await differing(MAY_DIFFER_FOR) == []


def configured(**settings: Any) -> Settings:
    endpoint = {"kind": "webhook", "url": "https://r.example.com/", **settings}
    return Settings.model_validate({"endpoints": {"me": endpoint}})


def test_a_configuration_is_the_same_in_every_process(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("ca.pem", Path(certifi.where()).read_bytes())
    settings = place.load(toml=uncommented(EXAMPLE.read_text(encoding="utf-8")))
    program = (
        "from bridge.runtime.presence import digest_of\n"
        "from bridge.settings import load_settings\n"
        "print(digest_of(load_settings()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": os.fspath(EXAMPLE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout.strip(), done.stderr) == (digest_of(settings), "")


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({}, True),
        ({"proxy": "http://proxy.example.com:3128"}, True),
        ({"events": ["task.failed"]}, False),
        ({"url": "https://other.example.com/"}, False),
    ],
)
def test_configurations_are_told_apart_by_the_events_that_they_make(
    settings: dict[str, Any], *, same: bool
) -> None:
    assert (digest_of(configured()) == digest_of(configured(**settings))) is same
