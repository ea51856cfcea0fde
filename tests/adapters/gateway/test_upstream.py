"""`bridge.adapters.gateway.upstream`: whatever a gateway does, `fetch` answers."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from aiohttp import web

from bridge.adapters.gateway.address import secrets_of
from bridge.adapters.gateway.exchange import LARGEST_BODY
from bridge.adapters.gateway.upstream import NOBODYS_ID, HttpUpstream, UpstreamOptions
from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskStatus
from bridge.errors import Misconfigured
from tests.gateways import Asked, Gateway, Script, lists, raw, says, scripted

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"
LIST = "/mj/task/list-by-condition"


@asynccontextmanager
async def polled(url: str, **options: object) -> AsyncIterator[HttpUpstream]:
    base = UpstreamOptions(name="default", base_url=url, api_key=KEY, timeout=10)
    upstream = HttpUpstream(replace(base, **options))  # type: ignore[arg-type]
    try:
        yield upstream
    finally:
        await upstream.aclose()


@asynccontextmanager
async def asking(
    script: Script, **options: object
) -> AsyncIterator[tuple[Gateway, HttpUpstream]]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(scripted(script))
        yield gateway, await stack.enter_async_context(polled(gateway.url, **options))


async def answer_to(
    script: Script, ids: Sequence[str] = ("1",), **options: object
) -> FetchResult:
    async with asking(script, **options) as (_, upstream):
        return await upstream.fetch(ids)


async def never() -> web.Response:
    waiting: asyncio.Future[web.Response] = asyncio.get_running_loop().create_future()
    return await waiting


def rows(*ids: str) -> list[dict[str, object]]:
    return [{"id": task_id, "status": "IN_PROGRESS"} for task_id in ids]


def poisoned(*poisons: str, known: Sequence[str] = (), status: int = 400) -> Script:
    """A gateway that refuses every question with one of these ids in it."""
    listing = lists(rows(*known))

    def script(asked: Asked) -> web.Response:
        if set(poisons) & set(asked.ids):
            return says({"description": "do_request_failed ", "code": 4}, status)
        return listing(asked)

    return script


# --- the request ----------------------------------------------------------------------


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
        ("/mj \n", LIST),
        (LIST, LIST),
        ("/mj/task/list-by-ids", LIST),
        ("/mj/submit/imagine", LIST),
        ("/mj?key=1#top", LIST),
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
    ],
)
async def test_the_base_url_may_be_spelled_in_any_way(base: str, path: str) -> None:
    async with (
        asking(lists([])) as (gateway, _),
        polled(gateway.url + base) as upstream,
    ):
        await upstream.fetch(["1"])

    assert [asked.path for asked in gateway.asked] == [path]


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
@pytest.mark.parametrize("key", [KEY, f" {KEY}\n", f"Bearer {KEY}"])
async def test_the_key_is_shown_as_the_upstream_wants_it(
    auth: str, shown: dict[str, str], key: str
) -> None:
    async with asking(lists([]), auth=auth, api_key=key) as (gateway, upstream):
        await upstream.fetch(["1"])

    headers = gateway.asked[0].headers
    assert {n: v for n, v in headers.items() if KEY in v} == shown


async def test_without_a_key_none_is_shown() -> None:
    async with asking(lists([]), api_key="") as (gateway, upstream):
        await upstream.fetch(["1"])

    assert "authorization" not in gateway.asked[0].headers


async def test_a_password_in_the_base_url_is_for_the_proxy_in_front() -> None:
    async with asking(lists([])) as (gateway, _):
        url = gateway.url.replace("://", "://me:p%40ss@")
        async with polled(url, auth="mj-api-secret") as upstream:
            await upstream.fetch(["1"])

    assert gateway.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://host"},
        {"base_url": "https://"},
        {"base_url": "https://host:x"},
        {"auth": "basic"},
        {"auth": "header:"},
        {"auth": "header:X Y"},
        {"api_key": "schlüssel"},
        {"api_key": "a\nb"},
        {"tls_ca": "/nowhere/ca.pem"},
        {"proxy": "socks5://host:1"},
    ],
    ids=str,
)
async def test_what_can_never_work_is_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        async with polled("https://host", **wrong):
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


# --- 37-42: complaints ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        pytest.param(
            401,
            {
                "error": {
                    "message": "无效的令牌 (request id: 1)",
                    "type": "new_api_error",
                }
            },
            PollError.REFUSED,
            "HTTP 401: 无效的令牌",
            id="401 of new-api",
        ),
        pytest.param(
            401,
            "Authorization header missing.",
            PollError.REFUSED,
            "auth",
            id="401 text",
        ),
        pytest.param(401, b"", PollError.REFUSED, "HTTP 401", id="401 without a word"),
        pytest.param(
            401,
            {"error": "Unauthorized"},
            PollError.REFUSED,
            "Unauthorized",
            id="401 short",
        ),
        pytest.param(
            401,
            {"error": {"message": "[sk-abc***DEF] 该令牌额度已用尽"}},
            PollError.REFUSED,
            "quota is used up",
            id="401 that means the quota",
        ),
        pytest.param(
            403,
            {"error": {"message": "This token has no access to model "}},
            PollError.REFUSED,
            "limited to certain models",
            id="403 of a limited key",
        ),
        pytest.param(
            403,
            {"error": {"message": "您的 IP 不在令牌允许访问的列表中"}},
            PollError.REFUSED,
            "certain addresses",
            id="403 of an address list",
        ),
        pytest.param(
            403,
            "<html><title>Just a moment...</title>",
            PollError.REFUSED,
            "firewall",
            id="403 of a firewall",
        ),
        pytest.param(403, "账号不可用", PollError.REFUSED, "账号不可用", id="403 text"),
        pytest.param(402, b"", PollError.REFUSED, "HTTP 402", id="402"),
        pytest.param(
            429, b"", PollError.THROTTLED, "HTTP 429", id="429 without a word"
        ),
        pytest.param(
            429,
            {"description": "当前分组负载已饱和", "type": "upstream_error", "code": 30},
            PollError.THROTTLED,
            "当前分组负载已饱和",
            id="429 of new-api",
        ),
        pytest.param(
            500,
            {"error": {"description": "Panic"}},
            PollError.BROKEN,
            "Panic",
            id="500",
        ),
        pytest.param(502, "<html>", PollError.BROKEN, "HTTP 502: a web page", id="502"),
        pytest.param(
            524,
            "<title>A timeout occurred</title>",
            PollError.BROKEN,
            "A timeout",
            id="524",
        ),
        pytest.param(418, b"", PollError.BROKEN, "HTTP 418", id="a teapot"),
        pytest.param(
            200,
            "<!doctype html><title>New API</title>",
            PollError.MISPLACED,
            "New API",
            id="a page",
        ),
        pytest.param(
            200,
            {"success": False, "code": -1, "message": "boom"},
            PollError.BROKEN,
            "boom",
            id="an error with status 200",
        ),
        pytest.param(200, b"", PollError.BROKEN, "empty", id="nothing"),
        pytest.param(204, b"", PollError.BROKEN, "empty", id="204"),
        pytest.param(
            200, b'[{"id":"1"', PollError.BROKEN, "unreadable", id="half of it"
        ),
    ],
)
async def test_an_answer_that_is_not_valid_is_a_complaint(
    status: int, body: object, error: PollError, words: str
) -> None:
    answer = await answer_to(lambda _: says(body, status))

    assert (answer.error, answer.tasks, answer.poison_ids) == (
        error,
        {},
        frozenset(),
    )
    assert words in answer.detail
    assert "sk-" not in answer.detail


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "image/png"])
async def test_the_content_decides_not_the_content_type(kind: str) -> None:
    answer = await answer_to(lambda _: says(b'[{"id":"1"}]', content_type=kind))

    assert set(answer.tasks) == {"1"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "999999999"}, 86400),
        (
            {
                "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT",
                "date": "Wed, 21 Oct 2015 07:26:30 GMT",
            },
            90,
        ),
        (
            {
                "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT",
                "date": "Wed, 21 Oct 2015 07:29:00 GMT",
            },
            0,
        ),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "9" * 5000}, 86400),
        ({}, None),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_wish_to_be_left_alone_is_passed_on(
    headers: dict[str, str], seconds: float | None, status: int
) -> None:
    answer = await answer_to(lambda _: says(b"", status, **headers))

    assert answer.retry_after == seconds


async def test_without_a_date_of_the_upstreams_a_date_says_nothing() -> None:
    headers = b"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n"
    async with raw(b"HTTP/1.1 503 Busy\r\n" + headers) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert answer.retry_after is None


@pytest.mark.parametrize(
    "body",
    [{"success": False, "message": "busy"}, "<title>busy</title>", b"", b"[{"],
    ids=["envelope", "page", "nothing", "half of it"],
)
async def test_a_wish_to_be_left_alone_may_come_with_status_200(body: object) -> None:
    answer = await answer_to(lambda _: says(body, 200, retry_after="7"))

    assert answer.error is not None
    assert answer.retry_after == 7


async def test_a_wish_to_be_left_alone_counts_though_the_answer_is_broken() -> None:
    head = OK + b"Retry-After: 7\r\nContent-Encoding: gzip\r\n\r\n" + BODY
    async with raw(head) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert (answer.error, answer.retry_after) == (PollError.BROKEN, 7)


async def test_a_valid_answer_is_no_wish_to_be_left_alone() -> None:
    answer = await answer_to(lambda _: says(rows("1"), 200, retry_after="7"))

    assert (answer.error, answer.retry_after) == (None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_told_and_not_followed(status: int) -> None:
    async with asking(lists(rows("1"))) as (elsewhere, _):
        location = f"{elsewhere.url}/secret/path?token=1".replace(
            "127.0.0.1", "localhost"
        )
        answer = await answer_to(lambda _: says(b"", status, location=location))

    assert elsewhere.asked == []
    assert answer.error is PollError.MISPLACED
    assert "redirects to localhost" in answer.detail
    assert "secret" not in answer.detail
    assert "token" not in answer.detail


@pytest.mark.parametrize("location", ["/login", "", "http://[bad", "//127.0.0.1/x"])
async def test_a_redirect_to_nowhere_else_is_a_redirect(location: str) -> None:
    answer = await answer_to(lambda _: says(b"", 302, location=location))

    assert "the same host" in answer.detail


# --- 40: the network ------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'[{"id":"1","status":"SUCCESS"}]'


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="hangs up"),
        pytest.param(OK + b"Content-Length: 500\r\n\r\n" + BODY, id="too short"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{", id="chunk cut off"
        ),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX", id="head cut off"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\x00: \xff\r\n\r\n", id="bad header"),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\nContent-Length: 31\r\n\r\n" + BODY,
            id="gzip that is none",
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-12],
            id="gzip cut off",
        ),
        pytest.param(
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-3],
            id="gzip cut off in its trailer",
        ),
        pytest.param(OK + b"Content-Encoding: br\r\n\r\n" + BODY, id="brotli"),
    ],
)
async def test_a_broken_answer_is_a_complaint(answer: bytes | None) -> None:
    async with raw(answer) as url, polled(url) as upstream:
        said = await upstream.fetch(["1", "2"])

    assert (said.error, said.tasks, said.poison_ids) == (
        PollError.BROKEN,
        {},
        frozenset(),
    )
    assert said.detail


async def test_nobody_listening_is_a_complaint() -> None:
    async with raw(None) as url:
        pass
    async with polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert answer.error is PollError.BROKEN
    assert "onnect" in answer.detail


async def test_a_gateway_that_does_not_answer_in_time_is_given_up() -> None:
    async def silent(_: Asked) -> web.Response:
        return await never()

    answer = await answer_to(silent, timeout=0.2)

    assert answer.error is PollError.BROKEN
    assert answer.detail == "no answer within 0.2 s"


async def test_an_idle_connection_that_was_closed_is_opened_again() -> None:
    """Its end is noticed only by the next question, which is not lost because of it."""
    fine = OK + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    async with raw(None, fine) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
    ],
    ids=["identity", "gzip", "deflate", "raw deflate"],
)
async def test_packed_answers_are_understood_though_not_asked_for(
    encoding: str, packed: bytes
) -> None:
    head = OK + b"Content-Encoding: %b\r\n\r\n" % encoding.encode()
    async with raw(head + packed) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


async def test_large_headers_are_no_reason_to_give_up() -> None:
    head = OK + b"Content-Security-Policy: %b\r\n\r\n" % (b"x" * 20_000)
    async with raw(head + BODY) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


# --- 44: poison -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("place", [0, 7, 12])
async def test_one_poison_id_harms_only_itself(status: int, place: int) -> None:
    ids = [f"t{number}" for number in range(13)]
    script = poisoned(ids[place], known=ids, status=status)

    answer = await answer_to(script, ids)

    assert answer.error is None
    assert answer.poison_ids == {ids[place]}
    assert set(answer.tasks) == set(ids) - {ids[place]}


async def test_several_poison_ids_harm_only_themselves() -> None:
    ids = [f"t{number}" for number in range(50)]
    poisons = {"t0", "t1", "t25", "t49"}

    answer = await answer_to(poisoned(*poisons, known=ids), ids)

    assert answer.error is None
    assert answer.poison_ids == poisons
    assert set(answer.tasks) == set(ids) - poisons


async def test_known_poison_is_asked_for_alone_until_it_is_none() -> None:
    ids = ["a", "b", "c", "p"]
    async with asking(poisoned("p", known=ids)) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.asked.clear()
        again = await upstream.fetch(ids)
        second = [asked.ids for asked in gateway.asked]
        gateway.script = lists(rows(*ids))
        cured = await upstream.fetch(ids)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert second == [["a", "b", "c"], ["p"]]
    assert again.poison_ids == {"p"}
    assert (set(cured.tasks), cured.poison_ids) == (set(ids), frozenset())
    assert [asked.ids for asked in gateway.asked] == [ids]


@pytest.mark.parametrize("ids", [["p"], ["p", "q"]], ids=str)
async def test_poison_is_recognized_even_with_nothing_beside_it(ids: list[str]) -> None:
    answer = await answer_to(poisoned("p", "q"), ids)

    assert (answer.error, answer.poison_ids) == (None, frozenset(ids))


@pytest.mark.parametrize("count", [1, 2, 50])
async def test_a_gateway_that_refuses_everything_refuses_us(count: int) -> None:
    ids = [f"t{number}" for number in range(count)]
    async with asking(lambda _: says({"description": "无效的加速模式"}, 400)) as (
        gateway,
        upstream,
    ):
        answer = await upstream.fetch(ids)

    assert answer.error is PollError.BROKEN
    assert "无效的加速模式" in answer.detail
    assert answer.poison_ids == frozenset()
    assert len(gateway.asked) <= 4
    assert gateway.asked[-1].ids == [NOBODYS_ID]


async def test_a_single_unknown_task_is_missing_and_no_poison() -> None:
    answer = await answer_to(lambda _: says({"description": "task_no_found "}, 400))

    assert answer == FetchResult()


@pytest.mark.parametrize("status", [400, 404])
async def test_an_unknown_id_that_costs_a_whole_batch_harms_only_itself(
    status: int,
) -> None:
    ids = [f"t{number}" for number in range(13)]
    known = lists(rows(*ids))

    def script(asked: Asked) -> web.Response:
        if {"t3", "t4"} & set(asked.ids):
            return says({"description": "task_no_found ", "code": 4}, status)
        return known(asked)

    async with asking(script) as (gateway, upstream):
        first = await upstream.fetch(ids)
        gateway.asked.clear()
        second = await upstream.fetch(ids)
        asked = [asked.ids for asked in gateway.asked]
        gateway.script = known
        await upstream.fetch(ids)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert first == second
    assert (first.error, first.poison_ids) == (None, frozenset())
    assert set(first.tasks) == set(ids) - {"t3", "t4"}
    assert sorted(asked, key=len) == [["t3"], ["t4"], [*ids[:3], *ids[5:]]]
    assert [asked.ids for asked in gateway.asked] == [ids]


async def test_a_batch_of_unknown_ids_is_no_complaint() -> None:
    refusal = {"description": "task_no_found ", "code": 4}

    answer = await answer_to(lambda _: says(refusal, 400), ["1", "2", "3"])

    assert answer == FetchResult()


async def test_known_poison_that_is_refused_may_be_innocent() -> None:
    """As long as nothing is answered at all, none of it counts as missing."""
    async with asking(poisoned("p", known=["a"])) as (gateway, upstream):
        await upstream.fetch(["a", "p"])
        gateway.script = lambda _: says({"description": "maintenance"}, 400)
        answer = await upstream.fetch(["p"])

    assert answer.error is PollError.BROKEN
    assert "maintenance" in answer.detail


@pytest.mark.parametrize(("count", "most"), [(13, 9), (50, 13), (200, 17)])
async def test_poison_is_found_by_halves(count: int, most: int) -> None:
    ids = [f"t{number}" for number in range(count)]
    async with asking(poisoned("t5", known=ids)) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert answer.poison_ids == {"t5"}
    assert len(gateway.asked) <= most


@pytest.mark.parametrize("down", [["a", "p"], ["p"]], ids=["all", "only the poison"])
async def test_poison_is_remembered_through_an_outage(down: list[str]) -> None:
    ids = ["a", "b", "p"]
    script = poisoned("p", known=ids)
    outage = poisoned(*down, known=ids, status=503)
    async with asking(script) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.script = outage
        await upstream.fetch(ids)
        gateway.script = script
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert [asked.ids for asked in gateway.asked] == [["a", "b"], ["p"]]


@pytest.mark.parametrize("status", [401, 429])
async def test_a_gateway_that_complains_is_not_asked_about_poison(status: int) -> None:
    ids = ["a", "b", "p", "q"]
    async with asking(poisoned("p", "q", known=ids)) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.script = lambda _: says(b"", status)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert [asked.ids for asked in gateway.asked] == [["a", "b"]]


async def test_only_so_much_poison_is_remembered() -> None:
    async with asking(poisoned("p", known=["a"])) as (_, upstream):
        upstream._poisons = dict.fromkeys(map(str, range(1000)))
        await upstream.fetch(["a", "p"])

        assert len(upstream._poisons) == 1000
        assert "p" in upstream._poisons
        assert "0" not in upstream._poisons


@pytest.mark.parametrize("status", [400, 413, 414, 422])
async def test_a_batch_that_is_too_much_is_asked_for_in_parts(status: int) -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", status) if len(asked.ids) > 1 else says(rows(*asked.ids))

    answer = await answer_to(script, ["a", "b", "c"])

    assert (answer.error, set(answer.tasks)) == (None, {"a", "b", "c"})


async def test_a_complaint_about_one_half_is_a_complaint() -> None:
    def script(asked: Asked) -> web.Response:
        if len(asked.ids) == 4:
            return says(b"", 413)
        return says(b"", 503) if "d" in asked.ids else says(rows(*asked.ids))

    answer = await answer_to(script, ["a", "b", "c", "d"])

    assert answer.error is PollError.BROKEN
    assert set(answer.tasks) == {"a", "b"}


async def test_too_many_large_rows_are_asked_for_in_parts() -> None:
    large = "x" * (LARGEST_BODY // 3)

    def script(asked: Asked) -> web.Response:
        return says(
            [{"id": i, "maskBase64": large} for i in asked.ids if i != NOBODYS_ID]
        )

    answer = await answer_to(script, ["a", "b", "c", "d"])

    assert (answer.error, set(answer.tasks)) == (None, {"a", "b", "c", "d"})


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_not_read_to_its_end(packed: bool) -> None:
    body = b"[" + b" " * (LARGEST_BODY + 1) + b"]"
    headers = {"content_encoding": "gzip"} if packed else {}
    body = gzip.compress(body, 1) if packed else body

    answer = await answer_to(lambda _: says(body, 200, **headers))

    assert answer.error is PollError.BROKEN
    assert "16 MiB" in answer.detail


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_parts_are_asked_for_within_the_concurrency(concurrency: int) -> None:
    ids = [f"t{number}" for number in range(40)]

    async def script(asked: Asked) -> web.Response:
        await asyncio.sleep(0.001)
        return says(b"", 413) if len(asked.ids) > 2 else says(rows(*asked.ids))

    async with asking(script, concurrency=concurrency) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert set(answer.tasks) == set(ids)
    assert gateway.busiest == concurrency


# --- 43: other ways to ask ------------------------------------------------------------


def without(*routes: str, known: Sequence[str], status: int = 404) -> Script:
    """A gateway that lacks these routes."""

    def script(asked: Asked) -> web.Response:
        if any(asked.path.endswith(route) for route in routes):
            return says({"error": "Not Found", "status": 404}, status)
        if asked.method == "POST":
            return lists(rows(*known))(asked)
        task_id = asked.path.split("/")[-2]
        if task_id in known:
            return says(rows(task_id)[0])
        return UNKNOWN[int(task_id) % len(UNKNOWN)]()

    return script


#: What servers say to a single task that they do not know.
UNKNOWN = (
    lambda: says(b"", 204),
    lambda: says(b"", 200),
    lambda: says(b"null", 200),
    lambda: says({"description": "task_no_found ", "code": 4}, 400),
    lambda: says({"message": "task not found"}, 404),
)
LISTS = ("list-by-condition", "list-by-ids")


@pytest.mark.parametrize("status", [404, 405])
async def test_without_list_by_condition_its_sibling_is_asked(status: int) -> None:
    script = without("list-by-condition", known=["1"], status=status)
    async with asking(script) as (gateway, upstream):
        answers = [await upstream.fetch(["1", "2"]) for _ in range(3)]

    assert [set(answer.tasks) for answer in answers] == [{"1"}] * 3
    assert [asked.path.rpartition("/")[2] for asked in gateway.asked] == [
        *LISTS,
        "list-by-ids",
        "list-by-ids",
    ]


async def test_without_any_list_each_task_is_asked_for() -> None:
    ids = [str(number) for number in range(10, 20)]
    script = without(*LISTS, known=["10", "12"])
    async with asking(script, concurrency=3) as (gateway, upstream):
        first = await upstream.fetch(ids)
        gateway.asked.clear()
        second = await upstream.fetch(ids)

    assert first == second
    assert (first.error, set(first.tasks), first.poison_ids) == (
        None,
        {"10", "12"},
        frozenset(),
    )
    assert {asked.path for asked in gateway.asked} == {
        f"/mj/task/{i}/fetch" for i in ids
    }
    assert {asked.method for asked in gateway.asked} == {"GET"}
    assert gateway.busiest <= 3


async def test_every_request_is_counted() -> None:
    ids = [str(number) for number in range(10, 20)]
    async with asking(without(*LISTS, known=["10"])) as (gateway, upstream):
        answers = [await upstream.fetch(ids) for _ in range(2)]
        told = sum(answer.requests for answer in answers)

    assert told == len(gateway.asked)
    assert answers[1].requests == len(ids)


async def test_requests_beyond_the_first_keep_to_the_pace() -> None:
    ids = [str(number) for number in range(10, 22)]
    async with asking(without(*LISTS, known=ids), rate=20.0) as (_, upstream):
        await upstream.fetch(ids[:1])
        began = asyncio.get_running_loop().time()
        answer = await upstream.fetch(ids)
        took = asyncio.get_running_loop().time() - began

    assert set(answer.tasks) == set(ids)
    assert took >= (len(ids) - 2) / 20.0


async def test_tasks_that_there_is_no_time_for_are_left_for_the_next_look() -> None:
    ids = [str(number) for number in range(10, 50)]
    script = without(*LISTS, known=ids)
    async with asking(script, rate=10.0, timeout=1.0, concurrency=2) as (_, upstream):
        await upstream.fetch(ids[:1])
        answer = await upstream.fetch(ids)

    assert answer.error is None
    assert answer.tasks
    assert answer.unasked
    assert answer.tasks.keys() | answer.unasked == set(ids)


async def test_a_list_that_came_back_is_found_again() -> None:
    async with asking(without(*LISTS, known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lambda asked: (
            lists(rows("1"))(asked) if asked.method == "POST" else says(b"", 404)
        )
        gateway.asked.clear()
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}
    assert gateway.asked[-1].path == LIST


async def test_a_way_that_goes_on_working_does_not_put_off_the_usual_one() -> None:
    async with asking(without("list-by-condition", known=["1"])) as (_, upstream):
        await upstream.fetch(["1"])
        return_at = upstream._return_at
        await upstream.fetch(["1"])

        assert upstream._return_at == return_at > 0


async def test_a_way_without_a_valid_answer_is_not_remembered() -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", 405 if asked.path == LIST else 503)

    async with asking(script) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.asked.clear()
        await upstream.fetch(["1"])

    assert gateway.asked[0].path == LIST


@pytest.mark.parametrize("gone", [LISTS[:1], LISTS], ids=len)
@pytest.mark.parametrize("body", [b"", "<title>New API</title>"], ids=["500", "page"])
async def test_while_the_usual_way_fails_the_one_that_works_goes_on(
    gone: Sequence[str], body: bytes | str
) -> None:
    instead = without(*gone, known=["1"], status=405)

    def script(asked: Asked) -> web.Response | Awaitable[web.Response]:
        if asked.path == LIST:
            return says(body, 200 if body else 500)
        return instead(asked)

    async with asking(instead) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = script
        upstream._return_at = 0.0
        answers = [await upstream.fetch(["1"]) for _ in range(2)]

    assert [(answer.error, set(answer.tasks)) for answer in answers] == [
        (None, {"1"})
    ] * 2
    assert [asked.path for asked in gateway.asked].count(LIST) == 2


@pytest.mark.parametrize("status", [401, 429])
async def test_a_complaint_about_us_is_not_evaded_by_another_way(status: int) -> None:
    async with asking(without("list-by-condition", known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lambda _: says(b"", status)
        upstream._return_at = 0.0
        gateway.asked.clear()
        answer = await upstream.fetch(["1"])

    assert answer.error is not None
    assert [asked.path for asked in gateway.asked] == [LIST]


async def test_a_usual_way_that_is_back_is_stayed_with() -> None:
    async with asking(without("list-by-condition", known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lists(rows("1"))
        upstream._return_at = 0.0
        gateway.asked.clear()
        answers = [await upstream.fetch(["1"]) for _ in range(2)]

    assert [set(answer.tasks) for answer in answers] == [{"1"}] * 2
    assert [asked.path for asked in gateway.asked] == [LIST] * 2


async def test_the_usual_way_is_tried_again_now_and_then() -> None:
    async with asking(without(*LISTS, known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        upstream._return_at = 0.0
        gateway.asked.clear()
        await upstream.fetch(["1"])

    assert gateway.asked[0].path == LIST


async def test_a_wrong_address_takes_every_question_once_and_then_a_few() -> None:
    ids = [str(number) for number in range(50)]
    async with asking(lambda _: says({"error": {"message": "Invalid URL"}}, 404)) as (
        gateway,
        upstream,
    ):
        answers = [await upstream.fetch(ids) for _ in range(3)]
        asked = [asked.path.rpartition("/")[2] for asked in gateway.asked]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0].error is PollError.MISPLACED
    assert "Invalid URL" in answers[0].detail
    assert "base_url" in answers[0].detail
    assert asked == [*LISTS, *["fetch"] * 50] + [*LISTS, *["fetch"] * 4] * 2


async def test_unknown_tasks_in_front_do_not_hide_the_others() -> None:
    """Some servers say the same of a task that they do not know as of a wrong address."""
    known = rows("9")[0]

    def script(asked: Asked) -> web.Response:
        return says(known) if asked.path.endswith("/9/fetch") else says(b"", 404)

    ids = [str(number) for number in range(10)]
    answer = await answer_to(script, ids)

    assert (answer.error, set(answer.tasks)) == (None, {"9"})


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_complaint_about_one_task_ends_the_round(status: int) -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", 404 if asked.method == "POST" else status)

    ids = [str(number) for number in range(50)]
    async with asking(script, concurrency=2) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert answer.error is not None
    assert len(gateway.asked) == 4


async def test_single_poison_is_told_from_a_gateway_that_refuses_us() -> None:
    def script(asked: Asked) -> web.Response:
        if asked.method == "POST":
            return says(b"", 404)
        return says(b"", 204) if NOBODYS_ID in asked.path else says(b"", 400)

    answer = await answer_to(script, ["1"])

    assert (answer.error, answer.poison_ids) == (None, frozenset({"1"}))


@pytest.mark.parametrize("task_id", [".", "..", "a/b", "a?b#c", "ä%2F", "任务"])
async def test_an_id_cannot_become_another_address(task_id: str) -> None:
    async with asking(lambda a: says(b"", 404 if a.method == "POST" else 204)) as (
        gateway,
        upstream,
    ):
        answer = await upstream.fetch([task_id, "1"])

    fetched = [asked.path for asked in gateway.asked if asked.method == "GET"]
    assert answer.error is None
    assert all(path.count("/") == 4 and "?" not in path for path in fetched)


async def test_deadline_holds_over_many_questions() -> None:
    async def script(asked: Asked) -> web.Response:
        if asked.method == "POST":
            return says(b"", 404)
        if "/1/" not in asked.path:
            await never()
        return says(rows("1")[0])

    ids = [str(number) for number in range(1, 9)]
    answer = await answer_to(script, ids, timeout=0.3, concurrency=1)

    assert answer.error is PollError.BROKEN
    assert set(answer.tasks) == {"1"}


# --- 45, 50, 49 -----------------------------------------------------------------------


async def test_null_is_a_valid_answer_with_a_warning() -> None:
    answer = await answer_to(lambda _: says(b"null"))

    assert (answer.error, answer.tasks) == (None, {})
    assert answer.detail


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


@pytest.mark.parametrize(
    "echo",
    [
        {"error": {"message": f"bad key {KEY}"}},
        {"error": {"message": f"Bearer {KEY[3:]} is wrong"}},
        {"error": {"message": f"[{KEY[:8]}***{KEY[-4:]}] 该令牌额度已用尽"}},
        {"error": {"message": f"key {KEY[10:20]}… unknown"}},
        {"error": {"message": f"other key sk-zyxwvut and {KEY}{KEY}"}},
        f"plain {KEY}",
        f"<title>{KEY}</title>",
        f"{'x' * 4090} {KEY}",
        {"error": {"message": f"bad key {KEY.upper()} or {KEY[5:].lower()}"}},
    ],
    ids=range(9),
)
@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
async def test_a_key_reaches_no_detail_and_no_log(
    echo: object, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"x_echo": KEY, "set_cookie": f"key={KEY}"}

    answer = await answer_to(lambda _: says(echo, status, **headers))

    shown = f"{answer.detail} {caplog.text}"
    assert answer.error is not None
    pieces = [KEY[i : i + 6].lower() for i in range(len(KEY) - 5)]
    assert not any(piece in shown.lower() for piece in pieces)
    assert "sk-zyx" not in shown


@pytest.mark.parametrize(
    ("key", "echo"),
    [
        ("ab/cd+ef==gh", "ab%2Fcd%2Bef%3D%3Dgh"),
        ("ab/cd+ef==gh", "ab%2fcd%2bef%3d%3dgh"),
    ],
)
async def test_a_percent_encoded_key_is_a_key(key: str, echo: str) -> None:
    answer = await answer_to(lambda _: says(f"no {echo} here", 401), api_key=key)

    assert answer.detail == "HTTP 401: no [key] here"


async def test_what_a_proxy_in_front_is_shown_is_not_shown_on() -> None:
    def script(asked: Asked) -> web.Response:
        return says(f"not you: {asked.headers['authorization']}", 403)

    async with asking(script) as (gateway, _):
        url = gateway.url.replace("://", "://joan:p%40ssw0rd@")
        async with polled(url, auth="mj-api-secret") as upstream:
            answer = await upstream.fetch(["1"])

    assert answer.detail == "HTTP 403: not you: Basic [key]"


async def test_a_foreign_key_is_not_shown_either() -> None:
    echo = {"error": {"message": "expected Bearer qpQP90.71-mw~, got another"}}

    answer = await answer_to(lambda _: says(echo, 401))

    assert answer.detail == "HTTP 401: expected Bearer [key], got another"


def test_a_key_is_in_no_repr() -> None:
    options = UpstreamOptions(
        name="default", base_url="https://h", api_key=KEY, proxy="http://u:pass@p"
    )

    assert KEY not in repr(options)
    assert "pass" not in repr(options)


async def test_a_detail_is_one_short_line() -> None:
    answer = await answer_to(lambda _: says("a\x1b[31m\r\n\tb\u202e" * 5000, 500))

    assert answer.detail.isprintable()
    assert len(answer.detail) <= 300


async def test_a_reason_phrase_in_another_encoding_is_no_fault() -> None:
    head = b"HTTP/1.1 200 \xb3\xc9\xb9\xa6\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    async with raw(head + BODY) as url, polled(url) as upstream:
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}


TOKEN = "tok+Zm9vYmFyYmF6cXV4"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("userinfo", ["{}:", "{}", "name1234:{}", "{}:x"])
async def test_a_proxy_that_refuses_is_told_without_its_address(
    scheme: str, userinfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Some providers' proxies take their token as the name, and no password."""
    caplog.set_level(logging.DEBUG)
    body = f"407: {TOKEN} and {quote(TOKEN)} may not".encode()
    head = b"HTTP/1.1 407 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with raw(head + body) as url:
        address = url.replace("://", f"://{userinfo.format(quote(TOKEN))}@")
        async with polled(f"{scheme}://gateway.invalid", proxy=address) as upstream:
            answer = await upstream.fetch(["1"])

    shown = f"{answer.detail} {caplog.text} {upstream!r}"
    assert answer.error is PollError.BROKEN
    assert "407" in answer.detail
    assert scheme == "http" or answer.detail.endswith("the proxy answered 407")
    assert not any(TOKEN[i : i + 6] in shown for i in range(len(TOKEN) - 5))


def test_what_addresses_hold_is_secret_in_every_spelling() -> None:
    secrets = secrets_of("sk/1 2", "https://me%40home:p%2Fss@h", None, "tok@proxy:1")

    assert set(secrets) == {
        *("sk/1 2", "sk%2F1%202"),
        *("me%40home", "me@home", "me%2540home", "p%2Fss", "p/ss", "p%252Fss"),
        *("bWVAaG9tZTpwL3Nz", "tok", "dG9rOg=="),
    }


async def test_a_proxy_is_shown_its_password() -> None:
    async with scripted(lists(rows("1"))) as proxy:
        address = proxy.url.replace("://", "://me:pass@")
        async with polled("http://gateway.invalid", proxy=address) as upstream:
            await upstream.fetch(["1"])

    assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6cGFzcw=="
