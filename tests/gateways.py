"""
Gateways for tests: real servers on loopback that say what a test tells them to.

`scripted` speaks HTTP and remembers what it was asked. `raw` sends bytes as they are,
for what no HTTP library would send.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that a gateway got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def ids(self) -> list[str]:
        asked: list[str] = json.loads(self.body)["ids"]
        return asked


Script = Callable[[Asked], web.Response | Awaitable[web.Response]]


@dataclass(slots=True)
class Gateway:
    """A gateway that runs. `script` may be changed while it does."""

    script: Script
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    busiest: int = 0  #: The most requests that were in flight at once.
    busy: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        asked = Asked(
            method=request.method,
            path=request.raw_path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.asked.append(asked)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            answer = self.script(asked)
            return answer if isinstance(answer, web.Response) else await answer
        finally:
            self.busy -= 1


def says(body: object = b"", status: int = 200, **headers: str) -> web.Response:
    """An answer: bytes and text as they are, anything else as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        named.setdefault("content-type", "application/json")
        body = json.dumps(body).encode()
    return web.Response(body=body, status=status, headers=named)


def lists(rows: Iterable[Mapping[str, object]]) -> Callable[[Asked], web.Response]:
    """A gateway as it should be: it lists the rows that it was asked for."""
    known = {str(row["id"]): row for row in rows}
    return lambda asked: says([known[i] for i in asked.ids if i in known])


@asynccontextmanager
async def scripted(
    script: Script, *, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[Gateway]:
    """Run a gateway that follows a script."""
    gateway = Gateway(script)
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{rest:.*}", gateway.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    scheme = "https" if ssl_context else "http"
    gateway.url = "{}://{}:{}".format(scheme, *runner.addresses[0][:2])
    try:
        yield gateway
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(*answers: bytes | None) -> AsyncIterator[str]:
    """
    Run a server that sends these bytes and hangs up, one after the other, the last for
    ever.

    ``None`` hangs up without a word.
    """
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            await reader.readexactly(length)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is None:
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()
