"""Every error is a problem document, and every answer has the headers that protect it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.errors import StoreUnavailable
from bridge.sandbox.server import base_url_of, bind
from bridge.web.http_server import Server
from bridge.web.problem_details import HANDLERS, Problems
from tests.web.site import Site


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/api", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1/openapi.json/", 404),
        ("POST", "/healthz", 405),
        ("OPTIONS", "/healthz", 405),
        ("DELETE", "/api/v1/openapi.json", 405),
        ("TRACE", "/healthz", 405),
    ],
)
async def test_what_is_not_there_is_a_problem(
    site: Site, method: str, path: str, status: int
) -> None:
    answer = await site.http.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document.keys() == {"type", "title", "status", "detail", "instance"}
    assert document["status"] == status
    assert "nowhere" not in document["detail"]
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"


async def test_an_address_has_one_spelling(site: Site) -> None:
    answer = await site.raw(b"GET //healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in answer


async def test_every_answer_is_protected(site: Site) -> None:
    for path in ("/healthz", "/nowhere", "/api/v1/openapi.json"):
        headers = (await site.http.get(path)).headers

        assert headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            "img-src 'self' http: https: data:; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_head_is_answered_like_get(site: Site) -> None:
    answer = await site.http.head("/healthz")

    assert answer.status_code == 200
    assert answer.content == b""


# --- mistakes of ours -----------------------------------------------------------------


async def _fail(request: Request) -> Response:
    raise LookupError(request.method + "sk-secret")


async def _fail_halfway(_request: Request) -> Response:
    async def content() -> AsyncIterator[bytes]:
        yield b"half"
        raise LookupError

    return StreamingResponse(content())


async def _away(_request: Request) -> Response:
    away = StoreUnavailable("it fell into the sea; fish for it")
    away.__cause__ = ConnectionError()
    raise StoreUnavailable("1 of 2 tasks is tracked") from away  # noqa: EM101, TRY003 - short


async def _unchecked(_request: Request) -> Response:
    raise StoreUnavailable("it has not been checked yet")  # noqa: EM101, TRY003 - short


@asynccontextmanager
async def faulty() -> AsyncIterator[httpx.AsyncClient]:
    routes = [
        Route("/fail", _fail),
        Route("/halfway", _fail_halfway),
        Route("/away", _away),
        Route("/unchecked", _unchecked),
    ]
    app = Problems(Starlette(routes=routes, exception_handlers=HANDLERS))
    bound = bind("127.0.0.1", 0)
    url = base_url_of(bound)
    async with (
        Server(app).serving(bound),
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def test_a_mistake_of_ours_is_logged_and_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with faulty() as client:
        with structlog.testing.capture_logs() as logs:
            answer = await client.get("/fail")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    [line] = logs
    assert (line["event"], line["route"]) == ("web.failed", "/fail")
    assert line["instance"] == answer.json()["instance"]
    assert "Traceback" not in capfd.readouterr().err


async def test_half_an_answer_is_not_taken_for_a_whole_one() -> None:
    async with faulty() as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.get("/halfway")


async def test_a_store_that_is_away_is_asked_again_later() -> None:
    async with faulty() as client:
        with structlog.testing.capture_logs() as logs:
            answer = await client.get("/away")
            unchecked = await client.get("/unchecked")

    assert answer.status_code == unchecked.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["detail"] == "1 of 2 tasks is tracked"
    [line] = logs
    assert (line["event"], line["reason"]) == (
        "store.away",
        "it fell into the sea; fish for it",
    )
