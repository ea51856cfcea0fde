"""What tests of the process ``web`` can ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.site import TOKEN, Site, open_site


@pytest.fixture
async def site(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A site without a token, in the namespace of the fixture `bench`."""
    async with open_site(redis_url, namespace, data_dir=tmp_path) as opened:
        yield opened


@pytest.fixture
async def closed_site(
    redis_url: str, namespace: str, tmp_path: Path
) -> AsyncIterator[Site]:
    """A site that wants `TOKEN`, which nobody presents unless a test says so."""
    # A mask that is sent with a press is kept in this directory.
    async with open_site(
        redis_url, namespace, api_token=TOKEN, data_dir=tmp_path
    ) as opened:
        yield opened
