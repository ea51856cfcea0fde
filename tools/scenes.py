"""
Scenes: moments of tasks, and the requests about them, made by the channels.

The pictures in them are the sandbox's. The platform accepts
everything that a channel sends, so what is shown is what would be sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any

from bridge.channels import channel_for
from bridge.channels.base import DeliveryContext, SaveState
from bridge.channels.interaction import Interaction
from bridge.channels.offer import rows_of
from bridge.channels.strings import STRINGS
from bridge.core.button import Button
from bridge.core.change import Change, ChangeType
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, task_event
from bridge.core.http import ChannelState, Request, Response
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.core.token import ActionLinks, Purpose, TokenKeys
from bridge.sandbox.pages import picture
from bridge.settings import endpoint_settings
from bridge.web.interactions import PLATFORMS

#: 2026-11-22T18:41:00Z; the tasks begin then.
BEGAN = 1795372860
JOB = "3785da15-4f70-4034-9128-f3ff1ac634fa"
#: Where the gateway has its pictures; all that is said about them is that they are here.
_PLACE = "https://cdn.example/attachments/"
#: Its pictures, and whether the task has finished.
_PICTURES = {"dusk.png": True, "garden_46.png": False}

#: Signs buttons and links that lead nowhere.
LINKS = ActionLinks(
    keys=TokenKeys(["of the documentation"]),
    public_url="https://bridge.example.com",
    ttl=1_209_600.0,
)

DUSK = "a mountain range at dusk, layered paper cut-out, soft light --v 7"
DUSK_ZH = "黄昏的群山，层叠剪纸风格，柔和光线 --v 7"  # noqa: RUF001 - Chinese has its own commas
GARDEN = "a walled garden in early spring, watercolour --stylize 250 --v 7"
BANNED = "a bloody battle on a mountain pass, oil on canvas --ar 16:9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    What a channel would send about one moment.

    Attributes:
        payload: Of the last request that says something to people.

        at: When it is looked at, in seconds since the epoch.

        files: What was uploaded with it, by name.
    """

    payload: dict[str, Any]
    at: float
    files: Mapping[str, bytes] = field(default_factory=dict)


def image_at(url: str) -> bytes | None:
    """Return the picture at a URL of our gateway's; ``None`` if there is none."""
    name = url.partition("?")[0].removeprefix(_PLACE)
    finished = _PICTURES.get(name) if url.startswith(_PLACE) else None
    return None if finished is None else picture(finished=finished)


# --- what happens ---------------------------------------------------------------------


def succeeded(prompt: str = DUSK) -> Sequence[Event]:
    """A grid of four was finished."""
    done = replace(
        _running("1732257600123456", prompt),
        status=TaskStatus.SUCCESS,
        progress=100,
        finish_time=(BEGAN + 50) * 1000,
        image_url=f"{_PLACE}dusk.png",
        buttons=(
            *_row("upsample", "U"),
            Button.of(f"MJ::JOB::reroll::0::{JOB}::SOLO", None, "🔄"),
            *_row("variation", "V"),
        ),
    )
    return [_told(ChangeType.SUCCEEDED, done, 4, BEGAN + 51)]


def progressing() -> Sequence[Event]:
    """A task was queued, and is halfway."""
    running = _running("1732257601889020", GARDEN)
    waiting = replace(running, status=TaskStatus.SUBMITTED, start_time=None)
    halfway = replace(running, progress=46, image_url=f"{_PLACE}garden_46.png")
    return [
        _told(ChangeType.SUBMITTED, waiting, 1, BEGAN + 1),
        _told(ChangeType.PROGRESS, halfway, 3, BEGAN + 24),
    ]


def failed() -> Sequence[Event]:
    """A task failed, and the gateway said why."""
    ended = replace(
        _running("1732257602410077", BANNED),
        status=TaskStatus.FAILURE,
        finish_time=(BEGAN + 9) * 1000,
        fail_reason="Banned prompt detected: bloody",
    )
    return [_told(ChangeType.FAILED, ended, 3, BEGAN + 10)]


def _row(kind: str, letter: str) -> list[Button]:
    return [
        Button.of(f"MJ::JOB::{kind}::{n}::{JOB}", f"{letter}{n}", None)
        for n in range(1, 5)
    ]


def _running(task: str, prompt: str) -> TaskSnapshot:
    return TaskSnapshot(
        id=task,
        status=TaskStatus.IN_PROGRESS,
        progress=0,
        action="IMAGINE",
        prompt=prompt,
        submit_time=BEGAN * 1000,
        start_time=(BEGAN + 3) * 1000,
    )


def _told(kind: ChangeType, after: TaskSnapshot, sequence: int, at: float) -> Event:
    return task_event(
        TaskKey("default", after.id),
        Change(type=kind, before=TaskStatus.IN_PROGRESS, after=after),
        sequence=sequence,
        metadata={},
        at=at,
    )


# --- what is sent about it ------------------------------------------------------------


def endpoint(kind: str, url: str, **settings: Any) -> Endpoint:
    """Make an endpoint as the configuration would."""
    given = {"kind": kind, "url": url, **settings}
    return endpoint_settings(**given).to_endpoint("art")


def shown(
    to: Endpoint, events: Sequence[Event], *, links: ActionLinks | None = None
) -> Shown:
    """
    Deliver events one after the other, and return what the last one looks like.

    Args:
        links: Signs buttons and links, where the endpoint has them.
    """
    channel_state: ChannelState = {}
    sent: list[Request] = []
    for event in events:
        requests, channel_state = _deliver(to, event, channel_state, links)
        sent += requests
    return _opened(sent[-1], at=events[-1].at)


def pressed(to: Endpoint, event: Event, before: Shown, *, who: str) -> Shown:
    """Return what a message looks like when its first button was pressed."""
    payload = before.payload
    key = TaskKey.read(event.subject)
    buttons = json.loads(event.body)["data"]["buttons"]
    rows = rows_of(
        buttons,
        LINKS,
        key,
        endpoint=to.name,
        purpose=Purpose(to.kind),
        now=event.at,
        without={buttons[0]["customId"]},
    )
    interaction = Interaction(
        token="",
        user="1",
        name=who,
        message="1001",
        channel="C1",
        reply="https://hooks.slack.com/actions/T/1/x",
        shown=payload.get("blocks", ()),
    )
    lines = [f"{buttons[0]['label']} · {who} {STRINGS['en'].accepted}"]
    request = PLATFORMS[Purpose(to.kind)].mark(to, interaction, lines, rows)
    if request is None:
        msg = "the message cannot be changed"
        raise TypeError(msg)
    return replace(before, payload=payload | json.loads(request.body))


def _deliver(
    to: Endpoint,
    event: Event,
    channel_state: ChannelState,
    links: ActionLinks | None,
) -> tuple[list[Request], ChannelState]:
    channel = channel_for(to.kind)
    at = event.at + 1
    context = DeliveryContext(
        event=event,
        endpoint=to,
        now=at,
        started=at,
        channel_state=channel_state,
        links=links,
    )
    exchange, requests = channel.deliver(context), []
    step = next(exchange)
    try:
        while True:
            if isinstance(step, SaveState):
                channel_state = step.channel_state
                step = exchange.send(Response(duration=0.0, received_at=at))
                continue
            if not isinstance(step, Request):
                msg = "there are scenes of requests only"
                raise TypeError(msg)
            if image := image_at(step.url):
                answer = Response(duration=0.1, status=200, body=image)
            else:
                requests.append(step)
                answer = channel.sample_response(step)
            step = exchange.send(replace(answer, received_at=at))
    except StopIteration as end:
        kept = end.value.channel_state
        return requests, channel_state if kept is None else kept


def _opened(request: Request, *, at: float) -> Shown:
    head = Message()
    head["content-type"] = request.headers["content-type"]
    if head.get_content_maintype() != "multipart":
        return Shown(payload=json.loads(request.body), at=at)
    edge = b"--" + str(head.get_boundary()).encode()
    payload: dict[str, Any] = {}
    files = {}
    for part in request.body.split(edge)[1:-1]:
        said, _, data = part.strip(b"\r\n").partition(b"\r\n\r\n")
        disposition = said.decode().partition("filename=")[2].splitlines()
        if disposition:
            files[disposition[0].strip('"')] = data
        else:
            payload = json.loads(data)
    return Shown(payload=payload, at=at, files=files)
