"""What tests of the gateway can ask for: a client's place, the bridge, and an upstream behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateways import Gateway, scripted
from tests.web.relay.stage import KEY, Stage, taken
from tests.web.site import open_site

OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
async def upstream() -> AsyncIterator[Gateway]:
    """An upstream that takes every submission."""
    async with scripted(taken()) as gateway:
        yield gateway


@pytest.fixture
def open_stage(
    redis_url: str, namespace: str, tmp_path: Path, upstream: Gateway
) -> OpenStage:
    """Serve the bridge in front of `upstream`, with further settings."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Stage]:
        given: dict[str, Any] = {
            "data_dir": tmp_path,
            "upstreams": {"default": {"api_key": KEY, "base_url": upstream.url}},
            "redis_url": redis_url,
            **settings,
        }
        store = given.pop("redis_url")
        async with open_site(store, namespace, **given) as site:
            yield Stage(site, upstream)

    return opened


@pytest.fixture
async def stage(open_stage: OpenStage) -> AsyncIterator[Stage]:
    """The bridge in front of `upstream`, with one key and no token."""
    async with open_stage() as opened:
        yield opened
