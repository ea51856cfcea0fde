"""
One store for all tests: real, started once a session, or the one that you name.

`MJBRIDGE_TEST_REDIS_URL` names a Redis or Valkey server to test against instead. Tests
share it with whatever else is in there: each has a namespace of its own, and takes only
that away again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from bridge.adapters.local.embedded import EmbeddedStore


@contextmanager
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Have a store run for as long as the context lasts; yields its URL."""
    given = os.environ.get("MJBRIDGE_TEST_REDIS_URL")
    if given:
        yield given
        return
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as store:
        yield store.url


@contextmanager
def fresh_namespace(redis_url: str) -> Iterator[str]:
    """Yield a namespace that nobody has; its keys are gone afterwards."""
    namespace = f"t{secrets.token_hex(6)}"
    yield namespace
    with Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(match=f"*{{{namespace}}}*", count=1000))
        for start in range(0, len(keys), 1000):
            client.delete(*keys[start : start + 1000])
