"""
Screenshots of the dashboard, for the documentation: `python -m tools.screens [NAME ...]`.

A whole deployment is run for them, with the simulated gateway, a receiver that takes
everything, one that fails and one that is not there. Written to ``docs/images`` as WebP.
The letters are those of the machine; on Debian, ``fonts-inter`` and ``fonts-noto-cjk`` have
them all.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import httpx
from playwright.sync_api import Browser, Page

from tools.browser import browser

IMAGES = Path(__file__).parent.parent / "docs" / "images"
#: Seconds until a process answers, and until the tasks are where the pictures want them.
PATIENCE = 60.0
#: Seconds after which slow tasks are halfway, and have a preview.
HALFWAY = 40.0
#: Of 100; at this a picture of a page has no visible flaw, and fits into 200 kB.
QUALITY = 86

PROMPTS = (
    "a mountain range at dusk, layered paper cut-out, soft light --v 7",
    "a walled garden in early spring, watercolour --stylize 250 --v 7",
    "portrait of a lighthouse keeper, 35mm film, fog --ar 3:4",
    "黄昏的群山，层叠剪纸风格，柔和光线 --v 7",  # noqa: RUF001 - Chinese has its own commas
    "isometric tea house on stilts above a lake, blue hour",
    "linocut of a fox crossing fresh snow --ar 16:9",
    "an astronaut reading in a laundromat, editorial photograph",
    "poster for a slow train through the Alps, three inks",
    "a library inside a greenhouse, morning, gouache",
    "desert highway at night, long exposure --ar 21:9",
    "botanical plate of imaginary ferns, engraved",
    "the harbour of a city that only exists in November",
    "a paper boat in the rain, macro, shallow focus",
    "cross-section of a volcano, museum diorama",
)
#: How tasks go that do not simply succeed, by their place among the newest.
DIRECTIVES = {1: "slow", 2: "slow", 4: "modal", 7: "fail", 9: "slow"}

_SETTINGS = """\
data_dir = "data"
log_level = "warning"

[web]
port = {port}

[upstreams.default]
base_url = "{gateway}"
api_key = "sk-sandbox"
poll_interval = 0.5
rate_limit = "20/s"

[endpoints.pipeline]
url = "{receiver}/hooks/mj"
events = ["*"]

[endpoints.art_team]
kind = "slack"
url = "{receiver}/services/T0/B0/x"

[endpoints.archive]
url = "{failing}/events"
retry = [1, 1, 1]

[endpoints.print_shop]
url = "{nowhere}/orders"
events = ["task.succeeded"]
retry = [5, 300, 1800]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A page, and how it is looked at."""

    path: str
    width: int = 1280
    height: int = 820
    scheme: str = "light"
    ready: str = ".card[data-key] .frame[data-picture=shown]"

    @property
    def is_phone(self) -> bool:
        """Whether it is looked at on a telephone."""
        return self.width < 500


_TASK = "/tasks/default/{task}"
SCREENS: Mapping[str, Screen] = {
    "wall": Screen(path="/"),
    "wall-dark": Screen(path="/", scheme="dark"),
    "wall-phone": Screen(path="/", width=390, height=844),
    "task": Screen(path=_TASK, ready=".timeline"),
    "task-dark": Screen(path=_TASK, scheme="dark", ready=".timeline"),
    "task-phone": Screen(path=_TASK, width=390, height=844, ready=".timeline"),
    "endpoints": Screen(path="/endpoints", height=560, ready="[data-name]"),
    "endpoints-dark": Screen(
        path="/endpoints", height=560, scheme="dark", ready="[data-name]"
    ),
    "endpoints-phone": Screen(
        path="/endpoints", width=390, height=844, ready="[data-name]"
    ),
}


@contextmanager
def deployment(folder: Path) -> Iterator[tuple[str, str]]:
    """Run everything; yields the addresses of the gateway and of the dashboard."""
    gateway, receiver, failing, nowhere, web = (_free() for _ in range(5))
    settings = _SETTINGS.format(
        gateway=gateway,
        receiver=receiver,
        failing=failing,
        nowhere=nowhere,
        port=_port(web),
    )
    (folder / "bridge.toml").write_text(settings, encoding="utf-8")
    commands = [
        ("sandbox", "--port", _port(gateway), "--speed", "3", "--data-dir", "gateway"),
        ("listen", "--port", _port(receiver)),
        ("listen", "--port", _port(failing), "--status", "503"),
        ("up",),
    ]
    with ExitStack() as stack:
        for command in commands:
            stack.enter_context(_running(folder, *command))
        for url in (f"{gateway}/", f"{web}/readyz"):
            _wait_for(url)
        yield gateway, web


@contextmanager
def _running(folder: Path, *command: str) -> Iterator[None]:
    ours = {name: value for name, value in os.environ.items() if "BRIDGE" not in name}
    process = subprocess.Popen(  # noqa: S603 - our own program, arguments of our own
        [sys.executable, "-m", "bridge.cli", *command],
        cwd=folder,
        env=ours,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def submit(gateway: str, web: str) -> str:
    """Have the gateway make pictures, and the bridge follow them; returns one that is done."""
    with httpx.Client(headers={"authorization": "Bearer sk-sandbox"}) as client:

        def imagine(prompt: str) -> str:
            answer = client.post(
                f"{gateway}/mj/submit/imagine", json={"prompt": prompt}
            )
            task: str = answer.json()["result"]
            client.post(f"{web}/api/v1/tasks", json={"ids": [task]}).raise_for_status()
            return task

        first = [imagine(f"{prompt} --sandbox instant") for prompt in PROMPTS[::-1]]
        _until_status(client, web, first, {"SUCCESS"})
        for place, prompt in reversed(list(enumerate(PROMPTS[:10]))):
            imagine(f"{prompt} --sandbox {DIRECTIVES.get(place, 'instant')}")
        Event().wait(HALFWAY)
    return first[-1]


def take(screen: Screen, camera: Browser, web: str, task: str) -> bytes:
    """Take a page's picture, as WebP."""
    context = camera.new_context(
        base_url=web,
        viewport={"width": screen.width, "height": screen.height},
        device_scale_factor=2 if screen.is_phone else 1.25,
        is_mobile=screen.is_phone,
        has_touch=screen.is_phone,
        color_scheme="dark" if screen.scheme == "dark" else "light",
        locale="en-US",
        reduced_motion="reduce",  # no picture is caught while it fades in
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(screen.path.format(task=task))
    page.wait_for_selector(screen.ready)
    page.wait_for_selector(".live[data-state=live]")
    webp = _shot(page)
    context.close()
    return webp


def _shot(page: Page) -> bytes:
    session = page.context.new_cdp_session(page)
    options = {"format": "webp", "quality": QUALITY}
    return b64decode(session.send("Page.captureScreenshot", options)["data"])


def _until_status(
    client: httpx.Client, web: str, tasks: Sequence[str], wanted: set[str]
) -> None:
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        items = client.get(f"{web}/api/v1/tasks", params={"limit": 500}).json()["items"]
        statuses = {one["id"]: one["status"] for one in items}
        if all(statuses.get(task) in wanted for task in tasks):
            return
        Event().wait(0.2)
    msg = "the tasks did not end"
    raise TimeoutError(msg)


def _wait_for(url: str) -> None:
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        Event().wait(0.2)
    msg = f"nothing answers at {url}"
    raise TimeoutError(msg)


def _free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def main(names: Sequence[str]) -> None:
    """Take the pictures again; all of them if none is named."""
    with (
        tempfile.TemporaryDirectory(
            prefix="mjbridge-", ignore_cleanup_errors=True
        ) as own,
        deployment(Path(own)) as (gateway, web),
        browser() as camera,
    ):
        task = submit(gateway, web)
        for name in names or SCREENS:
            webp = take(SCREENS[name], camera, web, task)
            (IMAGES / f"{name}.webp").write_bytes(webp)
            sys.stdout.write(f"{name}.webp  {len(webp) / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
