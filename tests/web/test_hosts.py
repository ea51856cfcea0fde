"""A request is answered for a host that is ours, whatever it asks for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from bridge.web.hosts import HostCheck
from tests.web.site import TOKEN, Site, open_site

#: One address of each kind.
EVERYWHERE = ("/", "/healthz", "/readyz", "/metrics", "/api/v1/stream", "/nowhere")


#: Names of this machine, and what resembles them.
OURS = (
    "localhost",
    "LOCALHOST:1",
    "mjbridge.localhost",
    "localhost.:8300",
    "127.0.0.1",
    "127.8.9.10:80",
    "[::1]:8300",
)
NOT_OURS = (
    "",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example#localhost",
    "localhost@evil.example",
    "evil.example:8300",
    "10.0.0.1",
    "[::2]",
    "2130706433",
    "localhost:80:80",
    "localhost/",
)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_another_host_is_refused_everywhere(
    closed_site: Site, method: str
) -> None:
    for path in EVERYWHERE:
        for authorization in ({}, {"authorization": f"Bearer {TOKEN}"}):
            answer = await closed_site.http.request(
                method, path, headers={"host": "evil.example"} | authorization
            )

            assert answer.status_code == 421, path
            assert answer.headers["content-type"] == "application/problem+json", path


async def test_names_of_this_machine_are_ours_and_what_resembles_them_is_not(
    site: Site,
) -> None:
    answered = {
        host: (await site.http.get("/healthz", headers={"host": host})).status_code
        for host in (*OURS, *NOT_OURS)
    }

    assert answered == dict.fromkeys(OURS, 200) | dict.fromkeys(NOT_OURS, 421)


async def test_the_public_host_is_ours_with_any_port(
    redis_url: str, namespace: str
) -> None:
    async with open_site(
        redis_url, namespace, public_url="https://Bridge.example.com/mj"
    ) as site:
        for host in ("bridge.example.com", "BRIDGE.example.com:8443"):
            answer = await site.http.get("/healthz", headers={"host": host})
            assert answer.status_code == 200
        other = await site.http.get("/healthz", headers={"host": "example.com"})
        assert other.status_code == 421


async def test_a_request_without_a_host_is_refused(site: Site) -> None:
    answer = await site.raw(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    ("host", "served"),
    [("10.1.2.3:8300", True), ("10.1.2.4:8300", False), ("evil.example", False)],
)
async def test_the_address_that_a_request_arrived_at_is_ours(
    host: str, served: bool
) -> None:
    passed: list[Scope] = []

    async def note(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope)

    async def nothing(*_: object) -> Any:
        return {}

    scope = {
        "type": "http",
        "server": ("10.1.2.3", 8300),
        "headers": [(b"host", host.encode())],
    }
    with suppress(HTTPException):
        await HostCheck(note, public_url=None)(scope, nothing, nothing)

    assert bool(passed) is served
