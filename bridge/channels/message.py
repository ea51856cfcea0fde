"""
A message: what there is to say about an event, before it takes any platform's form.

Every channel makes its payload from this, so that what is worth reading is decided once, in
`bridge.channels.compose`: which picture is shown by its URL, what can be opened, what is said
where there is neither. A channel that uploads pictures decides itself which file it sends.

Rule 1: texts are cleaned, and not escaped for any platform yet: a channel escapes what it puts
into a payload. `headline` and `notes` hold only our own words and names from the configuration.
Rule 2: a link leads where anybody in the chat can follow it, and `public_picture` is one that
every client can load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.channels.strings import Strings
from bridge.channels.text import line


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
