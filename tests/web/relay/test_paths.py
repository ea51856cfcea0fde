"""Which paths lead to an upstream: nothing but the list, whatever the spelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.web.relay.paths import target_of
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY

ALLOWED = [
    "/mj/submit/imagine",
    "/mj/submit/simple-change",
    "/mj/submit/upload-discord-images",
    "/mj/insight-face/swap",
    "/mj/task/list",
    "/mj/task/list-by-condition",
    "/mj/task/1730621826053455/fetch",
    "/mj/task/task_1234567890/image-seed",
    "/mj/image/1730621826053455",
    "/mj/image/1730621826053455.png",
    "/mj-fast/mj/submit/imagine",
    "/mj-relax/mj/task/1/fetch",
    "/mj-turbo/mj/image/1",
    "/u/default/mj/submit/imagine",
    "/u/default/mj-fast/mj/submit/imagine",
]

REFUSED = [
    "/mj",
    "/mj/",
    "/mj/submit",
    "/mj/submit/",
    "/mj/submit/imagine/",
    "/mj/notify",
    "/mj/account/list",
    "/mj/admin/accounts",
    "/mj/setting",
    "/mj/insight-face/other",
    "/mj-slow/mj/submit/imagine",
    "/mj-fast/submit/imagine",
    "/mj-fast/mj-relax/mj/submit/imagine",
    "/u/default/api/user/self",
    "/u//mj/submit/imagine",
    "/u/a/u/b/mj/submit/imagine",
    # Ways out.
    "/mj/../api/user/self",
    "/mj/submit/../../api/user/self",
    "/mj/submit/..",
    "/mj/task/./fetch",
    "/mj/task/../fetch",
    "/mj/task/..;/fetch",
    "/mj/submit/imagine;jsessionid=1",
    "/mj//submit/imagine",
    "//mj/submit/imagine",
    "/mj/submit//imagine",
    "/mj/submit\\imagine",
    "/mj/task/..\\..\\api/fetch",
    # Escapes, once and twice.
    "/mj/%2e%2e/api/user/self",
    "/mj/submit/%2e%2e",
    "/mj/submit%2fimagine",
    "/mj/task/..%2f..%2fapi/fetch",
    "/mj/task/%252e%252e/fetch",
    "/mj/task/..%5c/fetch",
    "/mj/submit/imagine%00",
    "/mj/submit/imagine%0d%0aHost:%20evil",
    "/mj/submit/imagine%3fx=1",
    "/mj/submit/imagine%23",
    "/mj/%73ubmit/imagine",
    "/mj/submit/%c0%ae%c0%ae/x",
    "/mj/submit/ima gine",
    "/MJ/submit/imagine",
]


@pytest.mark.parametrize("path", ALLOWED)
def test_the_protocols_routes_are_passed_on(path: str) -> None:
    assert target_of(path.encode()) is not None


@pytest.mark.parametrize("path", REFUSED)
def test_everything_else_is_refused(path: str) -> None:
    assert target_of(path.encode()) is None


def test_bytes_that_are_no_text_are_refused() -> None:
    assert target_of(b"/mj/submit/\xc0\xae") is None


# --- over a socket ----------------------------------------------------------------------


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[str, bytearray]]:
    """Run an upstream that writes down every byte, and answers 200 to each request."""
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            seen.extend(data)
            if seen.endswith((b"\r\n\r\n", b"}", b"0\r\n\r\n")):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname()[:2]), seen


SECRET = f"host: localhost\r\nmj-api-secret: {KEY}\r\n"
HIDDEN = "POST /api/user/self HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


def asking(target: str, more: str = "content-length: 2\r\n", body: str = "{}") -> bytes:
    return f"POST {target} HTTP/1.1\r\n{SECRET}{more}\r\n{body}".encode("latin-1")


ATTACKS = [
    *(asking(path) for path in REFUSED if " " not in path),
    asking("http://evil.example/mj/submit/imagine"),
    asking("//evil.example/mj/submit/imagine"),
    asking("evil.example:80"),
    asking("*"),
    asking("/mj/submit/../../api/user/self?x=/mj/submit/imagine"),
    # Two lengths, or none that is clear: where would the request end?
    asking(
        "/mj/submit/imagine",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    ),
    asking(
        "/mj/submit/imagine",
        f"content-length: 2\r\ncontent-length: {2 + len(HIDDEN)}\r\n",
        "{}" + HIDDEN,
    ),
    asking(
        "/mj/submit/imagine", "transfer-encoding: identity, chunked\r\n", "{}" + HIDDEN
    ),
    asking("/mj/submit/imagine", "transfer-encoding : chunked\r\n", "{}" + HIDDEN),
    asking("/mj/submit/imagine", "transfer-encoding: xchunked\r\n", "{}" + HIDDEN),
    asking("/mj/submit/imagine", "content-length: +2\r\n", "{}" + HIDDEN),
    asking("/mj/submit/imagine", "content-length: 2, 2\r\n", "{}" + HIDDEN),
    asking("/mj/submit/imagine\r\nx: y", "content-length: 2\r\n")[:-2],
]


async def test_an_attack_reaches_the_upstream_as_nothing_but_what_is_allowed(
    open_stage: OpenStage,
) -> None:
    async with recording() as (url, seen):
        upstreams = {"default": {"api_key": KEY, "base_url": url}}
        async with open_stage(upstreams=upstreams) as stage:
            allowed = b"POST /mj/submit/imagine HTTP/1.1"
            await stage.site.raw(asking("/mj/submit/imagine"))
            assert seen.startswith(allowed)  # what does pass is seen there
            for attack in ATTACKS:
                seen.clear()
                await stage.site.raw(attack, within_s=1.0)
                lines = bytes(seen).split(b"\r\n")
                heads = [line for line in lines if b" HTTP/1.1" in line]
                assert set(heads) <= {allowed}, attack
                assert b"/api/user/self" not in seen, attack
                assert b"evil" not in seen, attack


async def test_a_body_cannot_become_a_second_request(open_stage: OpenStage) -> None:
    body = "{}\r\n" + HIDDEN
    async with recording() as (url, seen):
        upstreams = {"default": {"api_key": KEY, "base_url": url}}
        chunked = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
        async with open_stage(upstreams=upstreams) as stage:
            await stage.site.raw(
                asking("/mj/submit/imagine", "transfer-encoding: chunked\r\n", chunked)
            )
    head, _, sent = bytes(seen).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert sent == body.encode()
