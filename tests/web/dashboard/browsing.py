"""A browser, and what it complains about while it looks at pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
)

#: Milliseconds until what a page should show has to be there; machines are busy.
PATIENCE = 20_000


class Watch:
    """
    Watches every page of a context, for what pages may not do.

    Attributes:
        complaints: Errors of scripts, and what the browser refused. The browser's own line
            about an answer of the API, or about a picture, is none: the page says it.

        elsewhere: What was fetched from another origin and is no picture.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._origin = origin
        self._context = context
        context.on("request", self._requested)
        context.on("weberror", self._failed)
        context.on("console", self._said)

    def stop(self) -> None:
        """Watch no longer."""
        self._context.remove_listener("request", self._requested)
        self._context.remove_listener("weberror", self._failed)
        self._context.remove_listener("console", self._said)

    def _requested(self, request: Request) -> None:
        ours = request.url.startswith((f"{self._origin}/", "data:"))
        if not ours and request.resource_type != "image":
            self.elsewhere.append(request.url)

    def _failed(self, error: WebError) -> None:
        self.complaints.append(str(error.error))

    def _said(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        may_fail = tuple(f"{self._origin}/{place}/" for place in ("api", "files"))
        is_ours = url.startswith(self._origin) and not url.startswith(may_fail)
        if message.text.startswith("Failed to load resource") and not is_ours:
            return
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


#: Of every window. Without motion: what breathes is painted sixty times a second, by the
#: processor.
_USUAL = {
    "viewport": {"width": 1280, "height": 800},
    "locale": "en-US",
    "reduced_motion": "reduce",
}


async def context_of(browser: Browser, origin: str, **options: Any) -> BrowserContext:
    """
    Return what a browser keeps apart for one of its users: cookies, caches, windows.

    Args:
        browser: Where.

        origin: The site that is looked at.

        options: Its windows' size, colours, and language, where they are not the usual ones.
    """
    context = await browser.new_context(base_url=origin, **_USUAL | options)
    context.set_default_timeout(PATIENCE)
    return context


@asynccontextmanager
async def window(
    browser: Browser, origin: str, **options: Any
) -> AsyncIterator[tuple[Page, Watch]]:
    """
    Open a window in a context of its own, see `context_of`.

    What its pages complained about fails the test when it is closed.
    """
    context = await context_of(browser, origin, **options)
    try:
        async with watched(context, origin) as watch:
            yield await context.new_page(), watch
    finally:
        await context.close()


@asynccontextmanager
async def watched(context: BrowserContext, origin: str) -> AsyncIterator[Watch]:
    """Watch a context's pages; what they complained about fails the test."""
    watch = Watch(context, origin)
    try:
        yield watch
    finally:
        watch.stop()
    assert watch.complaints == []
    assert watch.elsewhere == []


async def live(page: Page) -> None:
    """Wait until a page says that it shows things as they happen."""
    await page.wait_for_selector(".live[data-state=live]")


async def keys_of(page: Page) -> list[str]:
    """Return the tasks whose cards are in the page, in order."""
    keys: list[str] = await page.eval_on_selector_all(
        ".card[data-key]", "cards => cards.map(card => card.dataset.key)"
    )
    return keys
