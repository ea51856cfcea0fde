"""
The apprise channel: the long tail of services, through the Apprise library.

Apprise posts once and blocks, so only what ends a task, what waits for a person and what
operators must know is told, as plain text. Which markup a service reads from plain text
nobody can say for a hundred of them: what strangers wrote is put into characters that mean
nothing anywhere.

What is yielded is no HTTP request but the order for `bridge.adapters.http.apprise`: its
method is `NOTIFY`, its URL the endpoint's own, its body the JSON of an `order`. What comes
back is that adapter's report, as JSON in the response's body.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult, SaveState
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.info import ChannelInfo
from bridge.channels.lookalikes import inert
from bridge.channels.message import Message, message_for
from bridge.channels.picture import File, taken, to_fetch
from bridge.channels.reply import readable
from bridge.channels.text import clean, cut, fit, line, utf8
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.http import Request, Response

__all__ = ["INFO", "NOTIFY", "deliver", "sample_response"]

#: URL schemes that are Apprise's without ``kind = "apprise"``.
_SCHEMES = """
    apprise apprises bark barks bluesky dbus dingtalk discord email fcm feishu flock
    form forms gchat gnome gotify gotifys guilded hassio hassios homeassistant ifttt
    jira join json jsons kodi kodis lark line macosx mailgun mailto mailtos mastodon
    mastodons matrix matrixs mmost mmosts mqtt mqtts msteams ncloud nclouds nctalk
    nctalks ntfy ntfys opsgenie pagerduty pbul pover prowl pushdeer pushdeers pushme
    pushplus qq reddit rocket rockets schan sendgrid ses signal signals slack
    smtp2go sns spike splunk syslog teams telegram tgram threema twilio twitter
    victorops vonage webex whatsapp windows workflow workflows wxpusher wxteams xml
    xmls zulip
"""

INFO = ChannelInfo(
    schemes=frozenset(_SCHEMES.split()),
    ability="texts with a link to the picture, when a task ends",
)

#: The `kind` that this is.
KIND = "apprise"
#: The method of an order for the adapter.
NOTIFY = "NOTIFY"
TITLE_MOST = 200
#: Bytes of prompt, result and reason. Most services take more; one that does not is told
#: to split or to shorten by ``?overflow=split`` in the URL.
TEXTS_MOST = 3000
#: Bytes of all links together.
LINKS_MOST = 1500

_EARLY = frozenset({"task.submitted", "task.started", "task.progress"})
#: In Apprise's words; services colour and rank by them.
_TYPES: Mapping[str, str] = {
    "task.succeeded": "success",
    "endpoint.recovered": "success",
    "upstream.recovered": "success",
    "task.failed": "failure",
    "task.lost": "failure",
    "endpoint.disabled": "failure",
    "upstream.unhealthy": "failure",
    "delivery.dead": "failure",
    "task.action_required": "warning",
    "task.cancelled": "warning",
}


def deliver(context: DeliveryContext) -> Exchange:
    """Tell an event, see `bridge.channels.base.Channel`."""
    if context.event.type in _EARLY:
        why = "skipped: Apprise cannot edit a message, so it is told of ends only"
        return ExchangeResult(
            attempt=Attempt(
                started=context.started,
                took=0.0,
                platform_result=AttemptResult.DELIVERED,
                detail=why,
            )
        )
    message = message_for(context, links_most=LINKS_MOST)
    file, took = yield from _picture(message, context)
    order: dict[str, Any] = {
        "title": cut(message.head, TITLE_MOST),
        "body": _text(message if file is None else _without_note(message)),
        "type": _TYPES.get(context.event.type, "info"),
        "attach": None,
    }
    if file is not None:
        content = b64encode(file.data).decode()
        order["attach"] = {"name": file.name, "type": file.type, "content": content}
    response = yield Request(
        url=context.endpoint.url, method=NOTIFY, body=json.dumps(order).encode()
    )
    return ExchangeResult(attempt=_read(response, context, took=took + response.took))


def sample_response(request: Request) -> Response:
    """Answer as all is well, see `bridge.channels.base.Channel`."""
    if request.method != NOTIFY:
        # A preview shows the order that is short enough to be read: the one without it.
        return Response(took=0.0, status=404)
    report = {"outcome": "delivered", "services": [{"name": "service", "said": ""}]}
    return Response(took=0.0, body=json.dumps(report).encode())


# --- what is said ---------------------------------------------------------------------


def _text(message: Message) -> str:
    """Put everything into paragraphs; what is long is cut, so that the links are not."""
    words = message.words
    # A space before every URL, in Chinese too: what makes links of them looks for one.
    colon = words.colon.rstrip()
    links = "\n".join(f"{label}{colon} {url}" for label, url in message.links)
    room = TEXTS_MOST
    said = []
    for text in (
        *message.notes,
        message.labelled_reason,
        message.result,
        message.prompt,
    ):
        harmless = fit(clean(text), max(room, 3), inert, utf8) if text else ""
        room -= utf8(harmless)
        said.append(harmless)
    *notes, reason, result, prompt = said
    steps = inert(line(message.labelled_steps))
    parts = [*notes, prompt, result, reason, steps, links, inert(line(message.foot))]
    return "\n\n".join(part for part in parts if part)


def _without_note(message: Message) -> Message:
    """Leave out that a picture is missing, which is attached after all."""
    return message if message.sample else replace(message, notes=())


def _picture(
    message: Message, context: DeliveryContext
) -> Generator[Request | SaveState, Response, tuple[File | None, float]]:
    """
    Fetch the picture, if it is to be attached.

    It is not left to Apprise, which would connect to any address that a gateway names.
    """
    wanted = ChatOptions.of(context.endpoint).images == "upload"
    fetch = None
    if wanted and message.shows and not message.expired(context.at):
        fetch = to_fetch(message, context.endpoint.timeout)
    if fetch is None:
        return None, 0.0
    response = yield fetch
    return taken(response, message.task_id), response.took


# --- what is reported -----------------------------------------------------------------


def _read(response: Response, context: DeliveryContext, *, took: float) -> Attempt:
    report = _report(response.body)
    outcome = report.get("outcome")
    said = {"delivered": AttemptResult.DELIVERED, "invalid": AttemptResult.GONE}.get(
        str(outcome), AttemptResult.FAILED
    )
    services = report.get("services")
    lines = [
        f"{service.get('name')}: {service.get('said')}".rstrip(": ")
        for service in (services if isinstance(services, list) else ())
        if isinstance(service, dict)
    ]
    detail = " · ".join(part for part in (response.detail, *lines) if part)
    fault = response.fault
    if said is not AttemptResult.DELIVERED and fault is None:
        fault = Fault.CONNECTION
    return Attempt(
        started=context.started,
        took=took,
        fault=fault,
        platform_result=said,
        detail=readable(detail.encode(errors="replace")),
    )


def _report(body: bytes) -> dict[str, Any]:
    try:
        report = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}
