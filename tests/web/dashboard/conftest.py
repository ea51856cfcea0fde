"""What tests of pages can ask for: a browser, a site, and a scene behind it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from bridge.adapters.store.connection import connect
from tests.contract.bench import Bench
from tests.web.dashboard.browsing import PATIENCE, window
from tests.web.dashboard.scene import Scene
from tests.web.site import Site, open_site
from tools.browser import FLAGS, find

expect.set_options(timeout=PATIENCE)


#: One event loop for all tests here: a browser lives in the one that started it.
together = pytest_asyncio.fixture(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium; without one, tests of pages are skipped, but never in CI."""
    path = find()
    if path is None and not os.environ.get("CI"):
        pytest.skip(
            "there is no Chromium on PATH (on Debian: apt-get install chromium)"
        )
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        await opened.close()


@together
async def bench(redis_url: str, namespace: str) -> AsyncIterator[Bench]:
    """A bench, as everywhere."""
    client = connect(redis_url)
    yield Bench(client, namespace)
    await client.aclose()


@together
async def site(redis_url: str, namespace: str) -> AsyncIterator[Site]:
    """A site without a token, in the namespace of the fixture `bench`."""
    async with open_site(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
def scene(bench: Bench) -> Scene:
    """Tasks of the site's deployment."""
    return Scene(bench)


@together
async def page(browser: Browser, site: Site) -> AsyncIterator[Page]:
    """A window on the site, in light colours and English."""
    async with window(browser, site.url) as (opened, _):
        yield opened
