"""A task's page, and those of endpoints, deliveries and upstreams."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from bridge.core.button import Button
from tests.web.dashboard.browsing import live
from tests.web.dashboard.scene import Scene, running, succeeded

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CUSTOM_ID = "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa"


async def test_a_task_shows_how_fresh_its_news_was_and_its_way_to_each_endpoint(
    scene: Scene, page: Page
) -> None:
    await scene.see(running("1", 15, "a lighthouse"), to=("pipeline", "archive"))
    await scene.see(succeeded("1", "a lighthouse"), to=("pipeline", "archive"))
    await scene.deliver(dead=["archive"])

    await page.goto("/tasks/default/1")

    await expect(page.locator("h1")).to_have_text("Imagine")
    await expect(page.locator(".prompt")).to_have_text("a lighthouse")
    await expect(page.locator(".freshness")).to_contain_text("→ seen")
    await expect(page.locator(".freshness")).to_contain_text("→ delivered")
    entries = page.locator(".timeline > li")
    await expect(entries).to_have_count(3)
    await expect(entries.nth(0)).to_contain_text("Tracked")
    last = entries.nth(2)
    await expect(last).to_contain_text("Succeeded")
    await expect(last.locator("[data-endpoint=pipeline]")).to_contain_text("200")
    given_up = last.locator("[data-endpoint=archive]")
    await expect(given_up).to_contain_text("Given up")
    await expect(given_up).to_contain_text("404")


async def test_a_task_changes_while_it_is_looked_at(scene: Scene, page: Page) -> None:
    await scene.see(running("1", 15))
    await page.goto("/tasks/1")
    await live(page)
    await expect(page.locator(".title .status")).to_contain_text("15")

    await scene.see(running("1", 62))

    await expect(page.locator(".title .status")).to_contain_text("62")


async def test_prompt_and_buttons_are_there_to_be_copied(
    scene: Scene, page: Page
) -> None:
    button = Button.of(CUSTOM_ID, "U1", None)
    assert button is not None
    await scene.see(replace(succeeded("1", "a\nlighthouse"), buttons=(button,)))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto("/tasks/1")

    await page.get_by_role("button", name="Copy prompt").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "a\nlighthouse"
    await page.get_by_text("Copy a customId").click()
    await page.locator(".ids").get_by_role("button", name="U1").click()
    await expect(page.locator(".ids")).to_contain_text("Copied")

    assert await page.evaluate("navigator.clipboard.readText()") == CUSTOM_ID


async def test_the_name_of_a_custom_emoji_is_not_shown_on_a_button(
    scene: Scene, page: Page
) -> None:
    button = Button.of(CUSTOM_ID, "Upscale (Subtle)", "upscale_1")
    assert button is not None
    await scene.see(replace(succeeded("1"), buttons=(button,)))

    await page.goto("/tasks/1")

    button_shown = page.locator(".buttons button").first
    await expect(button_shown).to_have_text("Upscale (Subtle)")


async def test_a_button_is_pressed_where_it_is_seen_and_undone_in_time(
    scene: Scene, page: Page
) -> None:
    button = Button.of(CUSTOM_ID, "U1", None)
    await scene.see(replace(succeeded("1"), buttons=(button,)))
    await page.goto("/tasks/1")

    await page.get_by_role("button", name="U1").first.click()
    pressed = page.locator(".presses li")
    await expect(pressed).to_contain_text("U1 waiting")
    await expect(pressed).to_contain_text("dashboard")

    await page.get_by_role("button", name="Undo").click()
    await expect(pressed).to_contain_text("U1 undone")


async def test_a_prompt_is_imagined_from_the_wall(scene: Scene, page: Page) -> None:
    await scene.see(succeeded("1"))
    await page.goto("/")

    await page.get_by_label("Imagine something").fill("a pig with wings")
    await page.get_by_role("button", name="Imagine", exact=True).click()

    await expect(page.locator(".imagine .result")).to_have_text("imagine: waiting")


async def test_a_video_is_a_link_and_no_player(scene: Scene, page: Page) -> None:
    video = "https://cdn.example/1.mp4"
    await scene.see(replace(succeeded("1"), video_urls=(video, "javascript:alert(1)")))

    await page.goto("/tasks/1")

    links = page.get_by_role("link", name="Play video")
    await expect(links).to_have_count(1)
    await expect(links).to_have_attribute("href", video)


async def test_an_event_is_sent_again_only_where_nothing_is_open(
    scene: Scene, page: Page
) -> None:
    await scene.see(succeeded("1"))
    await page.goto("/tasks/1")
    again = page.locator(".actions").get_by_role("button", name="Send again")
    await expect(again).to_be_disabled()

    await scene.deliver()
    await page.reload()
    await expect(again).to_be_enabled()
    await page.keyboard.press("r")

    await expect(page.locator(".result")).to_contain_text("Queued for pipeline")
    await expect(again).to_be_disabled()


async def test_tracking_ends_when_it_is_confirmed(scene: Scene, page: Page) -> None:
    await scene.see(running("1", 15))
    await page.goto("/tasks/1")

    await page.get_by_role("button", name="Stop tracking").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Stop tracking").click()

    await expect(dialog).to_contain_text("The task is not polled")
    assert not (await scene.bench.task("1", "default")).active


async def test_a_task_that_is_not_kept_is_said_to_be_missing(page: Page) -> None:
    response = page.wait_for_event("response", lambda one: one.status == 404)
    await page.goto("/upstreams")
    await page.evaluate("history.pushState(null, '', '/tasks/nothing')")
    await page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")

    await response
    await expect(page.locator(".state")).to_contain_text("Nothing here")


async def test_an_endpoint_is_paused_and_resumed(scene: Scene, page: Page) -> None:
    await scene.see(succeeded("1"))
    await page.goto("/endpoints/pipeline")

    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".status")).to_have_text("Paused")
    await expect(page.locator("tbody")).to_contain_text("Held")
    assert (await scene.bench.health("pipeline")).state == "paused"
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()

    assert (await scene.bench.health("pipeline")).state != "paused"


async def test_all_that_was_given_up_is_sent_again_after_its_count_was_confirmed(
    scene: Scene, page: Page
) -> None:
    await scene.see(*(succeeded(f"{n:04}") for n in range(300)))
    await scene.deliver(dead=["pipeline"])
    await page.goto("/endpoints/pipeline")
    await expect(page.locator("main")).to_contain_text("Given up")

    await page.keyboard.press("r")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("300 events will be sent to pipeline again")
    await dialog.get_by_role("button", name="Send again").click()

    await expect(dialog).to_contain_text("300 events are queued")
    await scene.deliver()
    await expect(dialog).to_contain_text("300 have arrived")
    assert (await scene.bench.health("pipeline")).dead == 0


async def test_endpoints_are_listed_with_their_health_in_words(
    scene: Scene, page: Page
) -> None:
    await scene.see(succeeded("1"))
    await scene.deliver()
    await page.goto("/endpoints")

    row = page.locator("[data-name=pipeline]")
    await expect(row).to_contain_text("Healthy")
    await expect(row).to_contain_text("delivered1")
    await row.click()

    await expect(page.locator("h1")).to_have_text("pipeline")


async def test_deliveries_are_filtered_by_endpoint_and_state_in_the_address(
    scene: Scene, page: Page
) -> None:
    await scene.see(succeeded("1"), to=("pipeline", "archive"))
    await scene.deliver(dead=["archive"])
    await page.goto("/deliveries?endpoint=archive")
    await expect(page.locator("tbody tr")).to_have_count(1)

    await page.get_by_role("link", name="Delivered", exact=True).click()
    await expect(page.locator(".state")).to_contain_text("No deliveries")
    await page.get_by_label("Endpoint").select_option("pipeline")

    await expect(page.locator("tbody tr")).to_have_attribute("data-state", "delivered")
    assert page.url.endswith("/deliveries?endpoint=pipeline&state=delivered")


async def test_upstreams_say_whether_they_answer(scene: Scene, page: Page) -> None:
    await scene.see(running("1", 15))

    await page.goto("/upstreams")

    row = page.locator("[data-name=default]")
    await expect(row).to_contain_text("Answers")
    await expect(row).to_contain_text("polled1")
