"""Everyone can use the pages: axe finds nothing serious, in each colour scheme and size."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.web.dashboard.browsing import window
from tests.web.dashboard.scene import Scene, failed, running, succeeded
from tests.web.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGES = (
    "/",
    "/tasks/1",
    "/endpoints",
    "/endpoints/archive",
    "/deliveries",
    "/upstreams",
)
#: Present on each page once it has what it shows.
CONTENTS = ".card[data-key], .timeline, [data-name], tbody tr"
PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"color_scheme": "light"}, id="light"),
        pytest.param({"color_scheme": "dark"}, id="dark"),
        pytest.param({"color_scheme": "light", "viewport": PHONE}, id="phone"),
    ],
)
async def test_axe_finds_nothing_serious(
    scene: Scene, browser: Browser, site: Site, options: dict[str, Any]
) -> None:
    await scene.see(succeeded("1"), to=("pipeline", "archive"))
    await scene.see(failed("2", "Banned prompt detected"), running("3", 46))
    await scene.deliver(dead=["archive"])
    found: list[str] = []

    async with window(browser, site.url, **options) as (page, _):
        for path in PAGES:
            await page.goto(path)
            await page.wait_for_selector(CONTENTS)
            result = await Axe().run(page)
            found += [
                f"{path}: {one['id']}: {node['target']}"
                for one in result.response["violations"]
                if one["impact"] in {"serious", "critical"}
                for node in one["nodes"]
            ]
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= page.viewport_size["width"]  # type: ignore[index]  # it was set

    assert found == []
