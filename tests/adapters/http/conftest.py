"""HTTP is tested on the event loop that workers have: it is not asyncio's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import uvloop


def pytest_asyncio_loop_factories(
    config: Any, item: Any
) -> Mapping[str, Callable[[], uvloop.Loop]]:
    """Run each test on uvloop."""
    del config, item
    return {"uvloop": uvloop.new_event_loop}
