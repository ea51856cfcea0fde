"""
The HTTP client, for polling and for sending: others cannot be trusted to behave.

One deadline is around everything: name, connection, TLS, request, answer. An answer is read
as it is on the wire (an unpacked "gzip bomb" would take all memory) and only its beginning.
There are no cookies, no redirects, no proxies of the environment and no log lines: an
``httpx.AsyncClient`` over the transport would add all of these. See decision 32.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx

from bridge.adapters.http.dialer import Dialer
from bridge.adapters.http.errors import HeadTooLongError, explain
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.http_transport import BegunAnswer, Stage, Transport
from bridge.adapters.http.tls import tls_context
from bridge.core.delivery import Fault
from bridge.core.http import Request, Response

#: Takes a body as it comes in; returns whether to go on.
Sink: TypeAlias = Callable[[bytes], Awaitable[bool]]


class Client:
    """
    Connections to one place, for one event loop. Opens nothing before it is needed.

    Args:
        connections: Open at once, at most.

        keepalive: Seconds that an unused connection is kept; ``None`` for a connection of its
            own for each request, of which it is then known whether anything was sent, see
            `Response.unsent`.

        proxy: The proxy to go through, if any.

        tls_ca: A file of certificates to trust instead of the system's.

        guard: Decides which addresses may be connected to; ``None`` for all.

    Raises:
        Misconfigured: The certificates cannot be read.
    """

    def __init__(
        self,
        *,
        connections: int,
        keepalive: float | None,
        proxy: str | None = None,
        tls_ca: str | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._watched = keepalive is None
        self._transport = Transport(
            connections=connections,
            keepalive=keepalive or 0.0,
            dialer=Dialer(tls=tls_context(tls_ca), proxy=proxy or None, guard=guard),
            proxy=proxy or None,
        )

    async def send(
        self,
        request: Request,
        *,
        within: float | None = None,
        repeatable: bool = False,
        sink: Sink | None = None,
    ) -> Response:
        """
        Send a request and read the beginning of its answer. Never raises.

        Args:
            within: Seconds for all of it, in place of the request's ``timeout``; without
                either, the caller keeps the time.

            repeatable: Whether to send it once more if the connection ends without an
                answer, as one does that was idle for too long. Nothing tells whether the
                other side has read the request, so that is for questions only. (Methods
                that are idempotent are always repeated, see RFC 9110 9.2.2.)

            sink: Takes the body of a 200 in place of the response, all of it. It must not
                raise.

        Returns:
            The response; one with a status and a `detail` if its body broke off.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        timeout = request.timeout if within is None else within
        deadline = None if timeout is None else began + timeout
        stage = Stage()
        answer: BegunAnswer | None = None
        body, detail = bytearray(), ""
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._transport.send(
                    request, stage=stage, repeatable=repeatable or None
                )
                try:
                    if sink is not None and answer.status == 200:
                        await _pass_on(answer, sink)
                    else:
                        await _read(answer, body, limit=request.max_bytes)
                finally:
                    await answer.aclose()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's
            fault, detail = explain(error, timeout=timeout)
            if answer is None:
                unsent = self._watched and not stage.connected
                return Response(
                    duration=clock() - began, fault=fault, detail=detail, unsent=unsent
                )
            # The status line has come, and it decides; what broke off is for people.
            if not isinstance(error, HeadTooLongError):
                ended = "did not end" if fault is Fault.TIMEOUT else "broke off"
                detail = f"the answer's body {ended}: {detail}"
        return Response(
            duration=clock() - began,
            status=answer.status,
            headers=_headers(answer),
            body=bytes(body[: request.max_bytes]),
            detail=detail,
        )

    @asynccontextmanager
    async def stream(
        self,
        request: Request,
        content: AsyncIterable[bytes] | None = None,
        *,
        stage: Stage | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """
        Send a request once, and yield its answer while that comes in.

        It is never repeated, whatever its method. The caller keeps the time, and closes the
        answer by leaving the context.

        Args:
            request: Its body, `max_bytes` and `timeout` do not count.

            content: The body, if it has one; its length is among the request's headers.

            stage: Kept up to date where every request has a connection of its own.

        Raises:
            Exception: What `bridge.adapters.http.errors.explain` explains.
        """
        answer = await self._transport.send(
            request, content, stage=stage or Stage(), repeatable=False
        )
        try:
            yield httpx.Response(answer.status, headers=answer.headers, stream=answer)
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        await self._transport.aclose()


def _headers(answer: BegunAnswer) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in answer.headers
    }


async def _read(answer: BegunAnswer, body: bytearray, *, limit: int) -> None:
    """Read a body until it ends or is long enough."""
    if limit:
        async for piece in answer:
            body += piece
            if len(body) >= limit:
                break


async def _pass_on(answer: BegunAnswer, sink: Sink) -> None:
    """Hand a body over as it comes in, until it ends or nobody wants more."""
    async for piece in answer:
        if not await sink(piece):
            break
