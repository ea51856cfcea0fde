"""
Golden payloads: what is sent, kept in files that a reviewer reads like the messages themselves.

`UPDATE_GOLDEN=1 pytest tests/channels` writes them anew; the difference is what a reviewer
judges. Files are ``golden/<kind>/<case>.<language>.json``: the requests in their order, JSON
bodies as JSON, the parts of multipart bodies by name, other bodies as text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from email.parser import HeaderParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

from bridge.core.http import Notification, Request

ROOT = Path(__file__).with_name("golden")
#: Of the kinds that are also kept in Chinese: one whose limits count bytes, and one whose
#: limits count UTF-16 units. That the others say nothing in English is promised by a test.
_IN_CHINESE = frozenset({"feishu", "telegram"})

#: Headers that say something about the message; the rest is the same everywhere.
_SHOWN = (
    "content-type",
    "authorization",
    "title",
    "tags",
    "priority",
    "click",
    "attach",
)


def languages(kind: str) -> tuple[str, ...]:
    """The languages in which a kind's payloads are kept."""
    return ("en", "zh") if kind in _IN_CHINESE else ("en",)


def check_golden(
    kind: str, case: str, language: str, requests: Sequence[Request | Notification]
) -> None:
    """
    Compare what is sent with what was agreed upon.

    Raises:
        AssertionError: It is another, or there is nothing to compare with.
    """
    path = ROOT / kind / f"{case}.{language}.json"
    shown = json.dumps(
        [_readable(one) for one in requests], ensure_ascii=False, indent=1
    )
    text = f"{shown}\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no golden payload; UPDATE_GOLDEN=1 writes {path.name}"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs"


def json_of(request: Request) -> Any:
    """The payload of a request, out of a multipart body too (``payload_json``)."""
    parts = parts_of(request)
    return json.loads(parts["payload_json"] if parts else request.body)


def parts_of(request: Request) -> dict[str, bytes]:
    """The parts of a multipart body by name; empty for any other."""
    return {name: data for name, (_, _, data) in _parts(request).items()}


def _parts(request: Request) -> dict[str, tuple[str | None, str, bytes]]:
    """By name: the file's name, its type, its bytes."""
    kind, _, boundary = request.headers.get("content-type", "").partition("; boundary=")
    if kind != "multipart/form-data":
        return {}
    _, *parts, end = request.body.split(b"--" + boundary.encode())
    assert end in {b"--", b"--\r\n"}, "a multipart body says where it ends"
    found = {}
    for part in parts:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser(policy=HTTP).parsestr(head.decode())
        name = str(headers.get_param("name", header="content-disposition"))
        payload = data.removesuffix(b"\r\n")
        found[name] = (headers.get_filename(), headers.get_content_type(), payload)
    return found


def _readable(request: Request | Notification) -> dict[str, Any]:
    if isinstance(request, Notification):
        asked = {"title": request.title, "body": request.body, "type": request.type}
        file = request.file and {"name": request.file.name, "type": request.file.type}
        body = {**asked, "attach": file}
        return {"method": "NOTIFY", "url": request.url, "body": body}
    headers = {
        name: request.headers[name] for name in _SHOWN if name in request.headers
    } | {
        name: value
        for name, value in request.headers.items()
        if name.startswith(("ce-", "webhook-", "x-"))
    }
    shown: dict[str, Any] = {"method": request.method, "url": request.url}
    if headers:
        shown["headers"] = headers
    if parts := _parts(request):
        shown["parts"] = {
            name: _text(data)
            if filename is None
            else f"({filename}, {kind}, {len(data)} bytes)"
            for name, (filename, kind, data) in parts.items()
        }
    elif request.body:
        shown["body"] = _text(request.body)
    return shown


def _text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
