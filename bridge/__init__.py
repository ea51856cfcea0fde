"""
mjbridge: webhooks for Midjourney tasks.

    import bridge
    bridge.track(["1730621826053455"], metadata={"order": "77"})

Importing this package alone imports neither Celery nor anything that does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bridge.version import __version__

if TYPE_CHECKING:
    from bridge.app.ports import Tracked

__all__ = ["__version__", "track"]


def track(
    ids: Iterable[str],
    *,
    upstream: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Tracked:
    """
    Begin to follow tasks: every change is sent to the configured endpoints.

    The settings are those of the command line: environment, ``.env``, ``bridge.toml``.
    May be called from anywhere, also while an event loop runs; it blocks for some
    milliseconds.

    Args:
        ids: Task ids as the gateway gave them. All are checked before any is tracked.

        upstream: The upstream's name; may be left out where there is one, or one that
            is called ``default``.

        metadata: Anything that JSON can say; every event of these tasks carries it.

    Returns:
        Which ids are followed now that were not, and which were already.

    Raises:
        bridge.errors.Misconfigured: An id, the upstream or the settings are wrong.

        bridge.errors.StoreUnavailable: The store did not answer within 3 s.
    """
    from bridge.runtime.deployment import track_now

    return track_now(
        ids if isinstance(ids, str | bytes) else list(ids),
        upstream=upstream,
        metadata=metadata,
    )
