"""
The apprise channel: the long tail of services, through the Apprise library.

Apprise posts once and blocks, and what is yielded is not a request but a `Notification`, which
the library sends. Which markup a service reads from plain text nobody can say for a hundred of
them, so untrusted text is put into characters that mean nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.compose import message_for
from bridge.channels.info import ChannelInfo
from bridge.channels.message import Message
from bridge.channels.one_shot import post_first, skip
from bridge.channels.picture import taken, to_fetch
from bridge.channels.reply import Reply, readable
from bridge.channels.text import clean, cut, defang, fit, line, utf8
from bridge.core.delivery import AttemptResult
from bridge.core.http import File, MessageRequest, Notification, Request, Response

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
    ability="texts with a link to the picture",
)

#: The `kind` that this is.
KIND = "apprise"
MAX_TITLE = 200
#: Bytes of prompt, result and reason. Most services take more; one that does not can be made
#: to split or to shorten by ``?overflow=split`` in the URL.
MAX_TEXTS = 3000
#: Bytes of all links together.
MAX_LINKS = 1500

#: In Apprise's words; services colour and rank by them.
_TYPES: Mapping[str, str] = {
    "task.succeeded": "success",
    "task.archived": "success",
    "endpoint.recovered": "success",
    "upstream.recovered": "success",
    "task.failed": "failure",
    "task.lost": "failure",
    "endpoint.disabled": "failure",
    "upstream.unhealthy": "failure",
    "delivery.dead": "failure",
    "archive.full": "warning",
    "action.refused": "warning",
    "action.unknown": "warning",
    "rule.limited": "warning",
    "task.action_required": "warning",
    "task.cancelled": "warning",
}


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message, see `bridge.channels.base.Channel`."""
    if (skipped := skip(context, "Apprise")) is not None:
        return skipped
    message = message_for(context, links_limit=MAX_LINKS)
    file, duration = yield from _picture(message, context)
    if file is not None and not message.sample:
        # No note on a picture that is missing: it is attached.
        message = replace(message, notes=())
    notification = Notification(
        url=context.endpoint.url,
        title=cut(message.head, MAX_TITLE),
        body=_text(message),
        type=_TYPES.get(message.type, "info"),
        file=file,
    )
    return (yield from post_first(context, [notification], _read, duration=duration))


def sample_response(request: Request) -> Response:  # noqa: ARG001 - it is the picture's
    """Answer as if there were no picture: a preview shows what is short enough to be read."""
    return Response(status=404)


# --- what is said ---------------------------------------------------------------------


def _text(message: Message) -> str:
    """Put everything into paragraphs; what is long is cut, so that the links are not."""
    strings = message.strings
    # A space before every URL, in Chinese too: what makes links of them looks for one.
    colon = strings.colon.rstrip()
    links = "\n".join(f"{label}{colon} {url}" for label, url in message.leads())
    room = MAX_TEXTS
    texts = []
    for text in (
        *message.notes,
        message.labelled_reason,
        message.result,
        message.prompt,
    ):
        harmless = fit(clean(text), max(room, 3), defang, utf8) if text else ""
        room -= utf8(harmless)
        texts.append(harmless)
    *notes, reason, result, prompt = texts
    steps = defang(line(message.labelled_steps))
    parts = [*notes, prompt, result, reason, steps, links, defang(line(message.foot))]
    return "\n\n".join(part for part in parts if part)


def _picture(
    message: Message, context: DeliveryContext
) -> Generator[MessageRequest, Response, tuple[File | None, float]]:
    """
    Fetch the picture, if it is to be attached.

    It is not left to Apprise, which would connect to any address that a gateway names.
    """
    fetch = None
    if message.options.images == "upload" and message.shows and not message.expired:
        fetch = to_fetch(message, context.endpoint.timeout)
    if fetch is None:
        return None, 0.0
    response = yield fetch
    return taken(response, message.task_id), response.duration


def _read(response: Response) -> Reply:
    """Return what became of a notification; its sender knows no more than that."""
    detail = readable(response.detail.encode(errors="replace"))
    return Reply(result=response.result or AttemptResult.FAILED, detail=detail)
