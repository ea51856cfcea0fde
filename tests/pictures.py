"""Pictures for tests: files of each format, and a site that serves them or something worse."""

from __future__ import annotations

import asyncio
import gzip
import io
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from aiohttp import web
from PIL import Image


def picture(
    kind: str = "PNG",
    size: tuple[int, int] = (64, 48),
    colour: str = "red",
    **options: Any,
) -> bytes:
    """A picture of one colour; options are those of its format's encoder."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind, **options)
    return target.getvalue()


@cache
def noise(side: int) -> bytes:
    """A PNG of about three bytes for each pixel."""
    pixels = Random(side).randbytes(3 * side * side)
    target = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(target, "PNG", compress_level=0)
    return target.getvalue()


@cache
def bomb(width: int = 13000, height: int = 13000) -> bytes:
    """A PNG of a few hundred kilobytes that is hundreds of megabytes once it is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data))
            + kind
            + data
            + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compressobj(1)
    row = bytes(1 + 3 * width)
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


#: The first boxes of an MP4.
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(4096)
PAGE = b"<!doctype html><title>Not found</title>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def serving(body: bytes, type_: str = "image/png", **headers: str) -> Handler:
    """Answer with a body."""

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, content_type=type_, headers=headers)

    return handle


async def bombing(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a `bomb`."""
    return await serving(bomb())(request)


def status(code: int, **headers: str) -> Handler:
    """Answer with a status."""

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return handle


def zipped(body: bytes) -> Handler:
    """Answer with what is packed, and says so."""
    return serving(gzip.compress(body), **{"content-encoding": "gzip"})


@cache
def swelling(mebibytes: int = 1024) -> bytes:
    """A few hundred kilobytes of gzip that are that much once they are unpacked."""
    packer = zlib.compressobj(wbits=31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * mebibytes + packer.flush()


async def swollen(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with what swells."""
    return await serving(swelling(), **{"content-encoding": "gzip"})(request)


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with a picture that never ends."""
    response = web.StreamResponse(headers={"content-type": "image/png"})
    await response.prepare(request)
    await response.write(picture())
    while True:
        await response.write(bytes(256 * 1024))


def cut_off(body: bytes) -> Handler:
    """Announce a whole picture, and hang up in the middle."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return handle


@dataclass
class PictureSite:
    """What is served at which path; may be changed while it runs."""

    pages: dict[str, Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        return await self.pages.get(request.path, status(404))(request)


@asynccontextmanager
async def picture_site() -> AsyncIterator[PictureSite]:
    """Run a site on loopback."""
    site = PictureSite()
    server = web.Server(site.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await asyncio.wait_for(runner.cleanup(), 5.0)
