"""Passing requests on to an upstream as they are, under its own credentials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import httpx

from bridge.adapters.gateway.access import headers_of, origin_root, root_of
from bridge.adapters.gateway.client import UpstreamOptions, unpacked
from bridge.adapters.gateway.parse import read_answer
from bridge.adapters.http.client import Client
from bridge.adapters.http.errors import explain
from bridge.adapters.http.http_transport import Stage
from bridge.app.ports import Answer, FetchResult, NotPassedOn, Passed
from bridge.core.http import Request, Response

#: Connections to one upstream at once: as many clients may wait for it.
CONNECTIONS = 100
#: Seconds that an unused connection is kept. Servers commonly close after 5, and what is
#: sent over one at that very moment is lost, as nothing is sent twice here.
KEEPALIVE = 4.0


class HttpUpstreamProxy:
    """A `bridge.app.ports.UpstreamProxy` over HTTP, for one event loop."""

    def __init__(self, options: UpstreamOptions, *, timeout: float) -> None:
        """
        Open nothing yet.

        Args:
            options: How the upstream is reached; its limits are those of polling.

            timeout: Seconds until an answer begins, and between two pieces of it.
        """
        self._root = root_of(options.base_url)
        self._credentials = headers_of(options.auth, options.api_key)
        self._timeout = timeout
        self._kept, self._fresh = (
            Client(
                connections=CONNECTIONS,
                keepalive=keepalive,
                proxy=options.proxy,
                tls_ca=options.tls_ca,
            )
            for keepalive in (KEEPALIVE, None)
        )

    @asynccontextmanager
    async def send(self, passed: Passed) -> AsyncIterator[Answer]:
        """Pass a request on, once, see `bridge.app.ports.UpstreamProxy`."""
        client = self._fresh if passed.alone else self._kept
        stage = Stage()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._timeout):
                    response = await stack.enter_async_context(
                        client.stream(
                            self._request(passed), passed.content, stage=stage
                        )
                    )
            except Exception as error:
                unsent = passed.alone and not stage.connected
                raise self._not_passed(error, unsent=unsent) from error
            yield Answer(
                status=response.status_code,
                headers=[
                    (name.decode("latin-1").lower(), value.decode("latin-1"))
                    for name, value in response.headers.raw
                ],
                body=self._body(response),
            )

    def read(self, body: bytes, encoding: str, ids: Sequence[str]) -> FetchResult:
        """Return what the body of an answer says about tasks."""
        return read_answer(self.unpacked(body, encoding), ids)

    def unpacked(self, body: bytes, encoding: str) -> bytes:
        """Return a body without its ``content-encoding``."""
        response = Response(body=body, headers={"content-encoding": encoding})
        return unpacked(response).body

    async def aclose(self) -> None:
        """Close its connections."""
        await asyncio.gather(self._kept.aclose(), self._fresh.aclose())

    def _request(self, passed: Passed) -> Request:
        mode, _, route = passed.path.rpartition("/mj/")
        headers = {**passed.headers, **self._credentials}
        if passed.content is not None:
            headers["content-length"] = str(passed.length)
        return Request(
            url=f"{origin_root(self._root, mode)}/{route}{passed.query}",
            method=passed.method,
            headers=headers,
        )

    async def _body(self, response: httpx.Response) -> AsyncIterator[bytes]:
        pieces = aiter(cast("AsyncIterable[bytes]", response.stream))
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except Exception as error:
                raise self._not_passed(error) from error
            yield piece

    def _not_passed(self, error: Exception, *, unsent: bool = False) -> NotPassedOn:
        return NotPassedOn(*explain(error, timeout=self._timeout), unsent=unsent)
