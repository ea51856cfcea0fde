"""What `mjbridge up` keeps running on one machine: child processes, and a store of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.adapters.local.child import Child, Notice
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.local.runfile import remove_run_file, write_run_file
from bridge.adapters.local.supervisor import Supervisor
from bridge.errors import directory_errors

__all__ = ["Child", "Notice", "Supervisor", "embedded_store"]


@contextmanager
def embedded_store(
    data_dir: Path, *, stop_order: int, web_url: str | None
) -> Iterator[tuple[Child, str]]:
    """
    Run the embedded store, and leave a run file by which other commands find it.

    Args:
        data_dir: Where its data and the run file are.

        stop_order: The store's among all children.

        web_url: Where `web` is served beside it, for the run file.

    Yields:
        What keeps it running, and its URL, which may hold a password.

    Raises:
        BridgeError: There is no room for the run file, or see `EmbeddedStore.start`.
    """
    with EmbeddedStore(data_dir) as store:
        with directory_errors(data_dir):
            write_run_file(
                data_dir, redis_url=store.url, started_at=time.time(), web_url=web_url
            )
        try:
            child = Child(
                name="the store",
                launch=store.launch,
                ready=store.is_ready,
                trouble=store.trouble,
                why_ended=store.why_ended,
                stop_order=stop_order,
            )
            yield child, store.url
        finally:
            remove_run_file(data_dir)
