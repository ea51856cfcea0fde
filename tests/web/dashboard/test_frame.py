"""The frame of every page, and the files that it loads; without a browser."""

from __future__ import annotations

import re

import pytest

from tests.web.site import Site, open_site

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = [
    *("/", "/tasks/1730621826053455", "/tasks/default/1730621826053455"),
    *("/deliveries", "/endpoints", "/endpoints/pipeline", "/upstreams"),
    *("/tasks/default/a%2Fb", "/endpoints/hook%3Ahttps%3A%2F%2Fa.example"),
]
#: Scripts that the browser may not run, handlers, and styles that it may not apply.
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\son\w+=|<style|\sstyle=", re.IGNORECASE)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_a_frame_with_nothing_inline(site: Site, path: str) -> None:
    response = await site.http.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "trusted-types 'none'" in response.headers["content-security-policy"]
    assert not INLINE.search(response.text)


async def test_a_page_is_there_while_the_store_is_not() -> None:
    async with open_site("redis://127.0.0.1:1", "none", waits=False) as site:
        response = await site.http.get("/")

    assert response.status_code == 200


async def test_what_a_page_loads_is_there_and_is_kept(site: Site) -> None:
    page = (await site.http.get("/")).text
    loaded = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))

    responses = [await site.http.get(path) for path in loaded]

    assert len(loaded) > 5
    assert {one.status_code for one in responses} == {200}
    assert all("immutable" in one.headers["cache-control"] for one in responses)


@pytest.mark.parametrize("name", ["none.js", "../strings.py", "%2e%2e/strings.py", "."])
async def test_only_the_files_of_the_dashboard_are_served(
    site: Site, name: str
) -> None:
    response = await site.http.get(f"/static/x/{name}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_files_of_another_version_are_not_kept(site: Site) -> None:
    response = await site.http.get("/static/000000000000/app.js")

    assert response.headers["cache-control"] == "no-store"


async def test_a_page_speaks_the_language_and_has_the_colours_that_were_chosen(
    site: Site,
) -> None:
    chosen = {"cookie": "lang=zh; theme=dark"}

    page = (await site.http.get("/", headers=chosen)).text
    nonsense = (await site.http.get("/", headers={"cookie": 'theme="><b>'})).text

    assert '<html lang="zh" data-theme="dark">' in page
    assert '<html lang="en">' in nonsense
