"""
A message: what there is to say about an event, before it takes any platform's form.

Every channel makes its payload from this, so that what is worth reading is decided once: which
picture is shown, what can be opened, what is said where there is neither.

Rule 1: texts are cleaned, and not escaped for any platform yet: a channel escapes what it puts
into a payload. `headline` and `notes` hold only our own words and names from the configuration.
Rule 2: a link leads where anybody in the chat can follow it, and `public_picture` is one that
every client can load.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext
from bridge.channels.endpoint_options import ChatOptions, RobotOptions
from bridge.channels.phrases import duration_of, headline_of, reason_of, steps_of
from bridge.channels.strings import STRINGS, Strings
from bridge.channels.text import clean, cut, line, utf8
from bridge.channels.urls import is_public, safe_url
from bridge.core.event import Event

#: Seen at a glance, in this order of preference: the colour, the emoji, the words.
_LOOKS = {
    "task.submitted": ("🕓", 0x95A5A6),
    "task.started": ("🎨", 0x3498DB),
    "task.progress": ("🎨", 0x3498DB),
    "task.action_required": ("✋", 0xF1C40F),
    "task.succeeded": ("✅", 0x2ECC71),
    "task.failed": ("❌", 0xE74C3C),
    "task.cancelled": ("🚫", 0x7F8C8D),
    "task.lost": ("❓", 0xE67E22),
    "task.corrected": ("📝", 0x9B59B6),
    "endpoint.disabled": ("🔕", 0xE74C3C),
    "endpoint.recovered": ("💚", 0x2ECC71),
    "upstream.unhealthy": ("🔌", 0xE74C3C),
    "upstream.recovered": ("💚", 0x2ECC71),
    "delivery.dead": ("💀", 0xE74C3C),
}
#: Results of these are texts, which gateways put into ``promptEn``.
_TEXT_RESULTS = frozenset({"DESCRIBE", "SHORTEN"})
_RESULTS = frozenset({"task.succeeded", "task.corrected"})
_FINAL = frozenset(
    f"task.{end}" for end in ("succeeded", "failed", "cancelled", "lost", "corrected")
)
#: Characters; longer keywords are nobody's: Feishu takes words of 10.
_KEYWORD = 60
#: Files that are not pictures, whatever a gateway calls them, or that few clients can draw.
_UNDRAWN = (".mp4", ".webm", ".mov", ".m4v", ".svg", ".avif", ".json", ".html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What to say.

    Attributes:
        type: The event's.

        emoji: One that shows the status.

        color: The same, as 0xRRGGBB.

        headline: What happened, in brief, without the emoji.

        took: How long the task took, in words; ``None`` if it is not over or unknown.

        prompt: At most ``prompt_max`` UTF-16 units; our own words where a task has none, but
            empty where its result is a text; empty for an operator's event.

        result: A result that is a text; empty for any other.

        reason: Why it failed, was lost, or what is wrong; empty where nothing is.

        progress: 0 to 100, while the task runs.

        picture: The picture's URL, as the upstream gave it, to be fetched; http or https.

        public_picture: The URL if clients and the platform can load it, and it is wanted.

        videos: URLs of videos, as the upstream gave them; http or https.

        links: Label and URL of what can be opened: the videos, or the picture.

        notes: Our own words on what is out of the ordinary; a line each.

        steps: What can be done next, as the labels of the buttons; short ones of a kind
            (``U1 U2 U3 U4``) are one step, and to begin again is the last.

        task_id: Empty for an operator's event.

        upstream: The upstream's name; empty if the event concerns none.

        at: When it happened, in seconds since the epoch.

        started: When the task was started, in seconds since the epoch.

        expires: When the picture's URL stops working, in seconds since the epoch.

        since: When an operator's event began to be true, in seconds since the epoch.

        final: Whether nothing more will come of the task.

        shows: Whether the picture and the videos are the result: a running task's are a
            preview, a failed one's are left over from before.

        sample: Whether somebody only tries how it looks.

        keyword: The word without which the endpoint's robot takes nothing; often empty.

        strings: Of the language.
    """

    type: str
    emoji: str
    color: int
    headline: str
    took: str | None
    prompt: str
    result: str
    reason: str
    progress: int | None
    picture: str | None = field(repr=False)
    public_picture: str | None = field(repr=False, default=None)
    videos: tuple[str, ...] = field(repr=False)
    links: tuple[tuple[str, str], ...] = field(repr=False, default=())
    notes: tuple[str, ...] = ()
    steps: tuple[str, ...]
    task_id: str
    upstream: str
    at: float
    started: float | None
    expires: float | None
    since: float | None
    final: bool
    shows: bool
    sample: bool
    keyword: str = ""
    strings: Strings

    def expired(self, at: float) -> bool:
        """Whether the picture's URL has stopped working by a moment."""
        return self.expires is not None and self.expires <= at

    @property
    def alt(self) -> str:
        """Describe the picture for readers who cannot see it."""
        if self.prompt in {"", self.strings.no_prompt}:
            return self.headline
        return self.strings.picture_of.format(prompt=line(self.prompt))

    @property
    def title(self) -> str:
        """Emoji and headline, with how long it took."""
        took = f" · {self.took}" if self.took else ""
        return f"{self.emoji} {self.headline}{took}"

    @property
    def head(self) -> str:
        """The title, behind the keyword."""
        return " · ".join(part for part in (self.keyword, self.title) if part)

    @property
    def labelled_reason(self) -> str:
        """The reason with its label; empty without one."""
        strings = self.strings
        return f"{strings.reason}{strings.colon}{self.reason}" if self.reason else ""

    @property
    def labelled_steps(self) -> str:
        """The next steps with their label, on one line; empty without any."""
        strings, steps = self.strings, " · ".join(self.steps)
        return f"{strings.next}{strings.colon}{steps}" if steps else ""

    @property
    def foot(self) -> str:
        """Which task it was, and since when an operator's event is true; never empty."""
        task = f"{self.strings.task_id} {self.task_id}" if self.task_id else ""
        upstream = "" if self.upstream == "default" else self.upstream
        since = ""
        if self.since is not None:
            moment = datetime.fromtimestamp(self.since, UTC)
            since = f"{self.strings.since} {moment:%Y-%m-%d %H:%M} UTC"
        return " · ".join(part for part in (task, upstream, since) if part)


def message_for(context: DeliveryContext, *, links_most: int | None = None) -> Message:
    """
    Make the message of a delivery, as its endpoint's settings want it.

    Args:
        links_most: Bytes that the URLs of all links together may have.
    """
    options = ChatOptions.of(context.endpoint)
    message = message_of(
        context.event, language=options.language, prompt_max=options.prompt_max
    )
    expired = message.expired(context.at)
    links = tuple(_links(message, expired=expired, most=links_most))
    unwanted = options.images == "none"
    keyword = (options.keyword or "") if isinstance(options, RobotOptions) else ""
    return replace(
        message,
        public_picture=None if unwanted or expired else _public_picture(message),
        links=links,
        notes=tuple(_notes(message, linked=bool(links), expired=expired)),
        keyword=keyword[:_KEYWORD],
    )


def message_of(
    event: Event, *, language: str = "en", prompt_max: int = 1000
) -> Message:
    """
    Return what there is to say about an event, whoever it is delivered to.

    Args:
        event: Any event; its body is ours, so it has every field.

        language: One of `STRINGS`.

        prompt_max: UTF-16 units of the prompt that are shown.
    """
    strings = STRINGS[language]
    data: Mapping[str, Any] = json.loads(event.body)["data"]
    emoji, color = _LOOKS[event.type]
    task = data.get("event", {}).get("data", {}) if "event" in data else data
    action = str(task.get("action") or "").upper()
    failed = (
        data.get("failReason") if event.type.startswith("task.") else data["reason"]
    )
    running = event.type in {"task.started", "task.progress"}
    shows = event.type in _RESULTS and task.get("status") == "SUCCESS"
    result = _result(action, task, prompt_max) if shows else ""
    # A picture that was described has no prompt, and nobody misses one.
    unprompted = strings.no_prompt if task.get("id") and not result else ""
    steps = steps_of(task.get("buttons", ())) if shows else ()
    if event.type == "task.action_required":
        steps = (strings.modal,)
    meta = task.get("metadata")
    return Message(
        type=event.type,
        emoji=emoji,
        color=color,
        headline=headline_of(event.type, action, data, strings),
        took=_took(task, strings) if event.type in _FINAL else None,
        prompt=cut(clean(task.get("prompt")), prompt_max) or unprompted,
        result=result,
        reason=reason_of(event.loss, failed, strings),
        progress=task.get("progress") if running else None,
        picture=_url(task.get("imageUrl")),
        videos=tuple(url for one in task.get("videoUrls", ()) if (url := _url(one))),
        steps=steps,
        task_id=line(task.get("id")),
        upstream=event.upstream or "",
        at=event.at,
        started=_seconds(task.get("startTime")),
        expires=_seconds(task.get("imageExpiresAt")),
        since=_seconds(data.get("since")),
        final=event.type in _FINAL,
        shows=shows,
        sample=isinstance(meta, dict) and bool(meta.get("sample")),
        strings=strings,
    )


# --- what is shown, and what can be opened --------------------------------------------


def _public_picture(message: Message) -> str | None:
    shown = safe_url(message.picture) if message.shows else None
    if shown is None or not is_public(shown):
        return None
    return None if urlsplit(shown).path.lower().endswith(_UNDRAWN) else shown


def _links(
    message: Message, *, expired: bool, most: int | None
) -> Iterator[tuple[str, str]]:
    """Label what can be opened; of a video not its still, and nothing that has expired."""
    if not message.shows:
        return
    strings = message.strings
    label, urls = strings.watch, message.videos
    if not urls:
        label, urls = strings.open, () if expired else (message.picture or "",)
    safe = (safe_url(url, schemes=("https", "http")) for url in urls)
    public = dict.fromkeys(url for url in safe if url and is_public(url))
    for number, url in enumerate(public, start=1):
        if most is not None:
            if utf8(url) > most:
                continue
            most -= utf8(url)
        yield f"{label} {number}" if len(public) > 1 else label, url


def _notes(message: Message, *, linked: bool, expired: bool) -> Iterator[str]:
    strings = message.strings
    if message.sample:
        yield strings.sample
    elif message.shows and message.picture and not linked:
        yield strings.expired if expired and not message.videos else strings.not_shown


# --- what an event says ---------------------------------------------------------------


def _result(action: str, task: Mapping[str, Any], most: int) -> str:
    if action not in _TEXT_RESULTS:
        return ""
    return cut(clean(task.get("promptEn") or task.get("finalPrompt")), most)


def _url(url: Any) -> str | None:
    """Return a URL that could be fetched; gateways also send relative ones."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _took(task: Mapping[str, Any], strings: Strings) -> str | None:
    began = _seconds(task.get("startTime")) or _seconds(task.get("submitTime"))
    ended = _seconds(task.get("finishTime"))
    if began is None or ended is None or not 0 <= ended - began < 86400:
        return None
    return duration_of(ended - began, strings)


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None
