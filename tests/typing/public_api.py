"""
What a type checker sees of the public interface: mypy reads this file, nothing runs it.

An expected error is marked with ``type: ignore`` and its code; mypy complains about one that
is not needed, so what ceases to be an error is noticed as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import bridge


def tracking(ids: tuple[str, ...]) -> None:
    tracked = bridge.track(
        ids, upstream="main", metadata={"order": "77", "lines": [1, 2]}
    )

    assert_type(tracked.tracked, tuple[str, ...])
    assert_type(tracked.known, tuple[str, ...])
    bridge.track(each for each in ids)
    bridge.track(ids, upstream=None, metadata=None)
    hooked = bridge.track(ids, hook="https://x.example", hook_format="midjourney")
    assert_type(hooked.rejected, Mapping[str, str])


def mistakes(ids: list[str]) -> None:
    bridge.track([17306])  # type: ignore[list-item]  # an id is a text
    bridge.track(ids, "main")  # type: ignore[call-arg]  # by keyword only
    bridge.track(ids, metadata=["77"])  # type: ignore[arg-type]  # an object
    bridge.track(ids, hook_format="xml")  # type: ignore[arg-type]  # one of two
    bridge.track(ids, order="77")  # type: ignore[call-arg]  # belongs into metadata


assert_type(bridge.__version__, str)
