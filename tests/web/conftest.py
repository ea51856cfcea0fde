"""What tests of the process ``web`` can ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.site import TOKEN, Site, open_site


@pytest.fixture
async def site(redis_url: str, namespace: str) -> AsyncIterator[Site]:
    """A site without a token, in the namespace of the fixture `bench`."""
    async with open_site(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
async def closed_site(redis_url: str, namespace: str) -> AsyncIterator[Site]:
    """A site that wants `TOKEN`, which nobody presents unless a test says so."""
    async with open_site(redis_url, namespace, api_token=TOKEN) as opened:
        yield opened
