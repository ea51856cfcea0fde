"""
Replies: what Discord's answers mean, by the code in the body rather than by the status.

404 alone says nothing: 10008 is a message that somebody deleted, 10015 a webhook that nobody
may call again. An answer without a code is a proxy's or a page of Cloudflare's, and is taken by
its status.

Sources: Discord, "Opcodes and Status Codes" (JSON error codes) and "Rate Limits".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bridge.channels.reply import Reply, reply_to
from bridge.channels.reply import detail_of as usual_detail_of
from bridge.channels.text import cut, line
from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.delivery import AttemptResult
from bridge.core.http import Response, json_object

_MAX_DETAIL = 300

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
    220003: "this channel is not a forum: it takes no thread_name",
}
#: The message is not there, or takes no more edits, or its thread is archived.
REPOST = frozenset({10008, 30046, 50083})
_UNKNOWN_MESSAGE = 10008
REFUSED = frozenset({50006, 50035, 50109, 200000, 200001})
TOO_LARGE = frozenset({40005, 50045, 400001})
#: A moderator's filter found something in a text; buttons and pictures are not the matter.
FILTERED = frozenset({"200000", "200001"})
#: What may be wrong with a thread that was begun for a task; the webhook may be fine.
THREAD_LOST = frozenset({"10003", "50083", "160005"})


def read(response: Response, *, compatible: bool = False) -> Reply:
    """
    Read what Discord answers. Never raises.

    Args:
        compatible: Whether the host is not Discord's: a server that speaks as Discord does may
            take a message without a word.
    """
    data, headers = json_object(response.body), response.headers
    status, code = response.status or 0, code_of(data)
    detail = _detail(response, data)
    if 200 <= status < 300:
        if compatible and not response.body.strip():
            return Reply(result=AttemptResult.DELIVERED)
        return _success(response, data, detail)
    if status == 429 and code not in REPOST:
        return Reply(
            result=AttemptResult.FAILED,
            code=str(code),
            detail=f"{_whose(headers, data)} ({detail})",
            retry_after=_seconds(data.get("retry_after"))
            or _seconds(headers.get("x-ratelimit-reset-after")),
            limited=True,
        )
    errors = data.get("errors")
    return replace(
        _reply_of(status, code, data),
        code=str(code),
        detail=f"{_why(status, code)}{detail}",
        unclear=status >= 500,
        blamed=frozenset(errors) if isinstance(errors, dict) else frozenset(),
    )


def budget(headers: Mapping[str, str]) -> float | None:
    """Seconds until Discord takes more; ``None`` while it does."""
    if headers.get("x-ratelimit-remaining", "").strip() != "0":
        return None
    return _seconds(headers.get("x-ratelimit-reset-after"))


def is_too_large(reply: Reply) -> bool:
    """Whether a message is refused for the size of its file."""
    return reply.status == 413 or reply.code in map(str, TOO_LARGE)


def describe(response: Response) -> str:
    """Return what a webhook is, in words for an operator, from what it answers about itself."""
    reply = reply_to(response, read)
    if not reply.ok:
        return reply.detail
    data = json_object(response.body)
    name = cut(line(str(data.get("name") or "")), 80)
    called = f"the webhook “{name}”" if name else "a webhook without a name"
    owner = data.get("application_id")
    if not owner:
        return f"{called}, made by hand: it can show links, not buttons to press"
    return f"{called}, which belongs to application {line(str(owner))}"


def guild_of(response: Response) -> str:
    """Read the server's id from what a webhook answers about itself; empty without one."""
    return snowflake(json_object(response.body).get("guild_id"))


def _reply_of(status: int, code: int, data: Mapping[str, object]) -> Reply:
    if code in REPOST:
        return Reply(repost=True, missing=code == _UNKNOWN_MESSAGE)
    if code in GONE:
        return Reply(result=AttemptResult.GONE)
    # {"embeds": ["0"]}, as older parts of it still answer.
    odd = status == 400 and data and not code
    if code in REFUSED | TOO_LARGE or status == 413 or odd:
        return Reply(result=AttemptResult.PERMANENT_FAILURE, fallback=True)
    # Discord asks never to use a webhook again that answered 404, whatever the code.
    if status in {401, 404, 410}:
        return Reply(result=AttemptResult.GONE)
    return Reply()


def _success(response: Response, data: Mapping[str, object], detail: str) -> Reply:
    message, channel = snowflake(data.get("id")), snowflake(data.get("channel_id"))
    if not data and response.status != 204:
        # A proxy's page. The message may be there or not; nobody says so.
        detail = f"the answer is not Discord's: {detail}"
        return Reply(result=AttemptResult.FAILED, detail=detail, unclear=True)
    return Reply(
        result=AttemptResult.DELIVERED,
        detail=f"message {message}" if message else "",
        retry_after=budget(response.headers),
        message=message,
        channel=channel,
    )


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return (
        min(seconds, MAX_RETRY_AFTER)
        if seconds > 0 and not math.isnan(seconds)
        else None
    )


def code_of(data: Mapping[str, object]) -> int:
    """Return Discord's code; 0 if there is none."""
    code = data.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def snowflake(value: object) -> str:
    """Return an id as text; empty for anything else."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if re.fullmatch(r"[0-9]{1,20}", text) else ""


def _why(status: int, code: int) -> str:
    """Return what an error means for the endpoint, with a colon; empty if nothing."""
    if code in GONE:
        return f"{GONE[code]}: "
    if status == 401:
        return "the webhook's token is refused: "
    return "there is no webhook at this address: " if status == 404 else ""


def _detail(response: Response, data: Mapping[str, object]) -> str:
    """Return Discord's own words, or what a proxy put in their place."""
    code, text = code_of(data), data.get("message")
    if not isinstance(text, str):
        words = cut(usual_detail_of(response), _MAX_DETAIL)
        return f"HTTP {response.status}{' · ' if words else ''}{words}"
    wrong = "; ".join(_wrong(data.get("errors"), "", 0))
    parts = (f"Discord {code}: {text}", wrong)
    return cut(line(" · ".join(part for part in parts if part)), _MAX_DETAIL)


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


def _whose(headers: Mapping[str, str], data: Mapping[str, object]) -> str:
    """Return whose limit was reached."""
    if data.get("global") is True or "x-ratelimit-global" in headers:
        return "too many requests from this address"
    if headers.get("x-ratelimit-scope") == "shared":
        return "too many messages in this channel, not only ours"
    return "too many messages"
