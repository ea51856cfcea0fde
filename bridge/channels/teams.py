"""
The Teams channel: an Adaptive Card to a workflow ("When a Teams webhook request is received").

Every text is a `TextRun` of a `RichTextBlock`: of the elements that show text, the ones in
which a card knows no markdown and no date functions.

Sources: the Adaptive Cards schema 1.4 ("TextRun: markdown is not supported"); Microsoft,
"Create and send messages" (28 KB) and "Format cards in Teams" (pictures: png, jpg, gif).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bridge.channels import one_shot
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, url_like
from bridge.channels.message import Message
from bridge.channels.one_shot import encoded, post
from bridge.channels.reply import Reply, is_page, readable
from bridge.channels.text import cut, utf8
from bridge.core.delivery import REFUSALS, AttemptResult
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.http import Request, Response, json_object

_HOSTS = (".logic.azure.com", ".api.powerplatform.com", ".webhook.office.com")

INFO = ChannelInfo(
    hosts=_HOSTS,
    rate=Rate(per_second=2.0, burst=2.0),  # 4/s
    ability="cards with the picture",
    validate=url_like(
        _HOSTS,
        r".*/workflows/[^/?]+.*|/webhookb2/.+",
        "a workflow's: they look like https://<place>.logic.azure.com/workflows/<id>/triggers/...",
    ),
)

#: Bytes of a message.
MAX_BODY = 28 * 1024
#: Bytes of one text, before the whole is measured; and when nothing longer was taken.
MAX_TEXT = 8000
SHORT = 500
MAX_LINKS = 8000
MAX_ALT = 200
MAX_FOOT = 200
#: Buttons that Teams shows side by side.
MAX_ACTIONS = 6

_COLORS = {
    "task.succeeded": "Good",
    "task.archived": "Good",
    "endpoint.recovered": "Good",
    "upstream.recovered": "Good",
    "task.failed": "Attention",
    "endpoint.disabled": "Attention",
    "upstream.unhealthy": "Attention",
    "delivery.dead": "Attention",
    "archive.full": "Warning",
    "action.refused": "Attention",
    "action.unknown": "Warning",
    "rule.limited": "Warning",
    "task.lost": "Warning",
    "task.action_required": "Warning",
    "task.started": "Accent",
    "task.corrected": "Accent",
}
_OFF = "the workflow is turned off"
_DELETED = "the workflow was deleted"
_UNSIGNED = "the URL is not complete: its signature is missing"
_FORGED = "the URL's signature is not valid"
#: By the error's code, whatever the status: the workflow cannot run.
_GONE = {
    "WorkflowTriggerIsNotEnabled": _OFF,
    "WorkflowNotFound": _DELETED,
    "WorkflowTriggerNotFound": _DELETED,
    "TriggerNotFound": _DELETED,
    "FlowNotFound": _DELETED,
    "DirectApiAuthorizationRequired": _UNSIGNED,
    "DirectApiInvalidAuthorizationScheme": _UNSIGNED,
}
_GONE_STATUS = {
    401: _FORGED,
    403: "the workflow may not be called with this URL",
    404: _DELETED,
    410: _DELETED,
}
#: The connectors that workflows have replaced report errors with a 200.
_INNER = re.compile(rb"delivery failed.{0,200}HTTP error (\d{3})", re.DOTALL)


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message, see `bridge.channels.base.Channel`."""
    return one_shot.deliver(
        context,
        partial(_variants, context.endpoint),
        _read,
        platform="Teams",
        links_limit=MAX_LINKS,
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - a workflow takes any card
    """Answer as a workflow does, see `bridge.channels.base.Channel`."""
    return Response(status=202)


# --- the card -------------------------------------------------------------------------


def _variants(endpoint: Endpoint, message: Message) -> Iterator[Request]:
    """Yield the card, and what is left of it where the workflow does not take it."""
    yield post(endpoint, _fitting(message, links=True, limit=MAX_TEXT))
    yield post(endpoint, _fitting(message, links=False, limit=MAX_TEXT))
    yield post(endpoint, _fitting(message, links=False, limit=SHORT))


def _fitting(message: Message, *, links: bool, limit: int) -> dict[str, Any]:
    """Return the payload, its texts cut until it is as small as it must be."""
    while True:
        payload = _payload(message, links=links, limit=limit)
        if len(encoded(payload)) <= MAX_BODY:
            return payload
        limit = limit * 3 // 4


def _payload(message: Message, *, links: bool, limit: int) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": message.head,
        "msteams": {"width": "Full"},
        "body": list(_elements(message, links=links, limit=limit)),
    }
    if links and message.leads():
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": label, "url": url}
            for label, url in message.leads(MAX_ACTIONS)
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _elements(message: Message, *, links: bool, limit: int) -> Iterator[dict[str, Any]]:
    yield _title(message)
    if message.prompt:
        yield _text(_run(cut(message.prompt, limit, utf8)), spacing="Small")
    if links and (picture := _picture(message)):
        yield _image(picture, message)
    if message.result:
        yield _text(_run(cut(message.result, limit, utf8)))
    if message.reason:
        reason = cut(message.reason, limit, utf8)
        yield _labelled(message.strings.reason, reason, message)
    if message.steps:
        yield _labelled(message.strings.next, " · ".join(message.steps), message)
    for note in message.notes:
        yield _text(_run(note, italic=True, isSubtle=True), spacing="Small")
    foot = cut(message.foot, MAX_FOOT, utf8)
    yield _text(_run(foot, size="Small", isSubtle=True), spacing="Small")


def _title(message: Message) -> dict[str, Any]:
    style: dict[str, Any] = {"size": "Medium", "weight": "Bolder"}
    if color := _COLORS.get(message.type):
        style["color"] = color
    runs = [_run(f"{message.emoji} {message.headline}", **style)]
    if message.duration:
        runs.append(_run(f" · {message.duration}", size="Medium", isSubtle=True))
    return _text(*runs)


def _labelled(label: str, text: str, message: Message) -> dict[str, Any]:
    return _text(_run(label + message.strings.colon, weight="Bolder"), _run(text))


def _text(*runs: dict[str, Any], spacing: str | None = None) -> dict[str, Any]:
    block = {"type": "RichTextBlock", "inlines": list(runs)}
    return block if spacing is None else {**block, "spacing": spacing}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _image(url: str, message: Message) -> dict[str, Any]:
    return {
        "type": "Image",
        "url": url,
        "altText": cut(message.alt, MAX_ALT),
        "size": "Stretch",
        "msteams": {"allowExpand": True},
    }


def _picture(message: Message) -> str | None:
    """Return the URL of the picture, unless it is of a kind that Teams does not show."""
    url = message.public_picture
    return None if urlsplit(url or "").path.lower().endswith(".webp") else url


# --- replies --------------------------------------------------------------------------


def _read(response: Response) -> Reply:
    status = response.status or 0
    if 200 <= status < 300:
        return _accepted(response)
    code = _code(response)
    detail = f"HTTP {status}" + (f" {code}" if code else "")
    if gone := _GONE.get(code) or _GONE_STATUS.get(status):
        return Reply(result=AttemptResult.GONE, detail=f"{gone} ({detail})")
    if status in REFUSALS:
        why = f"the workflow refuses the card ({detail})"
        return Reply(result=AttemptResult.PERMANENT_FAILURE, detail=why, fallback=True)
    return Reply(result=AttemptResult.FAILED, detail=f"the workflow answered {detail}")


def _accepted(response: Response) -> Reply:
    """Distinguish a workflow's reply from that of a proxy, or of an old connector."""
    if inner := _INNER.search(response.body):
        detail = f"Teams answered the connector with HTTP {inner[1].decode()}"
        too_large = inner[1] == b"413"
        result = AttemptResult.PERMANENT_FAILURE if too_large else AttemptResult.FAILED
        return Reply(result=result, detail=detail, fallback=too_large)
    if is_page(response):
        detail = f"HTTP {response.status} with a web page: this is not a workflow"
        return Reply(result=AttemptResult.FAILED, detail=detail)
    return Reply(result=AttemptResult.DELIVERED)


def _code(response: Response) -> str:
    """Return the error's code; its message repeats the workflow's id, a part of the URL."""
    error = json_object(response.body).get("error")
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    return readable(code.encode(errors="replace"))[:60]
