"""
What every channel is tried with: events of a task's life, and what harms careless ones.

`CASES` are looked at by people, as golden payloads. `HOSTILE` must each still make a valid,
inert, readable message. `events` draws more of the kind.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from hypothesis import strategies as st

from bridge.channels.base import (
    Channel,
    DeliveryContext,
    ExchangeResult,
    SaveState,
)
from bridge.core.button import Button
from bridge.core.cadence import Loss
from bridge.core.change import Change, ChangeType
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import (
    ARCHIVED,
    EVENT_TYPES,
    Event,
    NoticeType,
    archived_event,
    notice,
    task_event,
)
from bridge.core.event_data import Json
from bridge.core.http import (
    ChannelState,
    Download,
    KeptPicture,
    Notification,
    Request,
    Response,
)
from bridge.core.media import KeptFile
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.core.token import ActionLinks
from bridge.settings import endpoint_settings

LANGUAGES = ("en", "zh")

#: 2026-11-22T06:40:00Z; the tasks begin then.
BEGAN = 1795329600
#: When the events are delivered.
NOW = BEGAN + 60.0

JOB = "3785da15-4f70-4034-9128-f3ff1ac634fa"
TASK_ID = "1732257600123456"
PROMPT = "a lighthouse in a storm, oil on canvas --ar 16:9 --v 7"
GRID_URL = "https://cdn.example/attachments/13/37/lighthouse_grid.png?ex=6b03dfc0&is=6b028e40&hm=f6d7&"
PICTURE_URL = "https://cdn.example/attachments/13/38/lighthouse_1.png"

GRID_BUTTONS = (
    *(Button.of(f"MJ::JOB::upsample::{n}::{JOB}", f"U{n}", None) for n in range(1, 5)),
    Button.of(f"MJ::JOB::reroll::0::{JOB}::SOLO", None, "🔄"),
    *(Button.of(f"MJ::JOB::variation::{n}::{JOB}", f"V{n}", None) for n in range(1, 5)),
)
UPSCALED_BUTTONS = (
    Button.of(
        f"MJ::JOB::upsample_v7_2x_subtle::1::{JOB}::SOLO",
        "Upscale (Subtle)",
        "upscale_1",
    ),
    Button.of(
        f"MJ::JOB::upsample_v7_2x_creative::1::{JOB}::SOLO",
        "Upscale (Creative)",
        "upscale_1",
    ),
    Button.of(f"MJ::JOB::low_variation::1::{JOB}::SOLO", "Vary (Subtle)", "🪄"),
    Button.of(f"MJ::JOB::high_variation::1::{JOB}::SOLO", "Vary (Strong)", "🪄"),
    Button.of(f"MJ::Inpaint::1::{JOB}::SOLO", "Vary (Region)", "🖌️"),
    Button.of(f"MJ::Outpaint::50::1::{JOB}::SOLO", "Zoom Out 2x", "🔍"),
    Button.of(f"MJ::CustomZoom::{JOB}", "Custom Zoom", "🔍"),
    Button.of(f"MJ::JOB::pan_left::1::{JOB}::SOLO", None, "⬅️"),
    Button.of(f"MJ::JOB::pan_right::1::{JOB}::SOLO", None, "➡️"),
    Button.of(f"MJ::JOB::animate_high::1::{JOB}::SOLO", None, "video_1"),
    Button.of(f"MJ::JOB::reroll::0::{JOB}::SOLO", None, "🔄"),
    Button.of(f"MJ::BOOKMARK::{JOB}", None, "❤️"),
)
DESCRIBED = (
    "1️⃣ a lighthouse on a cliff, waves breaking, oil painting --ar 16:9\n\n"
    "2️⃣ stormy sea at dusk, beam of light, impasto --ar 16:9\n\n"
    "3️⃣ seascape in the style of the romantics --ar 16:9\n\n"
    "4️⃣ a lone tower against dark clouds --ar 16:9"
)

WAITING = TaskSnapshot(
    id=TASK_ID,
    status=TaskStatus.SUBMITTED,
    progress=0,
    action="IMAGINE",
    prompt=PROMPT,
    prompt_en=PROMPT,
    description="Submit success",
    submit_time=BEGAN * 1000,
)
RUNNING = replace(WAITING, status=TaskStatus.IN_PROGRESS, start_time=(BEGAN + 3) * 1000)
DONE = replace(
    RUNNING,
    status=TaskStatus.SUCCESS,
    progress=100,
    finish_time=(BEGAN + 50) * 1000,
    image_url=GRID_URL,
    buttons=GRID_BUTTONS,
)

#: What was kept of a picture.
KEPT = KeptFile(
    sha256="ab" * 32,
    bytes=4_812_345,
    type="image/png",
    width=2048,
    height=2048,
    source=GRID_URL,
    url=f"https://bridge.example/files/{'ab' * 32}.png",
    thumbnails=(256, 512, 1024),
)

#: By type: the task's sequence, the status before.
_PLACE: Mapping[ChangeType, tuple[int, TaskStatus | None]] = {
    ChangeType.SUBMITTED: (1, None),
    ChangeType.ACTION_REQUIRED: (2, TaskStatus.SUBMITTED),
    ChangeType.STARTED: (2, TaskStatus.SUBMITTED),
    ChangeType.PROGRESS: (3, TaskStatus.IN_PROGRESS),
    ChangeType.SUCCEEDED: (4, TaskStatus.IN_PROGRESS),
    ChangeType.FAILED: (4, TaskStatus.IN_PROGRESS),
    ChangeType.CANCELLED: (4, TaskStatus.IN_PROGRESS),
    ChangeType.LOST: (4, TaskStatus.IN_PROGRESS),
    ChangeType.CORRECTED: (5, TaskStatus.FAILURE),
}


def event_of(
    kind: str,
    after: TaskSnapshot,
    *,
    sequence: int | None = None,
    at: float = NOW,
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """The event that tells of a task's change, or that its picture was kept."""
    if kind == ARCHIVED:
        done = event_of("task.succeeded", after, at=at, metadata=metadata)
        return archived_event(done, [KEPT], "", sequence=sequence or 5, at=at)
    change = ChangeType(kind)
    usual, before = _PLACE[change]
    return task_event(
        TaskKey("default", after.id),
        Change(type=change, before=before, after=after),
        sequence=usual if sequence is None else sequence,
        metadata=metadata or {},
        at=at,
    )


def lost(kept: TaskSnapshot, loss: Loss, *, at: float) -> Event:
    """The event that tells that a task was given up."""
    event = event_of("task.lost", replace(kept, fail_reason=str(loss)), at=at)
    return replace(event, loss=loss)


#: The cases that are kept as golden payloads, by name.
CASES: Mapping[str, Event] = {
    "submitted": event_of("task.submitted", WAITING, at=BEGAN + 1),
    "progress_42": event_of(
        "task.progress",
        replace(
            RUNNING,
            progress=42,
            image_url="https://cdn.example/attachments/13/36/42.webp",
        ),
        at=BEGAN + 25,
    ),
    "succeeded_grid": event_of("task.succeeded", DONE, at=BEGAN + 51),
    "succeeded_upscaled": event_of(
        "task.succeeded",
        replace(
            DONE, action="UPSCALE", image_url=PICTURE_URL, buttons=UPSCALED_BUTTONS
        ),
        at=BEGAN + 51,
    ),
    "video": event_of(
        "task.succeeded",
        replace(
            DONE,
            action="VIDEO",
            image_url="https://cdn.example/video/0_0.webp",
            video_urls=tuple(
                f"https://cdn.example/video/{JOB}/0_{n}.mp4" for n in range(4)
            ),
            buttons=(
                Button.of(f"MJ::JOB::video_virtual_upscale::1::{JOB}", "U1", None),
                Button.of(f"MJ::JOB::animate_high_extend::1::{JOB}", None, None),
            ),
            finish_time=(BEGAN + 128) * 1000,
        ),
        at=BEGAN + 129,
    ),
    "describe": event_of(
        "task.succeeded",
        replace(
            DONE,
            action="DESCRIBE",
            prompt=None,
            prompt_en=DESCRIBED,
            image_url=PICTURE_URL,
            buttons=tuple(
                Button.of(f"MJ::Job::PicReader::{n}", f"{n}️⃣", None) for n in range(1, 5)
            ),
            finish_time=(BEGAN + 9) * 1000,
        ),
        at=BEGAN + 10,
    ),
    "modal": event_of(
        "task.action_required",
        replace(
            WAITING,
            status=TaskStatus.MODAL,
            action="INPAINT",
            description="Waiting for window confirm",
        ),
        at=BEGAN + 2,
    ),
    "failed": event_of(
        "task.failed",
        replace(
            RUNNING,
            status=TaskStatus.FAILURE,
            progress=0,
            finish_time=(BEGAN + 14) * 1000,
            fail_reason="Banned prompt detected: **blood** <@1>",
        ),
        at=BEGAN + 15,
    ),
    "cancelled": event_of(
        "task.cancelled",
        replace(RUNNING, status=TaskStatus.CANCEL, finish_time=(BEGAN + 20) * 1000),
        at=BEGAN + 21,
    ),
    "corrected_failed": event_of(
        "task.corrected",
        replace(
            DONE,
            status=TaskStatus.FAILURE,
            fail_reason="The picture was taken down by a moderator",
        ),
        at=BEGAN + 300,
    ),
    "corrected_cancelled": event_of(
        "task.corrected",
        replace(DONE, status=TaskStatus.CANCEL, buttons=()),
        at=BEGAN + 300,
    ),
    "lost": lost(replace(RUNNING, progress=63), Loss("missing", 300.0), at=BEGAN + 400),
}

#: What a prompt, a reason or a label must not be able to do on any platform.
NASTY_TEXTS: Mapping[str, str] = {
    "long": "long prompt " * 4200,
    "long_without_spaces": "x" * 50_000,
    "chinese": "灯塔与风暴" * 10_000,
    "only_emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽" * 500,
    "right_to_left": "\u202egnp.exe\u202c \u2067abc\u2069 \u200fمرحبا",
    "joiners": "a\u200db\u200b\u2060c\ufeff" + "\u200d" * 300,
    "combining": "Z" + "\u0301" * 3000,
    "mentions": "@everyone @here <@123> <@!123> <@&1> <#42> <!channel> <!here> <!subteam^S1|x> @all @channel",
    "tags": "</at> <at user_id=\"all\">all</at> <at id=all></at> <b>x</b> <a href='https://evil.example'>free</a> &lt;b&gt; &amp;",
    "masked_links": "[free](https://evil.example) [a](<javascript:1>) <https://evil.example|free> ![i](https://evil.example/a.png)",
    "bare_links": "https://evil.example www.evil.example http://evil.example discord.gg/evil mailto:a@evil.example tg://user?id=1",
    "markdown": "# h\n## h\n> q\n>>> q\n- l\n* l\n+ l\n1. n\n-# small\n**b** __u__ ~~s~~ ||spoiler|| _i_ `c` ***x***",
    "fences": "```\ncode\n``` ` `` ``` ````` \\` \\\\",
    "emoji_codes": ":smile: <:e:1> <a:e:1> :skin-tone-2: /giphy",
    "timestamps": "<t:1:R> <!date^1^{date}|x> </command:1> <id:guide>",
    "controls": "a\x00b\x1b[31mc\x07\r\nd\x85e\u2028f",
    "lone_surrogates": "a\ud800b\udc00 \udfff",
    "templates": "{{ 7*7 }} {% raw %} ${env} %s {0} {what}",
    "many_lines": "line\n" * 2000,
    "only_spaces": " \t\n\u00a0\u3000 ",
    "only_unseen": "\u200b\u202e\u2066",
    "empty": "",
    "json": '"}],"content":"@everyone","x":[{"',
    "noncharacters": "\ufffe\uffff\U0001ffff\U0010ffff",
}

#: Picture URLs that cannot, or must not, be shown as they are.
NASTY_URLS: Mapping[str, str] = {
    "relative": "/mj/image/1732257600123456",
    "no_host": "https:///a.png",
    "local": "http://127.0.0.1:8080/mj/image/1.png",
    "private": "http://192.168.1.10/mj/image/1.png",
    "webp": "https://cdn.example/a.webp",
    "3001_characters": "https://cdn.example/" + "a" * (3001 - 24) + ".png",
    "513_characters": "https://cdn.example/" + "a" * (513 - 24) + ".png",
    "http": "http://cdn.example/a.png",
    "expired": "https://cdn.discordapp.com/attachments/1/2/a.png?ex=5f000000&is=5eff0000&hm=00&",
    "not_found": "https://cdn.example/404.png",
    "with_quotes": "https://cdn.example/a\"b'c<d>|e)f(g.png",
    "with_spaces": "https://cdn.example/a b\nc.png",
    "javascript": "javascript:alert(1)",
    "data": "data:image/png;base64,iVBORw0KGgo=",
    "broken": "https://[::1",
    "with_password": "https://user:hunter2@cdn.example/a.png",
    "unicode": "https://例え.example/灯塔.png",
}

#: Buttons that have nothing to print on them, or too much.
NASTY_BUTTONS: Mapping[str, tuple[Button, ...]] = {
    "without_labels": tuple(
        replace(button, label=None, emoji=None) for button in GRID_BUTTONS
    ),
    "custom_emoji": (Button.of(f"MJ::JOB::upsample::1::{JOB}", None, "upscale_1"),),
    "many": tuple(
        Button.of(f"MJ::JOB::upsample::{n}::{JOB}", f"U{n}", None) for n in range(1, 60)
    ),
    "hostile_labels": tuple(
        Button.of(f"MJ::JOB::upsample::{n}::{JOB}", label, None)
        for n, label in enumerate(NASTY_TEXTS.values(), start=1)
    ),
}


def _hostile() -> dict[str, Event]:
    found = {}
    for name, text in NASTY_TEXTS.items():
        found[f"prompt_{name}"] = event_of("task.succeeded", replace(DONE, prompt=text))
        found[f"reason_{name}"] = event_of(
            "task.failed",
            replace(RUNNING, status=TaskStatus.FAILURE, prompt=text, fail_reason=text),
        )
        found[f"described_{name}"] = event_of(
            "task.succeeded",
            replace(DONE, action="DESCRIBE", prompt=text, prompt_en=text),
        )
    for name, url in NASTY_URLS.items():
        found[f"picture_{name}"] = event_of(
            "task.succeeded", replace(DONE, image_url=url)
        )
        found[f"video_{name}"] = event_of(
            "task.succeeded", replace(DONE, action="VIDEO", video_urls=(url,) * 9)
        )
    for name, buttons in NASTY_BUTTONS.items():
        found[f"buttons_{name}"] = event_of(
            "task.succeeded", replace(DONE, buttons=buttons)
        )
    found["id_hostile"] = event_of(
        "task.succeeded",
        replace(DONE, id='<@1>[x](https://evil.example)`"/../%2e;\r'.strip()),
    )
    found["id_long"] = event_of("task.succeeded", replace(DONE, id="9" * 128))
    found["action_hostile"] = event_of(
        "task.succeeded", replace(DONE, action="<!channel> @everyone **x**")
    )
    found["nothing_known"] = event_of(
        "task.succeeded", TaskSnapshot(id="1", status=TaskStatus.SUCCESS)
    )
    return found


#: Events that a channel must survive, by name.
HOSTILE: Mapping[str, Event] = _hostile()


def each_hostile(test: Callable[..., None]) -> Callable[..., None]:
    """
    Call a test with each hostile event in turn, as its argument `event`.

    They are a hundred, and a test is over in less time than it takes to report it.
    """
    takes = inspect.signature(test)
    others = [one for one in takes.parameters.values() if one.name != "event"]

    @wraps(test)
    def tried(**given: object) -> None:
        for name, event in HOSTILE.items():
            try:
                test(event=event, **given)
            except BaseException as error:
                error.add_note(f"the event: {name}")
                raise

    tried.__signature__ = takes.replace(parameters=others)  # type: ignore[attr-defined]  # pytest reads it
    return tried


#: Of an action that was not made.
ACTION: Mapping[str, Json] = {
    "actionId": f"act_{'0' * 32}",
    "taskId": "1730621826053455",
    "customId": "MJ::JOB::upsample::1::3785da15",
    "label": "U1",
    "code": 24,
    "by": "dashboard",
}


def operators_event(
    kind: str, *, reason: str = "connection refused, 10 times in a row", at: float = NOW
) -> Event:
    """What happened to the bridge itself."""
    notice_type = NoticeType(kind)
    dead = notice_type is NoticeType.DELIVERY_DEAD
    return notice(
        notice_type,
        name="default" if kind.startswith(("upstream.", "action.")) else "pipeline",
        reason=reason,
        since=at - 600,
        at=at,
        event=CASES["succeeded_grid"] if dead else None,
        action=ACTION if kind.startswith("action.") else None,
    )


#: One event of every type.
OPERATORS: Mapping[str, Event] = {
    str(kind): operators_event(kind) for kind in NoticeType
}

texts = (
    st.text(max_size=300)
    | st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
    | st.text(
        st.sampled_from("<>@#&*_~|`[]()\\/:!-+1.\n \u200d\u202e👍🇩e\u0301{}%$'\""),
        max_size=120,
    )
    # By name: texts of 50,000 characters are nothing for hypothesis to describe.
    | st.lists(st.sampled_from(sorted(NASTY_TEXTS)), max_size=3).map(
        lambda names: "".join(NASTY_TEXTS[name] for name in names)[:4000]
    )
)
_urls = st.none() | st.sampled_from([GRID_URL, PICTURE_URL, *NASTY_URLS.values()])
_buttons = st.lists(
    st.builds(
        Button.of,
        st.sampled_from(
            [button.custom_id for button in (*GRID_BUTTONS, *UPSCALED_BUTTONS)]
        )
        | texts,
        st.none() | texts,
        st.none() | texts,
    ),
    max_size=12,
).map(tuple)


#: What every endpoint reports that subscribes to everything. That a picture was kept is
#: reported where the task's end is not.
REPORTED = tuple(kind for kind in EVENT_TYPES if kind != ARCHIVED)


@st.composite
def events(draw: st.DrawFn, kinds: tuple[str, ...] = REPORTED) -> Event:
    """Any event, with any text wherever a stranger can put one."""
    kind = draw(st.sampled_from(kinds))
    if not kind.startswith("task."):
        return operators_event(kind, reason=draw(texts))
    after = replace(
        DONE,
        action=draw(
            st.sampled_from(["IMAGINE", "DESCRIBE", "VIDEO", "UPSCALE", None]) | texts
        ),
        prompt=draw(st.none() | texts),
        prompt_en=draw(st.none() | texts),
        fail_reason=draw(st.none() | texts),
        image_url=draw(_urls),
        video_urls=tuple(
            NASTY_URLS[name]
            for name in draw(st.lists(st.sampled_from(sorted(NASTY_URLS)), max_size=5))
        ),
        buttons=draw(_buttons),
        progress=draw(st.none() | st.integers(0, 100)),
        start_time=draw(st.none() | st.just(RUNNING.start_time)),
    )
    return event_of(
        kind, after, metadata=draw(st.dictionaries(texts, texts, max_size=2))
    )


def endpoint(kind: str, url: str, **settings: Any) -> Endpoint:
    """An endpoint as the configuration would make it, with all defaults of its kind."""
    return endpoint_settings(kind=kind, url=url, **settings).to_endpoint("chat")


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """An exchange that was held: what was sent, what was saved, how it ended."""

    sent: list[Request | Notification]
    saved: list[ChannelState]  #: In between, by `SaveState`.
    outcome: ExchangeResult
    channel_state: ChannelState  #: The channel state at the end.
    order: list[str] = field(default_factory=list)  #: Methods, "NOTIFY" and "save".

    @property
    def requests(self) -> list[Request]:
        return [one for one in self.sent if isinstance(one, Request)]

    @property
    def result(self) -> str:
        return str(self.outcome.attempt.result)


Answers = Callable[[Request], Response]


def perform(
    channel: Channel,
    event: Event,
    to: Endpoint,
    *,
    answers: Answers | None = None,
    channel_state: ChannelState | None = None,
    at: float = NOW,
    redelivery: bool = False,
    report: Response | None = None,
    links: ActionLinks | None = None,
    parent: tuple[str, str] | None = None,
) -> Transcript:
    """
    Hold the whole exchange about an event; without `answers`, the platform accepts everything.

    Args:
        report: What comes of a notification; without it, it is delivered.

        links: Signs what offers a task's buttons; by default, nobody can press any.

        parent: The message whose button made the event's task.

    Raises:
        AssertionError: It does not come to an end.
    """
    kept: ChannelState = channel_state or {}
    exchange = channel.deliver(
        DeliveryContext(
            event=event,
            endpoint=to,
            now=at,
            started=at,
            channel_state=kept,
            redelivery=redelivery,
            links=links,
            parent=parent,
        )
    )
    sent: list[Request | Notification] = []
    saved: list[ChannelState] = []
    order: list[str] = []
    response: Response | None = None
    for _ in range(30):
        try:
            step = next(exchange) if response is None else exchange.send(response)
        except StopIteration as ended:
            outcome: ExchangeResult = ended.value
            after = outcome.channel_state if outcome.channel_state is not None else kept
            return Transcript(
                sent=sent,
                saved=saved,
                outcome=outcome,
                channel_state=after,
                order=order,
            )
        if isinstance(step, SaveState):
            kept = step.channel_state
            saved.append(kept)
            order.append("save")
            response = Response(duration=0.0)
        elif isinstance(step, Notification):
            sent.append(step)
            order.append("NOTIFY")
            response = report or Response(result=AttemptResult.DELIVERED)
        elif isinstance(step, Download | KeptPicture):
            order.append(type(step).__name__)
            response = Response()
        else:
            sent.append(step)
            order.append(step.method)
            response = (answers or channel.sample_response)(step)
        if not response.received_at:
            response = replace(response, received_at=at)
    msg = f"no end after {order}"
    raise AssertionError(msg)
