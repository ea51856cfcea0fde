"""
The Teams channel: an Adaptive Card to a workflow ("When a Teams webhook request is received").

Every text is a `TextRun` of a `RichTextBlock`: of the elements that show text, the ones in
which a card knows no markdown and no date functions.

Sources: the Adaptive Cards schema 1.4 ("TextRun: markdown is not supported"); Microsoft,
"Create and send messages" (28 KB) and "Format cards in Teams" (pictures: png, jpg, gif).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, SettingProblem, check_url_shape
from bridge.channels.message import Message
from bridge.channels.oneway import Reading, encoded, is_page, post
from bridge.channels.oneway import deliver as tell_one_way
from bridge.channels.reply import readable
from bridge.channels.text import cut, utf8
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.http import Request, Response

__all__ = ["INFO", "deliver", "sample_response"]

_HOSTS = (".logic.azure.com", ".api.powerplatform.com", ".webhook.office.com")
_FORM = re.compile(r".*/workflows/[^/?]+.*|/webhookb2/.+")
_LOOKS = "a workflow's: they look like https://<place>.logic.azure.com/workflows/<id>/triggers/..."


def _objections(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    return check_url_shape(settings, _FORM, hosts=_HOSTS, looks=_LOOKS)


INFO = ChannelInfo(
    hosts=_HOSTS,
    rate=Rate(per_second=2.0, burst=2.0),  # 4/s
    ability="cards with the picture",
    validate=_objections,
)

#: Bytes of a message.
BODY_MOST = 28 * 1024
#: Bytes of one text, before the whole is looked at; and when nothing longer was taken.
TEXT_MOST = 8000
SHORT = 500
LINKS_MOST = 8000
ALT_MOST = 200
FOOT_MOST = 200
#: Buttons that Teams shows side by side.
ACTIONS_MOST = 6

_COLORS = {
    "task.succeeded": "Good",
    "endpoint.recovered": "Good",
    "upstream.recovered": "Good",
    "task.failed": "Attention",
    "endpoint.disabled": "Attention",
    "upstream.unhealthy": "Attention",
    "delivery.dead": "Attention",
    "task.lost": "Warning",
    "task.action_required": "Warning",
    "task.started": "Accent",
    "task.corrected": "Accent",
}
_OFF = "the workflow is turned off"
_DELETED = "the workflow was deleted"
_UNSIGNED = "the URL is not complete: its signature is missing"
_FORGED = "the URL's signature is not valid"
#: What a workflow answers when it cannot run, whatever the status.
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
#: The connectors that workflows have replaced said what went wrong with a 200.
_INNER = re.compile(rb"delivery failed.{0,200}HTTP error (\d{3})", re.DOTALL)


def deliver(context: DeliveryContext) -> Exchange:
    """Tell an event, see `bridge.channels.base.Channel`."""
    return tell_one_way(
        context,
        lambda message: _drafts(message, context.endpoint),
        _read,
        name="Teams",
        links_most=LINKS_MOST,
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - a workflow takes any card
    """Answer as a workflow does, see `bridge.channels.base.Channel`."""
    return Response(took=0.0, status=202)


# --- the card -------------------------------------------------------------------------


def _drafts(message: Message, endpoint: Endpoint) -> Iterator[Request]:
    """Yield the card, and what is left of it where the workflow does not take it."""
    whole = _fitting(message, links=True, most=TEXT_MOST)
    yield post(endpoint, whole)
    bare = _fitting(message, links=False, most=TEXT_MOST)
    if bare != whole:
        yield post(endpoint, bare)
    yield post(endpoint, _fitting(message, links=False, most=SHORT))


def _fitting(message: Message, *, links: bool, most: int) -> bytes:
    """Make the message, its texts cut until it is as small as it must be."""
    while True:
        body = encoded(_message(message, links=links, most=most))
        if len(body) <= BODY_MOST:
            return body
        most = most * 3 // 4


def _message(message: Message, *, links: bool, most: int) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": message.head,
        "msteams": {"width": "Full"},
        "body": list(_elements(message, links=links, most=most)),
    }
    if links and message.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": label, "url": url}
            for label, url in message.links[:ACTIONS_MOST]
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _elements(message: Message, *, links: bool, most: int) -> Iterator[dict[str, Any]]:
    yield _title(message)
    if message.prompt:
        yield _text(_run(cut(message.prompt, most, utf8)), spacing="Small")
    if links and message.public_picture and not _is_webp(message.public_picture):
        yield _image(message.public_picture, message)
    if message.result:
        yield _text(_run(cut(message.result, most, utf8)))
    if message.reason:
        reason = cut(message.reason, most, utf8)
        yield _labelled(message.words.reason, reason, message)
    if message.steps:
        yield _labelled(message.words.next, " · ".join(message.steps), message)
    for note in message.notes:
        yield _text(_run(note, italic=True, isSubtle=True), spacing="Small")
    if message.foot:
        foot = cut(message.foot, FOOT_MOST, utf8)
        yield _text(_run(foot, size="Small", isSubtle=True), spacing="Small")


def _title(message: Message) -> dict[str, Any]:
    style: dict[str, Any] = {"size": "Medium", "weight": "Bolder"}
    if color := _COLORS.get(message.type):
        style["color"] = color
    runs = [_run(f"{message.emoji} {message.headline}", **style)]
    if message.took:
        runs.append(_run(f" · {message.took}", size="Medium", isSubtle=True))
    return _text(*runs)


def _labelled(label: str, text: str, message: Message) -> dict[str, Any]:
    return _text(_run(label + message.words.colon, weight="Bolder"), _run(text))


def _text(*runs: dict[str, Any], spacing: str | None = None) -> dict[str, Any]:
    block = {"type": "RichTextBlock", "inlines": list(runs)}
    return block if spacing is None else {**block, "spacing": spacing}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _image(url: str, message: Message) -> dict[str, Any]:
    return {
        "type": "Image",
        "url": url,
        "altText": cut(message.alt, ALT_MOST),
        "size": "Stretch",
        "msteams": {"allowExpand": True},
    }


def _is_webp(url: str) -> bool:
    """Whether a URL names a picture of a kind that Teams does not show."""
    return urlsplit(url).path.lower().endswith(".webp")


# --- what is answered -----------------------------------------------------------------


def _read(response: Response) -> Reading:
    status = response.status
    if status is None:
        return Reading(said=AttemptResult.FAILED, detail=response.detail)
    if 200 <= status < 300:
        return _accepted(response)
    code = _code(response.body)
    detail = f"HTTP {status}" + (f" {code}" if code else "")
    if gone := _GONE.get(code) or _GONE_STATUS.get(status):
        return Reading(said=AttemptResult.GONE, detail=f"{gone} ({detail})")
    if status in {400, 413, 415, 422}:
        why = f"the workflow refuses the card ({detail})"
        return Reading(said=AttemptResult.HOPELESS, detail=why, plainer=True)
    return Reading(said=AttemptResult.FAILED, detail=f"the workflow answered {detail}")


def _accepted(response: Response) -> Reading:
    """Tell a workflow's yes from what stands in front of it, or came before it."""
    if inner := _INNER.search(response.body):
        detail = f"Teams answered the connector with HTTP {inner[1].decode()}"
        too_large = inner[1] == b"413"
        said = AttemptResult.HOPELESS if too_large else AttemptResult.FAILED
        return Reading(said=said, detail=detail, plainer=too_large)
    if is_page(response):
        detail = f"HTTP {response.status} with a web page: this is not a workflow"
        return Reading(said=AttemptResult.FAILED, detail=detail)
    return Reading(said=AttemptResult.DELIVERED)


def _code(body: bytes) -> str:
    """Read the error's code; its message repeats the workflow's id, a part of the URL."""
    try:
        code = str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""
    return readable(code.encode(errors="replace"))[:60]
