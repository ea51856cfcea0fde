"""
A message: what there is to say about an event, before it takes any platform's form.

Every channel makes its payload from this, so that what is worth reading is decided once: what is
said, in `bridge.channels.wording`; and in `bridge.channels.compose` which picture there is (the
archive's copy, one that every client can load, or none any more), what can be opened, what is said
where there is neither. Whether the picture is linked, uploaded or left out is each channel's own to
say: it knows what its platform can.

Rule 1: texts are cleaned, and not escaped for any platform yet: a channel escapes what it puts
into a payload. `headline` and `notes` hold only our own words and names from the configuration.
Rule 2: a link leads where anybody in the chat can follow it, and `public_picture` is one that
every client can load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.channels.endpoint_options import ChatOptions, RobotOptions
from bridge.channels.strings import Strings
from bridge.channels.text import line
from bridge.core.media import KeptFile

#: Characters; longer keywords are nobody's: Feishu takes words of 10.
_MAX_KEYWORD = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageButton:
    """
    A button below a message.

    Attributes:
        token: Comes back when it is pressed.

        asks: Whether it wants a prompt before it is pressed.

        page: Where people can press it, too; ``None`` if there is no page.
    """

    label: str
    token: str = field(repr=False)
    asks: bool = False
    page: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What to say.

    Attributes:
        type: The event's.

        emoji: One that shows the status.

        color: The same, as 0xRRGGBB.

        headline: What happened, in brief, without the emoji.

        duration: How long the task took, in words; ``None`` if it is not over or unknown.

        prompt: At most ``prompt_max`` UTF-16 units; our own words where a task has none, but
            empty where its result is a text; empty for an operator's event.

        result: A result that is a text; empty for any other.

        reason: Why it failed, was lost, or what is wrong; empty where nothing is.

        progress: 0 to 100, while the task runs.

        picture: The picture's URL, as the upstream gave it, to be fetched; http or https.

        kept: The picture in the archive, if it is there.

        public_picture: The URL if clients and the platform can load it, and it is wanted.

        videos: URLs of videos, as the upstream gave them; http or https.

        links: Label and URL of what can be opened: the videos, or the picture.

        page: URL of the page that offers the task's buttons; ``None`` if there is none.

        buttons: Buttons of the platform's own, row by row; where there are any, `steps` has
            nothing to add.

        notes: Our own words on what is out of the ordinary; a line each.

        steps: What can be done next, as the labels of the buttons; short ones of a kind
            (``U1 U2 U3 U4``) are one step, and to begin again is the last.

        task_id: Empty for an operator's event.

        upstream: The upstream's name; empty if the event concerns none.

        at: When it happened, in seconds since the epoch.

        started: When the task was started, in seconds since the epoch.

        expires: When the picture's URL stops working, in seconds since the epoch.

        expired: Whether it has stopped working by now.

        since: When an operator's event began to be true, in seconds since the epoch.

        final: Whether nothing more will come of the task.

        shows: Whether the picture and the videos are the result: a running task's are a
            preview, a failed one's are left over from before.

        sample: Whether somebody only tries how it looks.

        strings: Of the language.

        options: The settings of the endpoint that it goes to.
    """

    type: str
    emoji: str
    color: int
    headline: str
    duration: str | None
    prompt: str
    result: str
    reason: str
    progress: int | None
    picture: str | None = field(repr=False)
    kept: KeptFile | None = None
    public_picture: str | None = field(repr=False, default=None)
    videos: tuple[str, ...] = field(repr=False)
    links: tuple[tuple[str, str], ...] = field(repr=False, default=())
    page: str | None = field(repr=False, default=None)
    buttons: tuple[tuple[MessageButton, ...], ...] = ()
    notes: tuple[str, ...] = ()
    steps: tuple[str, ...]
    task_id: str
    upstream: str
    at: float
    started: float | None
    expires: float | None
    expired: bool = False
    since: float | None
    final: bool
    shows: bool
    sample: bool
    strings: Strings
    options: ChatOptions = field(default_factory=ChatOptions)

    @property
    def keyword(self) -> str:
        """The word without which the endpoint's robot takes nothing; often empty."""
        options = self.options
        keyword = options.keyword if isinstance(options, RobotOptions) else None
        return (keyword or "")[:_MAX_KEYWORD]

    @property
    def choice(self) -> tuple[str, str] | None:
        """Label and URL of the page that offers the task's buttons."""
        return None if self.page is None else (self.strings.choose, self.page)

    def leads(self, most: int | None = None) -> tuple[tuple[str, str], ...]:
        """
        Return label and URL of everything that can be followed, the page with buttons last.

        Args:
            most: So many at most; the page is among them.
        """
        last = () if self.choice is None else (self.choice,)
        return (*self.links[: None if most is None else most - len(last)], *last)

    @property
    def unshown(self) -> str:
        """What there is to say where the picture is not shown; empty if nobody misses it."""
        if not self.picture:
            return ""
        if self.expired and not self.videos:
            return self.strings.expired
        return "" if self.options.images == "none" else self.strings.not_shown

    @property
    def alt(self) -> str:
        """Describe the picture for readers who cannot see it."""
        if self.prompt in {"", self.strings.no_prompt}:
            return self.headline
        return self.strings.picture_of.format(prompt=line(self.prompt))

    @property
    def title(self) -> str:
        """Emoji and headline, with how long it took."""
        duration = f" · {self.duration}" if self.duration else ""
        return f"{self.emoji} {self.headline}{duration}"

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
    def origin(self) -> tuple[tuple[str, str], ...]:
        """Which task it was, and which upstream's unless that goes without saying: label and text."""
        upstream = "" if self.upstream == "default" else self.upstream
        parts = ((f"{self.strings.task_id} ", self.task_id), ("", upstream))
        return tuple(part for part in parts if part[1])

    @property
    def foot(self) -> str:
        """Its origin, and since when an operator's event is true; never empty."""
        origin = (label + text for label, text in self.origin)
        since = ""
        if self.since is not None:
            moment = datetime.fromtimestamp(self.since, UTC)
            since = f"{self.strings.since} {moment:%Y-%m-%d %H:%M} UTC"
        return " · ".join(part for part in (*origin, since) if part)
