"""
Wording: Discord's answers read, and put into a line for an operator.

Source: Discord, "Opcodes and Status Codes" (JSON error codes).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.channels import reply
from bridge.channels.text import cut, line
from bridge.core.http import Response

_DETAIL_MOST = 300

#: Why nothing more is sent, for an operator.
GONE = {
    10003: "the channel or thread was deleted",
    10015: "the webhook was deleted",
    50001: "the webhook has no access to the channel",
    50013: "the webhook has no permission to post there",
    50027: "the webhook's token is not valid any more",
    160005: "the thread is locked",
    220001: "a forum channel needs thread_id or thread_name",
    220002: "thread_id and thread_name cannot be used together",
    220003: "this channel is no forum: it takes no thread_name",
}


def object_of(body: bytes) -> dict[str, Any]:
    """Read a body; empty for what is no JSON object."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def code_of(said: Mapping[str, Any]) -> int:
    """Return Discord's code; 0 if there is none."""
    code = said.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def snowflake(value: object) -> str:
    """Return an id as text; empty for what is none."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if re.fullmatch(r"[0-9]{1,20}", text) else ""


def why(status: int, code: int) -> str:
    """Say what an error means for the endpoint, with a colon; empty if nothing."""
    if code in GONE:
        return f"{GONE[code]}: "
    if status == 401:
        return "the webhook's token is refused: "
    return "there is no webhook at this address: " if status == 404 else ""


def detail_of(response: Response, said: Mapping[str, Any]) -> str:
    """Say what an answer said: Discord's own words, or what a proxy put in their place."""
    if response.status is None:
        return response.detail
    code, text = code_of(said), said.get("message")
    if not isinstance(text, str):
        words = cut(reply.detail_of(response), _DETAIL_MOST)
        return f"HTTP {response.status}{' · ' if words else ''}{words}"
    wrong = "; ".join(_wrong(said.get("errors"), "", 0))
    parts = (f"Discord {code}: {text}", wrong)
    return cut(line(" · ".join(part for part in parts if part)), _DETAIL_MOST)


def _wrong(errors: object, path: str, depth: int) -> Iterator[str]:
    """List what is wrong with a form, each with the way to it (``embeds.0.title``)."""
    if not isinstance(errors, dict) or depth > 10:
        return
    found = errors.get("_errors")
    for one in found if isinstance(found, list) else []:
        text = one.get("message") if isinstance(one, dict) else one
        yield f"{path}: {text}"
    for name, within in errors.items():
        if name != "_errors":
            yield from _wrong(within, f"{path}.{name}".strip("."), depth + 1)


def whose(headers: Mapping[str, str], said: Mapping[str, Any]) -> str:
    """Say whose limit was reached."""
    if said.get("global") is True or "x-ratelimit-global" in headers:
        return "too many requests from this address"
    if headers.get("x-ratelimit-scope") == "shared":
        return "too many messages in this channel, not only ours"
    return "too many messages"
