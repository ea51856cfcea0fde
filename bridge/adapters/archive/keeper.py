"""
The keeper: what senders send, and besides that pictures that are kept, and read again.

A picture goes from the socket to the disk, judged and hashed on its way, and never into the
store: that knows only what it is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from bridge.adapters.archive import thumbnails
from bridge.adapters.archive.disk import unavailable
from bridge.adapters.archive.incoming import FileStore
from bridge.adapters.http.sender import HttpSender
from bridge.app.ports import PictureIndex
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import (
    USER_AGENT,
    AnyRequest,
    Download,
    KeptPicture,
    Request,
    Response,
)
from bridge.core.media import Inspector, KeptFile, UnwantedContent, thumbnail_name
from bridge.errors import ArchiveUnavailable, BridgeError

log = structlog.get_logger(__name__)


class Keeper:
    """
    Implements `bridge.app.ports.Sender`, with an archive.

    Args:
        sender: Sends whatever is not about the archive.

        files: Where files are kept.

        index: Notes who has kept which.

        max_bytes: Bytes that a picture may have.
    """

    def __init__(
        self,
        sender: HttpSender,
        *,
        files: FileStore,
        index: PictureIndex,
        max_bytes: int,
    ) -> None:
        self._sender = sender
        self._files = files
        self._index = index
        self._max_bytes = max_bytes

    async def send(self, endpoint: Endpoint, request: AnyRequest) -> Response:
        """Send, keep or read, see `bridge.app.ports.Sender`."""
        if not isinstance(request, Download | KeptPicture):
            return await self._sender.send(endpoint, request)
        clock = asyncio.get_running_loop().time
        began = clock()
        timeout = min(endpoint.timeout, request.timeout or endpoint.timeout)
        try:
            async with asyncio.timeout(timeout):
                if isinstance(request, Download):
                    response = await self._keep(
                        endpoint, replace(request, timeout=timeout)
                    )
                else:
                    response = await self._read(request)
        except TimeoutError:
            response = Response(
                fault=Fault.TIMEOUT, detail=f"not kept within {timeout:g} s"
            )
        except UnwantedContent as error:
            result = (
                AttemptResult.PERMANENT_FAILURE
                if error.final
                else AttemptResult.REFUSED
            )
            response = Response(status=200, result=result, detail=f"not kept: {error}")
        except OSError as error:
            response = _not_now(str(unavailable(error)))
        except BridgeError as error:
            response = _not_now(str(error))
        return replace(response, duration=clock() - began)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._sender.aclose()

    async def _read(self, request: KeptPicture) -> Response:
        data = await self._files.read(request.name, request.max_bytes)
        if data is None:
            return Response(detail="the picture is not in the archive any more")
        return Response(status=200, body=data)

    async def _keep(self, endpoint: Endpoint, request: Download) -> Response:
        """
        Download a file, and keep it.

        Raises:
            UnwantedContent: It came, and is not kept.

            OSError: The disk does not take it.

            BridgeError: The store or the archive does not answer.
        """
        async with self._files.incoming() as incoming:
            inspector = Inspector(max_bytes=self._max_bytes)
            failed: list[Exception] = []

            async def sink(chunk: bytes) -> bool:
                try:
                    inspector.take(chunk)
                    await incoming.write(chunk)
                except (UnwantedContent, OSError) as error:
                    failed.append(error)
                return not failed

            get = Request(
                method="GET",
                url=request.url,
                headers={"accept": "image/*, video/*", "user-agent": USER_AGENT},
                timeout=request.timeout,
                guarded=request.guarded,
            )
            response = await self._sender.send(endpoint, get, sink=sink)
            if failed:
                raise failed[0]
            if response.status != 200:
                return response
            if response.detail or not _is_all(response.headers, inspector.size):
                detail = response.detail or "the answer is shorter than it says"
                return Response(status=200, result=AttemptResult.REFUSED, detail=detail)
            media = inspector.end()
            kept = KeptFile(
                sha256=await incoming.finish(),
                bytes=inspector.size,
                type=media.type,
                width=media.width,
                height=media.height,
            )
            if not await self._index.hold(kept.name, request.about, kept.bytes):
                msg = "the same file is being deleted"
                raise ArchiveUnavailable(msg)
            small: Mapping[int, bytes] = {}
            if media.width is not None:
                small = await thumbnails.make(incoming.path)
            await self._files.add(incoming.path, kept.name)
        for size, data in small.items():
            async with self._files.incoming() as incoming:
                await incoming.write(data)
                await incoming.finish()
                await self._files.add(incoming.path, thumbnail_name(kept.name, size))
        return Response(status=200, kept=replace(kept, thumbnails=tuple(sorted(small))))


def _is_all(headers: Mapping[str, str], size: int) -> bool:
    announced = headers.get("content-length", "")
    return not announced.isdecimal() or int(announced) == size


def _not_now(detail: str) -> Response:
    """Report what is wrong with the archive: no picture, and no host, is to blame."""
    return Response(result=AttemptResult.FAILED, detail=detail)
