"""`bridge.adapters.gateway`: how a gateway is asked, and what it is shown."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from bridge.adapters.gateway.access import origin_root
from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskStatus
from bridge.errors import Misconfigured
from tests.adapters.gateway.polling import (
    KEY,
    LIST,
    asking,
    polled,
    rows,
)
from tests.gateways import Asked, lists, says, scripted


async def test_all_ids_are_asked_for_in_one_request() -> None:
    async with asking(lists(rows("1", "2"))) as (gateway, upstream):
        answer = await upstream.fetch(["1", "2", "3"])

    (asked,) = gateway.asked
    assert (asked.method, asked.path, asked.ids) == ("POST", LIST, ["1", "2", "3"])
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["user-agent"].startswith("mjbridge/")
    assert answer.error is None
    assert set(answer.tasks) == {"1", "2"}
    assert answer.tasks["1"].status is TaskStatus.IN_PROGRESS


async def test_ids_go_out_as_unique_trimmed_strings() -> None:
    async with asking(lists([])) as (gateway, upstream):
        await upstream.fetch([" 0191304188213322 ", "2", "", "  ", "2"])

    assert gateway.asked[0].ids == ["0191304188213322", "2"]


async def test_no_ids_are_no_question() -> None:
    async with asking(lists([])) as (gateway, upstream):
        assert await upstream.fetch([" "]) == FetchResult()

    assert gateway.asked == []


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", LIST),
        ("/", LIST),
        ("/mj", LIST),
        ("/mj/", LIST),
        ("//mj//", LIST),
        (LIST, LIST),
        ("/mj/task/list-by-ids", LIST),
        ("/mj/submit/imagine", LIST),
        ("/mj-fast", f"/mj-fast{LIST}"),
        ("/mj-fast/mj", f"/mj-fast{LIST}"),
        ("/mj-relax/mj/task/list-by-condition", f"/mj-relax{LIST}"),
        ("/prefix", f"/prefix{LIST}"),
        ("/submit/imagine", LIST),
        ("/prefix/task/list-by-ids", f"/prefix{LIST}"),
        ("/mj-fast/task/list-by-ids", f"/mj-fast{LIST}"),
        ("/image/mj", f"/image{LIST}"),
        ("/image/mj/image/1", f"/image{LIST}"),
        ("/task/mj-fast", f"/task/mj-fast{LIST}"),
        ("/task/mj-fast/mj/submit/imagine", f"/task/mj-fast{LIST}"),
        ("/submit/mjx", LIST),
        ("/prefix/mj/", f"/prefix{LIST}"),
        ("/a%2Fb%3A/mj", f"/a%2Fb%3A{LIST}"),
    ],
)
async def test_the_base_url_may_be_spelled_in_any_way(base: str, path: str) -> None:
    async with (
        asking(lists([])) as (gateway, _),
        polled(gateway.url + base) as upstream,
    ):
        await upstream.fetch(["1"])

    assert [asked.path for asked in gateway.asked] == [path]


@pytest.mark.parametrize("host", ["mj", "mj-proxy:8080", "mj-x@mj-fast.example"])
def test_another_speed_changes_the_path_and_never_the_host(host: str) -> None:
    for given in ("/mj", "/mj-relax/mj"):
        assert (
            origin_root(f"http://{host}{given}", "/mj-fast")
            == f"http://{host}/mj-fast/mj"
        )


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ("bearer", {"authorization": f"Bearer {KEY}"}),
        ("raw", {"authorization": KEY}),
        ("mj-api-secret", {"mj-api-secret": KEY}),
        ("both", {"authorization": f"Bearer {KEY}", "mj-api-secret": KEY}),
        ("header:X-Api-Key", {"x-api-key": KEY}),
    ],
)
async def test_the_key_is_shown_as_the_upstream_wants_it(
    auth: str, shown: dict[str, str]
) -> None:
    async with asking(lists([]), auth=auth, api_key=KEY) as (gateway, upstream):
        await upstream.fetch(["1"])

    headers = gateway.asked[0].headers
    assert {n: v for n, v in headers.items() if KEY in v} == shown


async def test_without_a_key_none_is_shown() -> None:
    async with asking(lists([]), api_key="") as (gateway, upstream):
        await upstream.fetch(["1"])

    assert "authorization" not in gateway.asked[0].headers


async def test_certificates_that_cannot_be_read_are_refused_at_once() -> None:
    with pytest.raises(Misconfigured):
        async with polled("https://host", tls_ca="/nowhere/ca.pem"):
            pass


async def test_a_proxy_is_used_if_one_is_named() -> None:
    async with (
        scripted(lists(rows("1"))) as proxy,
        polled("http://gateway.invalid", proxy=proxy.url) as upstream,
    ):
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}
    assert proxy.asked[0].path in {LIST, f"http://gateway.invalid{LIST}"}


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificates_are_verified(tmp_path: Path, trusted: bool) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls_ca = str(tmp_path / "ca.pem") if trusted else None

    async with (
        scripted(lists(rows("1")), ssl_context=context) as gateway,
        polled(gateway.url, tls_ca=tls_ca) as upstream,
    ):
        answer = await upstream.fetch(["1"])

    assert answer.error is (None if trusted else PollError.BROKEN)
    assert trusted or "certificate" in answer.detail


async def test_cookies_are_not_kept() -> None:
    script = lambda _: says([], set_cookie="a=b; Path=/")  # noqa: E731
    async with asking(script) as (gateway, upstream):
        await upstream.fetch(["1"])
        await upstream.fetch(["1"])

    assert "cookie" not in gateway.asked[1].headers


async def test_a_proxy_is_shown_its_password() -> None:
    async with scripted(lists(rows("1"))) as proxy:
        address = proxy.url.replace("://", "://me:pass@")
        async with polled("http://gateway.invalid", proxy=address) as upstream:
            await upstream.fetch(["1"])

    assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6cGFzcw=="


async def test_two_accounts_of_one_gateway_share_nothing() -> None:
    def script(asked: Asked) -> web.Response:
        mine = asked.headers["authorization"] == "Bearer one"
        return says([{"id": "7", "status": "SUCCESS" if mine else "SUBMITTED"}])

    async with (
        asking(script, api_key="one") as (gateway, one),
        polled(gateway.url, api_key="two") as two,
    ):
        answers = await asyncio.gather(one.fetch(["7"]), two.fetch(["7"]))

    assert [answer.tasks["7"].status for answer in answers] == ["SUCCESS", "SUBMITTED"]
