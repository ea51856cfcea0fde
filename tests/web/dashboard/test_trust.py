"""What the pages do with other people's text, and with visitors who have not signed in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from bridge.core.button import Button
from bridge.core.task import TaskSnapshot
from tests.web.dashboard.browsing import PATIENCE, live, window
from tests.web.dashboard.scene import Scene, failed, succeeded
from tests.web.site import TOKEN, Site, open_site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MARKUP = "<img src=x onerror=alert(1)>{{7*7}}</script><script>alert(2)</script>"
#: Turns the text behind it around, and a control character that a terminal would obey.
REVERSED = "photo \u202egnp.exe \u001b[2J"
LONG = "x" * 100_000


def hostile(text: str) -> TaskSnapshot:
    """A task with a text in every place that is somebody else's."""
    button = Button.of(f"MJ::JOB::{text}", text, None)
    assert button is not None
    return replace(failed("1", text), prompt=text, action=text[:50], buttons=(button,))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MARKUP, id="markup"),
        pytest.param(REVERSED, id="characters that steer"),
        pytest.param(LONG, id="100 kB"),
    ],
)
async def test_text_from_elsewhere_is_text_on_every_page(
    scene: Scene, page: Page, text: str
) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await scene.see(hostile(text), metadata={"note": text[:5000]})
    await scene.deliver(dead=["pipeline"])

    for path in ("/", "/tasks/default/1", "/deliveries", "/endpoints/pipeline"):
        await page.goto(path)
        await page.wait_for_selector(".card[data-key], mj-task h1, tbody tr")
        shown = await page.inner_text("main")

        assert "\u202e" not in shown
        assert "\u001b" not in shown
        assert await page.locator("main img[src=x], main script").count() == 0
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280
    assert "49" not in await page.title()
    assert dialogs == []


async def test_a_prompt_is_shown_as_it_was_written(scene: Scene, page: Page) -> None:
    await scene.see(succeeded("1", MARKUP))

    await page.goto("/tasks/1")

    await expect(page.locator(".prompt")).to_have_text(MARKUP)
    await expect(page).to_have_title(f"{MARKUP[:59]}… · mjbridge")


async def test_a_visitor_signs_in_and_out(
    redis_url: str, namespace: str, browser: Browser
) -> None:
    async with open_site(redis_url, namespace, api_token=TOKEN) as site:
        context = await browser.new_context(base_url=site.url, locale="en-US")
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        await page.goto("/upstreams")
        token = page.get_by_label("Token")

        await token.fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        await token.fill(TOKEN)
        await page.keyboard.press("Enter")

        await expect(page.locator("h1")).to_have_text("Upstreams")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("h1")).to_have_text("Sign in")
        await context.close()


async def test_a_page_whose_session_ends_says_so_and_asks_no_more(
    redis_url: str, namespace: str, browser: Browser
) -> None:
    async with open_site(redis_url, namespace, api_token=TOKEN) as site:
        context = await browser.new_context(base_url=site.url, locale="en-US")
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_label("Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await live(page)

        await context.clear_cookies()
        await page.get_by_role("link", name="Failed", exact=True).click()

        await expect(page.locator(".state")).to_contain_text("You are signed out")
        await expect(page.locator(".live")).to_have_text("Signed out")
        await context.close()


async def test_a_store_that_is_away_is_said_in_words(browser: Browser) -> None:
    async with open_site("redis://127.0.0.1:1", "none", waits=False) as site:
        context = await browser.new_context(base_url=site.url, locale="en-US")
        page = await context.new_page()
        await page.goto("/")

        await expect(page.locator(".state")).to_contain_text(
            "The store cannot be reached", timeout=PATIENCE
        )
        await context.close()


async def test_the_dashboard_speaks_chinese(
    scene: Scene, browser: Browser, site: Site
) -> None:
    await scene.see(succeeded("1"))
    async with window(browser, site.url, locale="zh-CN") as (page, _):
        await page.goto("/")
        await expect(page.locator(".card .status")).to_have_text("成功")

        await page.get_by_role("button", name="English").click()

        await expect(page.locator(".card .status")).to_have_text("Succeeded")
