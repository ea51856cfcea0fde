"""The wall: every task as a picture, moving live, and still where somebody looks."""

from __future__ import annotations

import asyncio
import hashlib
from asyncio import StreamReader, StreamWriter
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect

from bridge.adapters.archive.disk import LocalFiles
from bridge.core.media import KeptFile, thumbnail_name
from tests.contract.bench import Bench
from tests.pictures import picture
from tests.web.dashboard.browsing import keys_of, live, window
from tests.web.dashboard.scene import Scene, failed, running, succeeded, waiting
from tests.web.site import Site, open_site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

#: As many tasks as a wall has to bear, and cards that may be in the page for them.
MANY, MOST_CARDS = 10_000, 300
#: Turns of the wheel that pass a thousand cards at least, and bytes of the first screen.
SCREENS, FIRST_SCREEN = 12, 500_000
#: A link of Discord's that expired in 2024, and a picture on the gateway's own machine.
EXPIRED = (
    "https://cdn.discordapp.com/attachments/1/2/a.png?ex=6728831f&is=6727319f&hm=aa&"
)
LOCAL = "http://localhost:9/a.png"


async def test_tasks_are_shown_with_status_progress_and_prompt_the_newest_first(
    scene: Scene, page: Page
) -> None:
    await scene.see(succeeded("1", "a lighthouse"))
    await scene.see(running("2", 46, "a garden"))
    await scene.see(failed("3", "Banned prompt detected"))

    await page.goto("/")

    await expect(page.locator(".card[data-key]")).to_have_count(3)
    assert await keys_of(page) == ["default:3", "default:2", "default:1"]
    three, two, one = await page.locator(".card[data-key]").all()
    await expect(one).to_contain_text("Succeeded")
    await expect(one).to_contain_text("a lighthouse")
    await expect(two).to_contain_text("46 % · In progress")
    await expect(two.locator("progress")).to_have_attribute("value", "46")
    await expect(three).to_contain_text("Banned prompt detected")


async def test_a_change_is_seen_in_the_same_card_as_it_happens(
    scene: Scene, page: Page
) -> None:
    await scene.see(running("1", 15))
    await page.goto("/")
    await live(page)
    card = await page.wait_for_selector(".card[data-key]")
    assert card is not None

    await scene.see(running("1", 62))

    await expect(page.locator(".card progress")).to_have_attribute("value", "62")
    await scene.see(succeeded("1"))
    await expect(page.locator(".card .status")).to_have_text("Succeeded")
    assert card is not None
    assert await card.evaluate("card => card.isConnected")


async def test_the_first_task_of_all_appears_by_itself(
    scene: Scene, page: Page
) -> None:
    await page.goto("/")
    await live(page)
    await expect(page.locator(".state")).to_contain_text("mjbridge track")

    await scene.see(waiting("1"))

    await expect(page.locator(".card[data-key]")).to_have_count(1)


async def test_new_tasks_gather_and_move_nothing_until_they_are_let_in(
    scene: Scene, page: Page
) -> None:
    await scene.see(*(succeeded(f"old{n}") for n in range(30)))
    await page.goto("/")
    await live(page)
    before = await keys_of(page)
    await page.locator(".card[data-key]").nth(4).hover()

    await scene.see(*(waiting(f"new{n}") for n in range(12)))

    await expect(page.locator(".pill")).to_have_text("12 new")
    assert await keys_of(page) == before
    await page.locator(".pill").click()
    await expect(page.locator(".card[data-key]").first).to_contain_text("Queued")
    assert {key.partition(":")[2][:3] for key in (await keys_of(page))[:12]} == {"new"}
    await expect(page.locator(".pill")).to_be_hidden()


async def test_a_wall_that_follows_lets_new_tasks_in_by_itself(
    scene: Scene, page: Page
) -> None:
    await scene.see(succeeded("1"))
    await page.goto("/")
    await live(page)
    await page.get_by_role("button", name="Follow").click()

    await scene.see(waiting("2"))

    await expect(page.locator(".card[data-key]")).to_have_count(2)


async def test_ten_thousand_tasks_are_a_few_cards_and_all_of_them_are_reached(
    scene: Scene, page: Page
) -> None:
    await scene.see(*(succeeded(f"{n:05}") for n in range(MANY)), to=())
    await page.goto("/")
    cards = page.locator(".card[data-key]")
    await expect(cards.first).to_be_visible()
    first = await keys_of(page)

    most = 0
    for _ in range(40):
        await page.mouse.wheel(0, 4000)
        await page.evaluate("new Promise(requestAnimationFrame)")
        most = max(most, await cards.count())
    far = await keys_of(page)
    # A turn of the wheel that is still on its way would scroll down again.
    await page.wait_for_function(
        """key => {
            scrollTo(0, 0);
            return document.querySelector(".card[data-key]")?.dataset.key === key;
        }""",
        arg=first[0],
    )

    assert 0 < most <= MOST_CARDS
    assert not set(first) & set(far)
    for place, key in enumerate(first):
        await expect(cards.nth(place)).to_have_attribute("data-key", key)


async def test_a_wall_that_is_scrolled_back_and_forth_does_not_grow(
    scene: Scene, page: Page
) -> None:
    await scene.see(*(succeeded(f"{n:05}") for n in range(1_500)), to=())
    await page.goto("/")
    await live(page)
    tool = await page.context.new_cdp_session(page)

    async def there_and_back() -> dict[str, float]:
        for direction in (1, -1):
            for _ in range(SCREENS):
                await page.mouse.wheel(0, direction * 6000)
                await page.evaluate("new Promise(requestAnimationFrame)")
        await page.wait_for_function("scrollY === 0")
        await tool.send("HeapProfiler.collectGarbage")
        kept = await tool.send("Memory.getDOMCounters")
        heap = await tool.send("Runtime.getHeapUsage")
        return {"nodes": kept["nodes"], "bytes": heap["usedSize"]}

    await there_and_back()  # whatever is read or made once
    once = await there_and_back()
    await there_and_back()
    often = await there_and_back()

    assert often["nodes"] <= once["nodes"] * 1.1
    assert often["bytes"] <= once["bytes"] + 500_000


async def test_the_first_screen_of_a_wall_is_small(scene: Scene, page: Page) -> None:
    """Pictures aside: those are as large as the gateway makes them, or are thumbnails."""
    await scene.see(*(succeeded(f"{n:05}") for n in range(500)), to=())
    tool = await page.context.new_cdp_session(page)
    received: list[float] = []
    tool.on(
        "Network.loadingFinished", lambda one: received.append(one["encodedDataLength"])
    )
    await tool.send("Network.enable")

    await page.goto("/")
    await live(page)
    await expect(page.locator(".card[data-key]").first).to_be_visible()

    assert 0 < sum(received) < FIRST_SCREEN


@pytest.mark.parametrize(
    ("filtered", "shown"),
    [
        pytest.param("?status=FAILURE", ["studio:2"], id="status"),
        pytest.param("?upstream=default", ["default:1"], id="upstream"),
        pytest.param("?q=LIGHTHOUSE+sea", ["default:1"], id="words of the prompt"),
        pytest.param("?q=2&status=FAILURE", ["studio:2"], id="both"),
    ],
)
async def test_a_filter_is_in_the_address(
    scene: Scene, page: Page, filtered: str, shown: list[str]
) -> None:
    await scene.see(succeeded("1", "a lighthouse by the sea"))
    await scene.see(failed("2", "no"), upstream="studio")

    await page.goto(f"/{filtered}")

    await expect(page.locator(".card[data-key]")).to_have_count(len(shown))
    assert await keys_of(page) == shown


async def test_choosing_a_filter_changes_the_address(scene: Scene, page: Page) -> None:
    await scene.see(succeeded("1", "a lighthouse"))
    await scene.see(failed("2", "no"))
    await page.goto("/")

    await page.get_by_role("link", name="Failed", exact=True).click()
    await expect(page.locator(".card[data-key]")).to_have_count(1)
    await page.get_by_role("searchbox").fill("lighthouse")

    await expect(page.locator(".state")).to_contain_text("Nothing matches")
    assert page.url.endswith("/?status=FAILURE&q=lighthouse")


async def test_the_keyboard_reaches_every_card_and_comes_back(
    scene: Scene, page: Page
) -> None:
    await scene.see(*(succeeded(f"{n:03}", f"prompt {n}") for n in range(200)))
    await page.goto("/")
    await expect(page.locator(".card[data-key]").first).to_be_visible()
    every = [f"default:{n:03}" for n in range(200)]
    reached = set()
    for _ in every:
        await page.keyboard.press("j")
        focused = page.locator(".card:focus-within")
        reached.add(await focused.get_attribute("data-key"))
    place = await page.evaluate("scrollY")

    await page.keyboard.press("Enter")
    await page.wait_for_selector("mj-task h1")
    await page.keyboard.press("Escape")

    assert reached == set(every)
    await expect(page.locator(".card[data-key]").first).to_be_visible()
    assert await page.evaluate("scrollY") == place
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Next card")


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        pytest.param(EXPIRED, "has expired", id="expired"),
        pytest.param(LOCAL, "Your browser cannot reach localhost", id="local"),
        pytest.param("javascript:alert(1)", "", id="no address of a picture"),
    ],
)
async def test_a_picture_that_is_not_there_says_why(
    scene: Scene, page: Page, picture: str, said: str
) -> None:
    await scene.see(succeeded("1", image=picture))

    await page.goto("/")

    await expect(page.locator(".frame-note").first).to_contain_text(said)
    await expect(page.locator(".frame[data-picture=loading]")).to_have_count(0)


def kept_file(data: bytes, source: str) -> KeptFile:
    return KeptFile(
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        type="image/png",
        width=640,
        height=320,
        source=source,
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("https://cdn.example/a.png", "", id="its source is there"),
        pytest.param(EXPIRED, "The kept file is gone · ", id="its source is not"),
        pytest.param(None, "The kept file is gone", id="it has no source"),
    ],
)
async def test_of_a_kept_picture_that_was_deleted_the_source_is_shown_while_it_is_there(
    *,
    scene: Scene,
    bench: Bench,
    browser: Browser,
    redis_url: str,
    tmp_path: Path,
    source: str | None,
    said: str,
) -> None:
    data = picture(size=(640, 320))
    await scene.see(succeeded("1", image=source), to=["archive:default"])
    await scene.keep(
        replace(kept_file(data, source or ""), url="https://elsewhere.example/files/x")
    )

    async def there(route: Route) -> None:
        await route.fulfill(body=data, content_type="image/png")

    archive = {"url": f"file:{tmp_path}"}
    async with (
        open_site(redis_url, bench.namespace, archive=archive) as site,
        window(browser, site.url) as (page, _),
    ):
        await page.route("https://cdn.example/a.png", there)
        await page.goto("/")
        image = page.locator(".card[data-key] img")
        await expect(image).to_have_attribute("title", "The kept file is gone")
        await expect(page.locator(".frame-note").first).to_contain_text(said)
        width = 640 if source and not said else 0
        await expect(image).to_have_js_property("naturalWidth", width)
        if source is not None:
            await page.locator(".card[data-key] a").click()
            link = page.get_by_role("link", name="Open picture")
            await expect(link).to_have_attribute("href", source)


async def test_of_a_picture_that_is_kept_nobody_notices_that_its_link_has_expired(
    scene: Scene, bench: Bench, browser: Browser, redis_url: str, tmp_path: Path
) -> None:
    data = picture(size=(640, 320))
    kept = kept_file(data, EXPIRED)
    small = picture("WEBP", size=(512, 256))
    files = LocalFiles(tmp_path)
    for name, content in (
        (kept.name, data),
        (thumbnail_name(kept.name, 512), small),
    ):
        files.path(name).parent.mkdir(parents=True)
        files.path(name).write_bytes(content)
    await scene.see(succeeded("1", image=EXPIRED), to=["archive:default"])
    url = f"https://elsewhere.example/files/{kept.name}"
    await scene.keep(replace(kept, url=url))

    archive = {"url": f"file:{tmp_path}"}
    async with (
        open_site(redis_url, bench.namespace, archive=archive) as site,
        window(browser, site.url) as (page, _),
    ):
        await page.goto("/")
        image = page.locator(".card[data-key] img")
        await expect(image).to_have_js_property("naturalWidth", 512)
        await expect(page.locator(".frame-note").first).to_be_empty()
        await page.locator(".card[data-key] a").click()
        full = page.locator(".task .picture img")
        await expect(full).to_have_js_property("naturalWidth", 640)
        await expect(full).to_have_attribute("src", f"/files/{kept.name}")


async def test_a_final_picture_takes_the_place_of_a_preview_at_the_same_address(
    scene: Scene, page: Page
) -> None:
    """A gateway shows both at ``/mj/image/<id>``, and a browser keeps what it has."""
    width = 10

    async def show(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        picture = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="10"/>'
        )
        head = "HTTP/1.1 200 OK\r\ncontent-type: image/svg+xml\r\nconnection: close\r\n"
        writer.write(f"{head}\r\n{picture}".encode())
        writer.close()

    server = await asyncio.start_server(show, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/mj/image/1"
        await scene.see(running("1", 15, image=url))
        await page.goto("/")
        await live(page)
        image = page.locator(".card[data-key] img")
        await expect(image).to_have_js_property("naturalWidth", 10)

        width = 20
        await scene.see(succeeded("1", image=url))

        await expect(image).to_have_js_property("naturalWidth", 20)
        await page.locator(".card[data-key] a").click()
        full = page.locator(".task .picture img")
        await expect(full).to_have_js_property("naturalWidth", 20)


async def test_all_of_seven_tabs_are_live(
    scene: Scene, browser: Browser, site: Site
) -> None:
    """A browser opens six connections to a site over HTTP/1.1."""
    await scene.see(running("1", 15))
    async with window(browser, site.url) as (first, _):
        tabs = [first, *[await first.context.new_page() for _ in range(6)]]
        for tab in tabs:
            await tab.goto("/")
            await live(tab)

        await scene.see(running("1", 78))

        for tab in tabs:
            await expect(tab.locator(".card progress")).to_have_attribute("value", "78")
        await first.close()
        await scene.see(succeeded("1"))
        for tab in tabs[1:]:
            await expect(tab.locator(".card .status")).to_have_text("Succeeded")


async def test_what_happens_while_a_tab_reads_its_list_is_not_lost(
    scene: Scene, page: Page
) -> None:
    await scene.see(running("1", 15))
    await page.goto("/")
    await live(page)

    async def late(route: Route) -> None:
        older = await route.fetch()
        await scene.see(running("1", 78))
        await expect(page.locator(".card progress")).to_have_attribute("value", "78")
        await route.fulfill(response=older)

    other = await page.context.new_page()
    await other.route("**/api/v1/tasks?*", late)
    await other.goto("/")

    await expect(other.locator(".card progress")).to_have_attribute("value", "78")


async def test_a_hidden_tab_rests_and_catches_up(scene: Scene, page: Page) -> None:
    await page.add_init_script(
        "let hidden = false;"
        "Object.defineProperty(document, 'hidden', { get: () => hidden });"
        "window.hide = now => { hidden = now; document.dispatchEvent(new Event('visibilitychange')); };"
    )
    await scene.see(running("1", 15), running("2", 15))
    await page.goto("/")
    await live(page)
    heard = page.context.new_page()
    other = await heard
    await other.goto("/")
    await page.evaluate("hide(true)")

    await scene.see(running("1", 78))
    progress = other.locator(".card[data-key='default:1'] progress")
    await expect(progress).to_have_attribute("value", "78")

    ours = page.locator(".card[data-key='default:1'] progress")
    await expect(ours).to_have_attribute("value", "15")
    await page.evaluate("hide(false)")
    await expect(ours).to_have_attribute("value", "78")


async def test_after_a_restart_of_the_server_a_page_is_live_again_and_missed_nothing(
    scene: Scene, browser: Browser, redis_url: str, namespace: str
) -> None:
    await scene.see(running("1", 15))
    async with open_site(redis_url, namespace) as site:
        context = await browser.new_context(base_url=site.url, locale="en-US")
        page = await context.new_page()
        await page.goto("/")
        await live(page)
    await page.wait_for_selector(".live[data-state=reconnecting]")

    await scene.see(running("1", 78))
    async with open_site(redis_url, namespace, port=site.port):
        await live(page)
        await expect(page.locator(".card progress")).to_have_attribute("value", "78")
        await context.close()


async def test_nothing_moves_for_anyone_who_wants_no_motion(
    scene: Scene, browser: Browser, site: Site
) -> None:
    await scene.see(running("1", 15))
    async with window(browser, site.url, reduced_motion="reduce") as (page, _):
        await page.goto("/")
        await page.wait_for_selector(".card[data-key]")

        assert await page.evaluate("document.getAnimations().length") == 0
