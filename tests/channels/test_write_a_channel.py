"""
`docs/write-a-channel.md`: followed to the letter, it makes a channel that works.

The page's module, and the line that it adds to the registry, go into a copy of the package,
and commands are run with that; the platform is one on a loopback port.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from bridge.channels import CHANNELS
from bridge.channels.base import Channel, DeliveryContext, dry_run
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.sample import sample_event
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES, Event
from bridge.core.http import Request, Response
from bridge.core.token import ActionLinks, TokenKeys
from tests.channels.cases import CASES, LANGUAGES, each_hostile, perform
from tests.channels.wire import deliver
from tests.platforms.loopback import HTML, Asked, Said, serving

pytestmark = [pytest.mark.component, pytest.mark.sources]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "write-a-channel.md").read_text(encoding="utf-8")

#: Where the page puts the module, and the module.
PLACE, MODULE = re.findall(
    r"`(bridge/[\w/]+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL
)[0]
KIND = Path(PLACE).stem
HOOK = "/hooks/xxx-generatedkey-xxx"
LINKS = ActionLinks(
    keys=TokenKeys(["a-secret-of-this-deployment"]),
    public_url="https://bridge.example",
    ttl=1209600.0,
)
#: Links with a label of our own; others' texts can have none.
OUR_LINKS = re.compile(
    r"\[(?:Open full size|Watch(?: \d+)?|Choose what to do next)\]"
    r"\(https?://[^\s()<>]+\)"
)


def patched(text: str, hunk: str) -> str:
    """
    Apply a piece of a ``diff`` block: its lines are added below the one that it shows first.

    What it shows below them need only follow somewhere: other kinds may stand in between.
    """
    lines = hunk.strip("\n").split("\n")
    above, *_, below = (line[1:] for line in lines if not line.startswith("+"))
    new = [line[1:] for line in lines if line.startswith("+")]
    before, found, after = text.partition(f"\n{above}\n")
    assert found, f"there is no line {above!r}"
    assert f"{below}\n" in after, f"{below!r} does not follow {above!r}"
    return "\n".join([before, above, *new, after])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, with what the page says done to it."""
    folder = tmp_path_factory.mktemp("follows_the_page")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bridge", folder / "bridge", ignore=ignore)
    (folder / PLACE).write_text(MODULE, encoding="utf-8")
    diffs = re.findall(r"```diff\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(diffs) == 1
    for name, diff in diffs:
        text = (folder / name).read_text(encoding="utf-8")
        for hunk in diff.split("@@\n"):
            text = patched(text, hunk)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def registry(copy: Path) -> dict[str, Channel]:
    """The registry with one more line."""
    spec = spec_from_file_location(KIND, copy / PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return {**CHANNELS, KIND: module}


def run(copy: Path, *args: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the copy, with the page's configuration but for the URL's host."""
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    assert tomllib.loads(example)["endpoints"]["team"]["kind"] == KIND
    settings = re.sub(r'(?m)^url = "https://[^/]+/', f'url = "{url}/', example)
    (copy / "bridge.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "bridge.cli", *args]
    return subprocess.run(
        command,
        cwd=copy,
        env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Mattermost:
    """A server with one webhook, that says no when it is told to."""

    base: str = ""
    deleted: bool = False
    refuses_attachments: bool = False
    in_trouble: Said | None = None
    posts: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Said:
        assert (asked.method, asked.path) == ("POST", HOOK)
        assert asked.headers["content-type"] == "application/json"
        post = json.loads(asked.body)
        if self.in_trouble:
            return self.in_trouble
        if self.deleted:
            return self._no(
                "web.incoming_webhook.invalid.app_error", "Invalid webhook."
            )
        if self.refuses_attachments and "attachments" in post:
            return self._no("web.incoming_webhook.attachment.app_error", "Too long.")
        self.posts.append(post)
        return Said(body=b"ok", headers={"content-type": "text/plain"})

    def _no(self, error: str, message: str) -> Said:
        body = {"id": error, "message": message, "status_code": 400}
        return Said(
            status=400,
            headers={"content-type": "application/json"},
            body=json.dumps(body).encode(),
        )


@asynccontextmanager
async def serving_mattermost(
    **habits: Any,
) -> AsyncIterator[tuple[Mattermost, Endpoint]]:
    platform = Mattermost(**habits)
    async with serving(platform):
        yield platform, endpoint(f"{platform.base}{HOOK}")


def endpoint(
    url: str = f"https://mattermost.example.com{HOOK}", **options: Any
) -> Endpoint:
    return Endpoint(name="team", kind=KIND, url=url, options=ChatOptions(**options))


def texts_of(request: Request) -> list[str]:
    """What is read as markdown, in the message or in the simpler one."""
    post = json.loads(request.body)
    shown = post.get("attachments", [])
    return [post.get("text", ""), *(one["text"] for one in shown)]


# --- the page, followed ---------------------------------------------------------------


def test_the_module_of_the_page_is_typed_as_strictly_as_its_neighbours(
    tmp_path: Path,
) -> None:
    (tmp_path / "the_module_of_the_page.py").write_text(MODULE, encoding="utf-8")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "the_module_of_the_page.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


async def test_the_commands_that_the_page_ends_with_work(copy: Path) -> None:
    async with serving_mattermost() as (platform, _):
        shown = await asyncio.to_thread(
            run, copy, "preview", "task.succeeded", "-e", "team", url=platform.base
        )
        assert (shown.returncode, platform.posts) == (0, []), shown.stderr
        sent = await asyncio.to_thread(
            run, copy, "endpoints", "test", "team", url=platform.base
        )
    assert sent.returncode == 0, sent.stderr
    assert '"attachments"' in shown.stdout
    assert HOOK not in shown.stdout
    (post,) = platform.posts
    assert post["attachments"][0]["title"] == "✅ Imagine finished · 28 s"


async def test_it_tells_how_a_task_ended_with_the_picture(
    registry: dict[str, Channel],
) -> None:
    async with serving_mattermost() as (platform, team):
        outcome = await deliver(
            registry[KIND], CASES["succeeded_upscaled"], team, at=0.0
        )

    (post,) = platform.posts
    (shown,) = post["attachments"]
    assert outcome.attempt.result is AttemptResult.DELIVERED
    assert shown["title"] == "✅ Upscale finished · 47 s"
    assert (
        shown["image_url"] == "https://cdn.example/attachments/13/38/lighthouse_1.png"
    )
    assert shown["title_link"] == shown["image_url"]
    assert "a lighthouse in a storm" in shown["text"]
    assert shown["color"] == "#2ecc71"


async def test_a_message_that_is_refused_is_delivered_in_a_simpler_form(
    registry: dict[str, Channel],
) -> None:
    async with serving_mattermost(refuses_attachments=True) as (platform, team):
        outcome = await deliver(registry[KIND], CASES["failed"], team)

    (post,) = platform.posts
    assert outcome.attempt.result is AttemptResult.DELIVERED
    assert post["text"].startswith("❌ Imagine failed")
    assert "Banned prompt detected" in post["text"]


async def test_a_deleted_webhook_disables_the_endpoint_and_says_why(
    registry: dict[str, Channel],
) -> None:
    async with serving_mattermost(deleted=True) as (_, team):
        outcome = await deliver(registry[KIND], CASES["failed"], team)

    assert outcome.attempt.result is AttemptResult.GONE
    assert outcome.attempt.detail.startswith("the webhook was deleted (")
    assert "xxx" not in outcome.attempt.detail


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Said(status=502, body=HTML), id="a bad gateway"),
        pytest.param(Said(status=200, body=HTML), id="a proxy's page with 200"),
        pytest.param(Said(status=429, headers={"retry-after": "7"}), id="too fast"),
        pytest.param(Said(lost=True), id="no answer"),
    ],
)
async def test_trouble_that_may_pass_is_tried_again(
    registry: dict[str, Channel], trouble: Said
) -> None:
    async with serving_mattermost(in_trouble=trouble) as (_, team):
        outcome = await deliver(registry[KIND], CASES["failed"], team)

    assert outcome.attempt.result is AttemptResult.FAILED
    assert outcome.attempt.retry_after == (7 if trouble.status == 429 else None)


def test_progress_is_not_told(registry: dict[str, Channel]) -> None:
    transcript = perform(registry[KIND], CASES["progress_42"], endpoint())

    assert (transcript.requests, transcript.result) == ([], "delivered")


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_it_tells_every_event(registry: dict[str, Channel], event_type: str) -> None:
    event = sample_event(event_type, 1767268800.0)
    context = DeliveryContext(
        event=event, endpoint=endpoint(), now=event.at, started=event.at
    )

    _, outcome = dry_run(registry[KIND], context)

    assert outcome.attempt.succeeded


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_form_of_a_message_leads_to_the_page_with_the_buttons(
    registry: dict[str, Channel], language: str
) -> None:
    """As test_buttons.py asks of every chat in `CHATS`."""
    to = endpoint(language=language)

    forms = every_form(registry[KIND], CASES["succeeded_grid"], to)

    label = {"en": "Choose what to do next", "zh": "选择下一步"}[language]
    assert len(forms) == 2
    for form in forms:
        text = "\n".join(texts_of(form))
        assert f"[{label}](https://bridge.example/a/" in text


@pytest.mark.parametrize("buttons", ["link", "off"])
def test_where_nobody_can_press_there_is_no_page(
    registry: dict[str, Channel], buttons: str
) -> None:
    """As test_buttons.py asks of every chat in `CHATS`."""
    channel, grid = registry[KIND], CASES["succeeded_grid"]

    plain = perform(channel, grid, endpoint(), links=None).requests
    off = perform(channel, grid, endpoint(buttons="off"), links=LINKS).requests

    assert perform(channel, grid, endpoint(buttons=buttons)).requests == plain
    assert off == plain


def test_each_form_of_a_message_leads_to_every_video(
    registry: dict[str, Channel],
) -> None:
    for form in every_form(registry[KIND], CASES["video"], endpoint()):
        text = "\n".join(texts_of(form))
        assert re.findall(r"\[Watch (\d)\]\(https://", text) == ["1", "2", "3", "4"]


@each_hostile
def test_what_strangers_write_stays_text(
    registry: dict[str, Channel], event: Event
) -> None:
    """In the message, and in the simpler one: it mentions, links and draws nothing."""
    for form in every_form(registry[KIND], event, endpoint()):
        for text in texts_of(form):
            assert len(text) <= 16_383
            ours = OUR_LINKS.sub("", text)
            assert not re.search(r"@\w|\]\(|://|www\.|[<>`*_~|\\]|:[\w+-]+:", ours)
        for shown in json.loads(form.body).get("attachments", []):
            assert not re.search(r"@\w|\]\(|://|www\.", shown["footer"])


def every_form(channel: Channel, event: Event, to: Endpoint) -> list[Request]:
    """The message, and the simpler one for where that is refused."""
    no = Response(status=400, body=b'{"id": "web.incoming_webhook.parse"}')
    return perform(channel, event, to, answers=lambda _: no, links=LINKS).requests
