"""A browser, and what it complains about while it looks at pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from playwright.async_api import Browser, BrowserContext, Page, Request

#: Milliseconds until what a page should show has to be there; machines are busy.
PATIENCE = 20_000


@dataclass
class Watch:
    """
    What pages did that they may not do.

    Attributes:
        complaints: Errors of scripts, and what the browser refused. The browser's own line
            about an answer of the API, or about a picture, is none: the page says it.

        elsewhere: What was fetched from another origin and is no picture.
    """

    origin: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, context: BrowserContext, origin: str) -> Self:
        """Watch every page of a context."""
        watch = cls(origin)
        context.on("request", watch._requested)
        context.on("weberror", lambda one: watch.complaints.append(str(one.error)))
        context.on("console", lambda one: watch._said(one.type, one.text, one.location))
        return watch

    def _requested(self, request: Request) -> None:
        ours = request.url.startswith((f"{self.origin}/", "data:"))
        if not ours and request.resource_type != "image":
            self.elsewhere.append(request.url)

    def _said(self, kind: str, text: str, location: Any) -> None:
        url = location.get("url", "")
        may_fail = tuple(f"{self.origin}/{place}/" for place in ("api", "files"))
        is_ours = url.startswith(self.origin) and not url.startswith(may_fail)
        if text.startswith("Failed to load resource") and not is_ours:
            return
        if kind in {"error", "warning"}:
            self.complaints.append(text)


@asynccontextmanager
async def window(
    browser: Browser, origin: str, **options: Any
) -> AsyncIterator[tuple[Page, Watch]]:
    """
    Open a window; what its pages complained about fails the test when it is closed.

    Args:
        browser: Where.

        origin: The site that is looked at.

        options: Of the context: its size, its colours, its language.
    """
    # Without motion: what breathes is painted sixty times a second, by the processor.
    usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}
    options = usual | {"reduced_motion": "reduce"} | options
    context = await browser.new_context(base_url=origin, **options)
    context.set_default_timeout(PATIENCE)
    watch = Watch.over(context, origin)
    try:
        yield await context.new_page(), watch
    finally:
        await context.close()
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
