"""Answers of the gateway: the upstream's own, and refusals in the form that its clients read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from starlette.responses import JSONResponse, Response
from starlette.types import Send

#: What came of a submission beside its answer: ``later``, ``hook-refused``.
MARK = "x-mjbridge"
#: Of an upstream's headers, those that its clients may need. A header such as a cookie, a
#: policy for pages or a proxy's instruction would speak for our origin, or to our own proxy.
PASSED_BACK = frozenset(
    {
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "location",
        "retry-after",
        "x-oneapi-request-id",
        "x-request-id",
    }
)
#: An upstream's answer is not one of our pages, whatever its content type says.
OWN_HEADERS = {"content-security-policy": "default-src 'none'; sandbox"}

#: The protocol's code for what a gateway could not do.
_FAILED = 5


def refusal(
    status: int, why: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """
    Return a refusal as gateways write theirs.

    midjourney-proxy's clients read ``description``, those of OpenAI's family
    ``error.message``.
    """
    document = {
        "code": _FAILED,
        "description": why,
        "result": None,
        "type": "mjbridge_error",
        "error": {"message": why, "type": "mjbridge_error", "code": str(status)},
    }
    return JSONResponse(document, status, headers={**OWN_HEADERS, **(headers or {})})


async def send_answer(
    send: Send,
    *,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    rest: AsyncIterator[bytes] | None = None,
    marks: Sequence[str] = (),
) -> None:
    """
    Send an upstream's answer to a client.

    Args:
        status: As it is.

        headers: All of them; only `PASSED_BACK` are sent.

        body: Its beginning.

        rest: What follows, if anything does.

        marks: What came of a submission, see `MARK`.
    """
    given = list(headers)
    # Beside chunks, which count, a length says nothing: see RFC 9112 6.3.
    chunked = {"content-length"} if "transfer-encoding" in dict(given) else set()
    passed = [(name, value) for name, value in given if name in PASSED_BACK - chunked]
    own = [*OWN_HEADERS.items(), *([(MARK, ", ".join(marks))] if marks else [])]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in [*passed, *own]
            ],
        }
    )
    if rest is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        async for piece in rest:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})
