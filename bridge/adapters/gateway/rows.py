"""
The rows of an answer, told apart as bytes: one that says what it said before is not read.

That is most of them. A task is looked at some dozen times between two changes, and to make
objects of its row each time is most of what a look would cost. So a row has a digest, of all
of its bytes but for the part of the picture's URL that gateways decorate anew on every answer,
and the store keeps the digest of what was read last.

Only the usual shape of an answer is read in here: a list of objects with ids. Anything else
is for `bridge.adapters.gateway.parse`, which reads what gateways get wrong as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias

import msgspec

from bridge.adapters.gateway.coerce import parse
from bridge.core.media_url import stable
from bridge.version import __version__

#: A row's bytes.
RawRow: TypeAlias = msgspec.Raw


class _Row(msgspec.Struct, gc=False):
    id: str


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)
#: In a text that holds JSON there would be a backslash before each of the quotes.
_IMAGE_URL = re.compile(rb'"imageUrl"\s*:\s*("(?:[^"\\]+|\\.)*")')
#: Other versions of the bridge may read other things from the same row.
_READER = __version__.encode()[: blake2b.PERSON_SIZE]


def split(body: bytes, asked: Collection[str]) -> Mapping[str, Sequence[RawRow]] | None:
    """
    Return the rows of the tasks that were asked for, by id: several of a task that is listed
    twice. ``None`` if it takes more than a glance to find them.
    """
    found: dict[str, list[RawRow]] = {}
    try:
        for row in _ROWS.decode(body):
            task_id = _ROW.decode(row).id.strip()
            if task_id in asked:
                found.setdefault(task_id, []).append(row)
    except (ValueError, RecursionError):
        return None
    return found or None


def row_digest(rows: Sequence[RawRow]) -> str:
    """Return the digest of what an answer says about one task."""
    digest = blake2b(digest_size=8, person=_READER)
    for row in rows:
        url = _IMAGE_URL.search(row)
        if url is None or b"?" not in url[1]:
            digest.update(row)
            continue
        content = memoryview(row)
        digest.update(content[: url.start(1)])
        digest.update(_named_by(url[1]))
        digest.update(content[url.end(1) :])
    return digest.hexdigest()


def _named_by(url: bytes) -> bytes:
    """Return the part of a URL, written as JSON, that names the picture."""
    text: object = url[1:-1].decode(errors="backslashreplace")
    if b"\\" in url:
        try:
            text = parse(url.decode())
        except ValueError:
            return url
    return (stable(str(text)) or "").encode(errors="backslashreplace")
