"""What tests of pages can ask for: a browser, a site, and a scene behind it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from bridge.adapters.store.connection import connect
from tests.contract.bench import Bench
from tests.web.dashboard.browsing import PATIENCE, context_of, watched
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


@pytest.fixture(scope="session")
def port() -> int:
    """Where each test's site is, one after the other: no port that a system gives away."""
    for port in range(15_000 + os.getpid() % 10_000, 32_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("no port is free between 15000 and 32000")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def context(browser: Browser, port: int) -> AsyncIterator[BrowserContext]:
    """What the windows of all tests share: to make one takes longer than most pages do."""
    opened = await context_of(browser, f"http://127.0.0.1:{port}")
    yield opened
    await opened.close()


@together
async def site(redis_url: str, namespace: str, port: int) -> AsyncIterator[Site]:
    """A site without a token, in the namespace of the fixture `bench`."""
    async with open_site(redis_url, namespace, port=port) as opened:
        yield opened


@pytest.fixture
def scene(bench: Bench) -> Scene:
    """Tasks of the site's deployment."""
    return Scene(bench)


@together
async def page(context: BrowserContext, site: Site) -> AsyncIterator[Page]:
    """A window on the site, in light colours and English; it leaves nothing behind."""
    async with watched(context, site.url):
        opened = await context.new_page()
        yield opened
        await opened.evaluate("localStorage.clear()")
        for one in context.pages:
            await one.close()
        await context.clear_cookies()
