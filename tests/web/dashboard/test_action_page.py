"""The page behind a link, in a browser: it presses what a person presses, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from bridge.core.action import ActionState
from tests.contract.bench import Bench
from tests.web.dashboard.browsing import window
from tests.web.dashboard.scene import Scene
from tests.web.pressing import FakeActions
from tests.web.site import Site
from tests.web.test_action_pages import DONE, U1, pages, token_for

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def actions() -> FakeActions:
    return FakeActions()


@pytest_asyncio.fixture(loop_scope="session")
async def linked(
    bench: Bench, redis_url: str, actions: FakeActions
) -> AsyncIterator[Site]:
    await Scene(bench).see(DONE, upstream="default")
    async with pages(bench, redis_url, actions) as opened:
        yield opened


async def test_a_person_presses_and_undoes(
    linked: Site, browser: Browser, actions: FakeActions
) -> None:
    async with window(browser, linked.url) as (page, _):
        # A page that pressed by itself would have, when it asks for nothing any more.
        await page.goto(f"/a/{token_for()}#U1", wait_until="networkidle")
        assert actions.presses == []

        await page.get_by_role("button", name="U1", exact=True).click()
        await expect(page.get_by_text("Will be pressed in a moment.")).to_be_visible()
        assert [one.button for one in actions.presses] == [U1]

        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_text("Undone; nothing was pressed.")).to_be_visible()
        assert [one.state for one in actions.rows.values()] == [ActionState.CANCELLED]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everyone_can_use_it(linked: Site, browser: Browser, scheme: str) -> None:
    phone = {"width": 360, "height": 740}
    async with window(browser, linked.url, color_scheme=scheme, viewport=phone) as (
        page,
        _,
    ):
        await page.goto(f"/a/{token_for()}")
        result = await Axe().run(page)
        wide = await page.evaluate("document.documentElement.scrollWidth")

    found = [
        one["id"]
        for one in result.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert found == []
    assert wide <= phone["width"]
