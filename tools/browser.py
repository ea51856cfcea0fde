"""
The browser of this machine: headless Chromium, driven by Playwright.

Playwright's own downloads are not used: what tests and pictures need is Debian's package.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

#: The first is Debian's browser without its windows, which takes a third of the processor time.
_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
)

#: The same letters on every machine: no sub-pixels of anyone's screen.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-lcd-text",
    "--font-render-hinting=none",
)


class BrowserError(Exception):
    """There is no browser."""


def find() -> str | None:
    """Return the path of a browser; ``None`` if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """
    Start a browser, and end it.

    Raises:
        BrowserError: There is none.
    """
    path = find()
    if path is None:
        msg = f"no browser on PATH: {', '.join(_NAMES)}"
        raise BrowserError(msg)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


def shoot(camera: Browser, html: str, *, width: int, scale: float = 2.0) -> bytes:
    """
    Take a picture of the element with the id ``shot``, as a PNG; what is around it is
    transparent.

    Args:
        camera: From `browser`.

        html: A page with its style and its pictures in it.

        width: Of the window, in CSS pixels.

        scale: Pixels of the picture for one of CSS.
    """
    page = camera.new_page(
        viewport={"width": width, "height": 100}, device_scale_factor=scale
    )
    page.set_content(html, wait_until="load")
    png = page.locator("#shot").screenshot(omit_background=True, animations="disabled")
    page.close()
    return png
