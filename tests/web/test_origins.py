"""No page of another site can ask for a change."""

from __future__ import annotations

import gzip

import httpx

from tests.web.site import TOKEN, Site, open_site

PAGE = {"x-requested-with": "mjbridge"}
ADDRESS = "/api/v1/nothing"  # where what is let through is not found


async def change(site: Site, headers: dict[str, str], **how: object) -> int:
    answer: httpx.Response = await site.http.request(
        "POST",
        ADDRESS,
        headers={"host": "localhost:8300"} | headers,
        **{"json": {}} | how,  # type: ignore[arg-type]
    )
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


async def test_what_another_page_asks_for_is_refused(site: Site) -> None:
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:8300"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8301"},
        {"origin": "http://localhost"},
    ):
        assert await change(site, headers) == 403, headers


async def test_what_a_program_or_our_own_page_asks_for_is_not(site: Site) -> None:
    asked: list[dict[str, str]] = [
        {},
        {"sec-fetch-site": "same-origin", "origin": "http://localhost:8300"},
        {"sec-fetch-site": "none"},
        {"origin": "http://localhost:8300"},
    ]
    for headers in asked:
        assert await change(site, headers) == 404, headers


async def test_a_body_that_a_form_could_send_is_refused(site: Site) -> None:
    for media_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ):
        headers = {"content-type": media_type}
        assert await change(site, headers, content="{}", json=None) == 415, media_type


async def test_a_compressed_body_is_called_that_and_not_broken(site: Site) -> None:
    body = gzip.compress(b"{}")
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    assert await change(site, headers, content=body, json=None) == 415


async def test_a_change_without_a_body_needs_no_media_type(site: Site) -> None:
    assert await change(site, {}, json=None) == 404


async def test_a_session_asks_with_the_page_s_own_header(closed_site: Site) -> None:
    await closed_site.http.post("/signin", json={"token": TOKEN})

    assert await change(closed_site, {"host": "localhost"}) == 403
    assert await change(closed_site, {"host": "localhost"} | PAGE) == 404
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert await change(closed_site, bearer) == 404


async def test_a_form_of_another_site_is_refused_in_spite_of_the_cookie(
    closed_site: Site,
) -> None:
    await closed_site.http.post("/signin", json={"token": TOKEN})
    form = {"content-type": "text/plain"}

    assert await change(closed_site, form, content="{}", json=None) == 403


async def test_the_public_origin_is_ours_behind_a_proxy(
    redis_url: str, namespace: str
) -> None:
    public = "https://bridge.example.com"
    async with open_site(redis_url, namespace, public_url=public) as site:
        assert await change(site, {"origin": public}) == 404


# --- CORS -----------------------------------------------------------------------------


async def test_no_other_page_may_read_an_answer(site: Site) -> None:
    answer = await site.http.get("/healthz", headers={"origin": "https://a.example"})

    assert "access-control-allow-origin" not in answer.headers


async def test_pages_of_a_listed_origin_may_use_the_api_with_a_token(
    redis_url: str, namespace: str
) -> None:
    ours, other = {"origin": "https://a.example"}, {"origin": "https://b.example"}
    asks = {"access-control-request-method": "POST"}
    listed = "https://A.example:443"  # the same, if not as browsers write it
    async with open_site(
        redis_url, namespace, api_token=TOKEN, web={"cors_origins": [listed]}
    ) as site:
        allowed = await site.http.options(ADDRESS, headers=ours | asks)
        refused = await site.http.options(ADDRESS, headers=other | asks)
        bearer = {"authorization": f"Bearer {TOKEN}", "sec-fetch-site": "cross-site"}
        read = await site.http.get("/api/v1/openapi.json", headers=ours | bearer)

        assert allowed.headers["access-control-allow-origin"] == ours["origin"]
        assert "access-control-allow-credentials" not in allowed.headers
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        assert read.headers["access-control-allow-origin"] == ours["origin"]
        assert await change(site, ours | bearer) == 404
        assert await change(site, other | bearer) == 403


async def test_pages_of_a_listed_origin_may_read_why_they_are_refused(
    redis_url: str, namespace: str
) -> None:
    origin = {"origin": "https://a.example"}
    bearer = {"authorization": f"Bearer {TOKEN}"}
    asks: list[tuple[int, dict[str, str], str]] = [
        (401, {"authorization": "Bearer wrong"}, "{}"),
        (413, bearer | {"content-type": "application/json"}, " " * 1_100_000),
        (415, bearer | {"content-type": "text/plain"}, "{}"),
    ]
    async with open_site(
        redis_url, namespace, api_token=TOKEN, web={"cors_origins": [origin["origin"]]}
    ) as site:
        for status, headers, body in asks:
            answer = await site.http.post(
                "/api/v1/tasks", headers=origin | headers, content=body
            )

            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == origin["origin"]
            exposed = answer.headers["access-control-expose-headers"]
            assert {"idempotency-replayed", "x-mjbridge"} < set(exposed.split(", "))
