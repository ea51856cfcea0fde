"""
One HTTP exchange: a request out, a whole small answer in.

Nothing in here raises for what the network or the other side does: that is a `Reply`
too. Redirects are not followed, cookies are not kept, the environment's proxies are not
used, and an answer is never larger in memory than `LARGEST_BODY`, packed or unpacked.

There is no limit of time in here; the caller sets one around everything that it does.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bridge.adapters.http.lenient import LARGEST_HEADER, NoReason
from bridge.adapters.http.tls import tls_context

#: Bytes of an answer that are read at most. A row of trueai's proxy has some 10 KB, and
#: rows with a mask in them have several hundred.
LARGEST_BODY = 16 * 1024 * 1024


#: Seconds that an unused connection is kept: a little longer than the usual time between
#: two polls, so that a busy upstream is not greeted anew each time.
_KEEPALIVE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What came of a request.

    Attributes:
        status: The status code; ``None`` if there was no answer.

        headers: Names in lower case.

        body: Without content encoding.

        fault: Why there was no answer, or none that can be used, for a person.

        too_large: Whether that is because it was larger than `LARGEST_BODY`.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""
    too_large: bool = False


class _Unreadable(Exception):  # noqa: N818 - what the other side did, not an error of ours
    """The answer cannot be read."""


class _TooLarge(Exception):  # noqa: N818 - as above
    """The answer is larger than `LARGEST_BODY`."""


def client(
    *,
    headers: Mapping[str, str],
    connections: int,
    proxy: str | None,
    tls_ca: str | None,
) -> httpx.AsyncClient:
    """
    Make a client that keeps nothing between requests but its connections.

    Args:
        headers: Sent with every request.

        connections: Open at once, at most.

        proxy: The proxy to go through, if any.

        tls_ca: A file of certificates to trust instead of the usual ones.

    Raises:
        Misconfigured: `tls_ca` cannot be used.
    """
    trusted = tls_context(tls_ca)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=trusted, limit=connections, keepalive_timeout=_KEEPALIVE
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The transport's own way of passing a proxy's credentials is deprecated below.
            proxy=proxy,
            response_class=NoReason,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
        )

    transport = AiohttpTransport(
        verify=trusted,
        trust_env=False,
        client=session,
    )
    return httpx.AsyncClient(
        transport=transport,
        headers=dict(headers),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=None,  # noqa: S113 - the caller's deadline holds for all of it
        trust_env=False,
        follow_redirects=False,
    )


async def exchange(
    over: httpx.AsyncClient, method: str, url: str, content: bytes | None = None
) -> Reply:
    """
    Make one request and read its answer.

    It must be a question, which can be asked twice: where the other side hangs up
    without a word it is, because that is how an idle connection ends.
    """
    for last in (False, True):
        try:
            async with over.stream(method, url, content=content) as response:
                return await _read(response)
        except Exception as error:  # noqa: BLE001 - the transports' errors have no common root
            cause = error.__cause__ or error
            if last or not _was_idle(cause):
                return Reply(fault=_why(cause))
    raise AssertionError  # pragma: no cover - the second turn returns


def _was_idle(cause: BaseException) -> bool:
    if isinstance(cause, aiohttp.ClientConnectorError):
        return False
    return isinstance(cause, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)


async def _read(response: httpx.Response) -> Reply:
    status = response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        return Reply(status=status, headers=headers, body=await _body(response))
    except _TooLarge:
        what = f"the answer is larger than {LARGEST_BODY // 2**20} MiB"
        return Reply(status=status, headers=headers, fault=what, too_large=True)
    except _Unreadable as unreadable:
        return Reply(status=status, headers=headers, fault=str(unreadable))


async def _body(response: httpx.Response) -> bytes:
    read = bytearray()
    async for piece in response.aiter_raw():
        read += piece
        if len(read) > LARGEST_BODY:
            raise _TooLarge
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"} or not read:
        return bytes(read)
    if encoding in {"gzip", "x-gzip"}:
        return _unpacked(bytes(read), zlib.MAX_WBITS + 16)
    if encoding == "deflate":
        # RFC 9110 means zlib's form; half of the servers send it without the wrapping.
        has_header = read[0] & 0x0F == 8 and int.from_bytes(read[:2]) % 31 == 0
        return _unpacked(bytes(read), zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    msg = f"the answer is packed as {encoding[:40]!r}, which was not asked for"
    raise _Unreadable(msg)


def _unpacked(packed: bytes, window: int) -> bytes:
    unpacker = zlib.decompressobj(window)
    try:
        plain = unpacker.decompress(packed, LARGEST_BODY + 1)
    except zlib.error:
        msg = "the answer is packed, and cannot be unpacked"
        raise _Unreadable(msg) from None
    if len(plain) > LARGEST_BODY:
        raise _TooLarge
    if not unpacker.eof:
        msg = "the answer is packed, and ends too early"
        raise _Unreadable(msg)
    return plain


def _why(cause: BaseException) -> str:
    """Say what broke, in the error's own words: they name hosts and causes."""
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        # Its own words hold the proxy's address, and that a name and password.
        return f"no usable answer: the proxy answered {cause.status}"
    words = " ".join(str(cause).split())
    name = type(cause).__name__
    return (
        f"no usable answer: {name}: {words}" if words else f"no usable answer: {name}"
    )
