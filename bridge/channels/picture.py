"""
Pictures: fetched from where a gateway says they are, and packed to be uploaded.

What came is judged by its first bytes: gateways name types as they like, and answer errors
with 200 and a page. Which picture there is, `bridge.channels.compose` says; whether it is uploaded,
the channel; whether a thumbnail takes its place, `to_fetch`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.channels.message import Message
from bridge.channels.urls import safe_url
from bridge.core.http import (
    USER_AGENT,
    File,
    KeptPicture,
    MessageRequest,
    Request,
    Response,
)
from bridge.core.media import TYPES, sniff, thumbnail_name

#: Bytes of a picture that is uploaded.
MAX_PICTURE = 10 * 1024 * 1024
#: Seconds that a picture may take at most, and the share of the attempt that it may take:
#: the message itself must still find room in it.
WITHIN = 6.0
SHARE = 0.4
#: The signed URL in a URL's query makes it long, and nobody but us has to read it.
_MAX_URL = 8192


def to_fetch(message: Message, timeout: float) -> MessageRequest | None:
    """
    Make the request that fetches a message's picture; ``None`` if there is no way.

    One that is kept is read from the archive, and a smaller form of it where it is too large.

    Args:
        timeout: Seconds of the whole attempt.
    """
    within = min(WITHIN, timeout * SHARE)
    if (kept := message.kept) is not None:
        name = kept.name
        if kept.bytes > MAX_PICTURE and kept.thumbnails:
            name = thumbnail_name(name, max(kept.thumbnails))
        return KeptPicture(name=name, max_bytes=MAX_PICTURE, timeout=within)
    url = safe_url(message.picture, limit=_MAX_URL, schemes=("https", "http"))
    if url is None:
        return None
    return Request(
        url=url,
        method="GET",
        headers={"accept": "image/*", "user-agent": USER_AGENT},
        max_bytes=MAX_PICTURE + 1,
        timeout=within,
        guarded=True,
    )


def taken(response: Response, task_id: str) -> File | None:
    """Take what came for a picture; ``None`` unless it is one, and whole."""
    data = response.body
    if response.status != 200 or response.detail or not 0 < len(data) <= MAX_PICTURE:
        return None
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) != len(data):
        return None
    extension = sniff(data)
    if extension is None or extension == "mp4":  # only what every chat shows
        return None
    name = re.sub(r"[^A-Za-z0-9_-]", "_", task_id)[:64] or "picture"
    return File(name=f"mj_{name}.{extension}", type=TYPES[extension], data=data)


def form(
    fields: Mapping[str, bytes], place: str, file: File, *, boundary: str
) -> tuple[str, bytes]:
    """
    Pack fields and a file into one body.

    Args:
        place: The name of the field that holds the file.

        boundary: Tells the parts apart. The same message is the same body on every
            attempt, so it is not drawn by lot; where a part happens to hold it, it grows
            until none does.

    Returns:
        The content type, and the body.
    """
    while any(boundary.encode() in part for part in (*fields.values(), file.data)):
        boundary += "x"
    edge = f"--{boundary}".encode()
    lines: list[bytes] = []
    for name, value in fields.items():
        says = f'content-disposition: form-data; name="{name}"'
        lines += [edge, says.encode(), b"", value]
    head = f'content-disposition: form-data; name="{place}"; filename="{file.name}"'
    content_type = f"content-type: {file.type}".encode()
    lines += [edge, head.encode(), content_type, b"", file.data, edge + b"--", b""]
    return f"multipart/form-data; boundary={boundary}", b"\r\n".join(lines)
