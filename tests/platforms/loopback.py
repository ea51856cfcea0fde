"""
Platforms on a loopback port, and without a network.

A platform is an object that answers requests. `serving` puts it behind HTTP, for whole workers;
`answering` lets a conversation be had with it directly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from bridge.core.delivery import Fault
from bridge.core.http import Request, Response

HTML = b"<!DOCTYPE html><html><title>502 Bad Gateway</title></html>"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, as it was on the wire."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer; ``lost`` ones never arrive."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False


class Platform(Protocol):
    """What answers."""

    base: str

    def answer(self, asked: Asked) -> Said: ...


@asynccontextmanager
async def serving(platform: Platform) -> AsyncIterator[None]:
    """Run a platform on a loopback port; its `base` says where."""

    async def take(request: web.Request) -> web.StreamResponse:
        said = platform.answer(
            Asked(
                method=request.method,
                path=request.path,
                query=request.query_string,
                headers={
                    name.lower(): value for name, value in request.headers.items()
                },
                body=await request.read(),
            )
        )
        if said.lost and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=said.status, headers=dict(said.headers), body=said.body
        )

    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    platform.base = f"http://{host}:{port}"
    try:
        yield
    finally:
        await runner.cleanup()


def answering(
    platform: Platform, pictures: Mapping[str, Response] | None = None
) -> Callable[[Request], Response]:
    """
    Answer a conversation's requests without a network.

    Args:
        pictures: What is at URLs that do not belong to the platform; there is nothing at
            others.
    """
    host = urlsplit(platform.base).netloc

    def answers(request: Request) -> Response:
        parts = urlsplit(request.url)
        if parts.netloc != host:
            assert request.guarded, "a stranger's address is not trusted"
            return (pictures or {}).get(
                request.url, Response(duration=0.01, status=404)
            )
        said = platform.answer(
            Asked(
                method=request.method,
                path=parts.path,
                query=parts.query,
                headers=request.headers,
                body=request.body,
            )
        )
        if said.lost:
            return Response(duration=0.01, fault=Fault.TIMEOUT, detail="timed out")
        return Response(
            duration=0.01, status=said.status, headers=said.headers, body=said.body
        )

    return answers
