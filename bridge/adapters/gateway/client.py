"""One gateway account: how it is asked, and what the kinds of its answers are."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

from bridge.adapters.gateway.access import json_headers, root_of
from bridge.adapters.gateway.coerce import decoded
from bridge.adapters.gateway.errors import error_of, redacted_line, telltales, wait_in
from bridge.adapters.gateway.parse import read_answer
from bridge.adapters.http.client import Client
from bridge.adapters.http.errors import THE_PROXY
from bridge.app.ports import FetchResult, PollError
from bridge.core.http import Request, Response
from bridge.core.redact import credentials_in, spellings

#: Bytes of an answer that are read at most, packed or unpacked. A row of trueai's proxy has
#: some 10 KB, and rows with a mask in them have several hundred.
LARGEST_BODY = 16 * 1024 * 1024
#: Seconds that an unused connection is kept: a little longer than the usual time between
#: two polls, so that a busy upstream is not greeted anew each time.
KEEPALIVE = 15.0

#: Answers that refuse what was asked for, not who asks.
_REFUSALS = frozenset({400, 413, 414, 422})
#: Answers that say that there is nothing at an address.
_GONE = frozenset({404, 405})
#: Source: new-api ``relay/relay-mj.go``, which answers 400 for one unknown task.
_UNKNOWN_TASK = re.compile(
    r"task_no_found|task_not_found|task not found|任务不存在", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """
    How a gateway account is reached.

    Attributes:
        name: What people, logs and metrics call it.

        base_url: In any spelling, see `bridge.adapters.gateway.access.root_of`.

        api_key: A secret.

        auth: How the key is shown, see `bridge.adapters.gateway.access.headers_of`.

        timeout: Seconds for a whole `HttpUpstream.fetch`, however many requests it takes.

        proxy: The proxy to go through; it may hold a password.

        tls_ca: A file of certificates to trust instead of the usual ones.

        concurrency: Requests in flight at once, of this object.

        rate: Requests a second, of this object, beyond the first one of each `fetch`, which
            the store's limit has admitted; ``None`` for no limit.
    """

    name: str
    base_url: str
    api_key: str = field(repr=False)
    auth: str = "bearer"
    timeout: float = 30.0
    proxy: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    concurrency: int = 4
    rate: float | None = None


class GatewayClient:
    """
    Asks a gateway account, for one event loop.

    It never raises for what the gateway does, and keeps no time: the caller's deadline is
    around everything.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self._name, self._proxied = options.name, bool(options.proxy)
        self._root = root_of(options.base_url)
        self._host = urlsplit(self._root).hostname or ""
        secrets = spellings(options.api_key) | credentials_in(options.proxy or "")
        self._telltales = telltales(secrets)
        self._headers = json_headers(options.auth, options.api_key)
        self._client = Client(
            connections=options.concurrency,
            keepalive=KEEPALIVE,
            proxy=options.proxy,
            tls_ca=options.tls_ca,
        )
        self._slots = asyncio.Semaphore(options.concurrency)

    async def ask(self, route: str, ids: Sequence[str]) -> Response:
        """Ask for several tasks at once."""
        content = json.dumps({"ids": list(ids)}, separators=(",", ":")).encode()
        return await self._send("POST", f"{self._root}/{route}", content)

    async def ask_for(self, task_id: str) -> Response:
        """Ask for one task."""
        if task_id in {".", ".."}:
            return Response(status=400)  # would be another address
        url = f"{self._root}/task/{quote(task_id, safe='')}/fetch"
        return await self._send("GET", url)

    async def ask_at(self, url: str, query: object = None) -> Response:
        """Ask for what is at another address of the gateway; with a query, by POST."""
        if query is None:
            return await self._send("GET", url)
        return await self._send("POST", url, json.dumps(query).encode())

    def read(
        self,
        response: Response,
        ids: Sequence[str],
        *,
        known: Mapping[str, str] | None = None,
        alone: bool = False,
    ) -> FetchResult:
        """
        Return what a response means.

        Args:
            response: To a question about `ids`.

            ids: What was asked for.

            known: By id, the digest of a row that need not be read.

            alone: Whether it was asked with `ask_for`, where an empty body means that
                there is no such task. In the place of a list it means nothing good.
        """
        status = response.status
        if status is None:
            detail = f"no usable answer: {response.detail}"
            mend = ""
            if self._proxied and THE_PROXY in response.detail:
                mend = f"check upstreams.{self._name}.proxy: that server may be down"
            return FetchResult(error=PollError.BROKEN, detail=detail, mend=mend)
        if len(ids) == 1 and is_unknown(response):
            return FetchResult()
        if not 200 <= status < 300:
            return error_of(response, asked_host=self._host)
        if response.detail:
            result = FetchResult(error=PollError.BROKEN, detail=response.detail)
        elif alone and not decoded(response.body):
            return FetchResult()
        else:
            result = read_answer(response.body, ids, known)
        if result.error is None:
            return result
        return replace(result, retry_after=wait_in(response.headers))

    def redacted(self, words: str) -> str:
        """Make words fit to be shown, see `bridge.adapters.gateway.errors.redacted_line`."""
        return redacted_line(words, self._telltales)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _send(self, method: str, url: str, content: bytes = b"") -> Response:
        request = Request(
            url=url,
            method=method,
            body=content,
            headers=self._headers,
            max_bytes=LARGEST_BODY + 1,
        )
        async with self._slots:
            response = await self._client.send(request, repeatable=True)
        return unpacked(response)


class Pace:
    """Spreads the requests of one process over time; for one event loop."""

    def __init__(self, per_second: float | None) -> None:
        """Begin with a turn to be had at once; ``None``: all turns are."""
        self._gap = 1.0 / per_second if per_second else 0.0
        self._next_at = 0.0

    async def turn(self) -> None:
        """
        Return when a request may go: in the order of the calls, and never sooner after the one
        before than the rate allows. A caller that is cancelled has used its turn up.
        """
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next_at)
        self._next_at = mine + self._gap
        if mine > now:
            await asyncio.sleep(mine - now)


# --- kinds of answers -----------------------------------------------------------------


def is_refusal(response: Response, *, several: bool) -> bool:
    """
    Return whether it is about what was asked for; too many rows in one answer are, too.

    Args:
        response: To a question.

        several: Whether that was about several tasks. "Task not found" is an answer about
            one; of several it leaves open which, and what the others are.
    """
    if _is_too_large(response) and (response.status or 0) < 300:
        return True
    if is_unknown(response):
        return several
    return response.status in _REFUSALS


def is_gone(response: Response) -> bool:
    """Return whether there is nothing at the address that was asked."""
    return response.status in _GONE and not is_unknown(response)


def is_unknown(response: Response) -> bool:
    """Return whether it says that there is no such task."""
    if response.status not in {400, 404}:
        return False
    return bool(_UNKNOWN_TASK.search(decoded(response.body[:4096])))


def _is_too_large(response: Response) -> bool:
    return len(response.body) > LARGEST_BODY


# --- packed answers -------------------------------------------------------------------


class _Unreadable(Exception):  # noqa: N818 - what the other side did, not an error of ours
    """The answer cannot be unpacked."""


def unpacked(response: Response) -> Response:
    """Unpack an answer, which some caches pack without being asked to."""
    body, detail = response.body, response.detail
    if not detail and not _is_too_large(response):
        try:
            body = _plain(body, response.headers.get("content-encoding", ""))
        except _Unreadable as unreadable:
            body, detail = b"", str(unreadable)
    if len(body) > LARGEST_BODY:
        detail = f"the answer is larger than {LARGEST_BODY // 2**20} MiB"
    return replace(response, body=body, detail=detail)


def _plain(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"} or not body:
        return body
    if encoding in {"gzip", "x-gzip"}:
        return _inflated(body, zlib.MAX_WBITS + 16)
    if encoding == "deflate":
        # RFC 9110 means zlib's form; half of the servers send it without the wrapping.
        has_header = body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
        return _inflated(body, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    msg = f"the answer is packed as {encoding[:40]!r}, which was not asked for"
    raise _Unreadable(msg)


def _inflated(packed: bytes, window: int) -> bytes:
    """Inflate up to one byte more than `LARGEST_BODY`."""
    unpacker = zlib.decompressobj(window)
    try:
        plain = unpacker.decompress(packed, LARGEST_BODY + 1)
    except zlib.error:
        msg = "the answer is packed, and cannot be unpacked"
        raise _Unreadable(msg) from None
    if not unpacker.eof and len(plain) <= LARGEST_BODY:
        msg = "the answer is packed, and ends too early"
        raise _Unreadable(msg)
    return plain
