"""
A browser that takes pictures: headless Chromium, spoken to over a pipe.

Nothing is fetched: a page is one document, with its style and its pictures in it.

Source: the Chrome DevTools Protocol; ``--remote-debugging-pipe`` reads commands from file
descriptor 3 and writes answers to 4, JSON that ends with a zero byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds that the browser may take to end.
PATIENCE = 10.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # The same letters on every machine: no sub-pixels of whoever's screen.
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)
#: Puts the ends of the pipes where a browser looks for them, and becomes one.
_TRAMPOLINE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)


class BrowserError(Exception):
    """The browser is not there, has ended, or does not do as it is told."""


def find() -> str | None:
    """Return the path of a browser; ``None`` if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Browser:
    """A page in a browser. To be had from `browser`."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer = b""
        self._last = 0
        self._session = ""
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._do("Page.enable")

    def shoot(self, page: str, *, width: int, scale: float = 2.0) -> bytes:
        """
        Take a picture of the element with the id ``shot``, as a PNG; what is around it
        is transparent.

        Args:
            page: HTML.

            width: Of the window, in CSS pixels.

            scale: Pixels of the picture for one of CSS.
        """
        clear = {"r": 0, "g": 0, "b": 0, "a": 0}
        self._do("Emulation.setDefaultBackgroundColorOverride", color=clear)
        self._window(width, 100, scale)
        address = (
            f"data:text/html;charset=utf-8;base64,{b64encode(page.encode()).decode()}"
        )
        self._do("Page.navigate", url=address)
        box = self._evaluate(
            "new Promise(done => {"
            "  const ready = () => Promise.all([document.fonts.ready,"
            "    ...[...document.images].map(image => image.decode().catch(() => 0))])"
            "    .then(() => { const box = document.getElementById('shot')"
            "      .getBoundingClientRect();"
            "      done([box.x, box.y, box.width, box.height].map(Math.ceil)) });"
            "  document.readyState === 'complete' ? ready() : addEventListener('load', ready)"
            "})"
        )
        x, y, wide, high = box
        self._window(width, y + high, scale)
        clip = {"x": x, "y": y, "width": wide, "height": high, "scale": 1}
        taken = self._do("Page.captureScreenshot", format="png", clip=clip)
        return b64decode(taken["data"])

    def _window(self, width: int, height: int, scale: float) -> None:
        self._do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def _evaluate(self, script: str) -> Any:
        said = self._do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in said:
            raise BrowserError(said["exceptionDetails"]["text"])
        return said["result"]["value"]

    def _do(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        command: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while (said := self._next()).get("id") != self._last:
            pass
        if "error" in said:
            msg = f"{method}: {said['error'].get('message')}"
            raise BrowserError(msg)
        result: dict[str, Any] = said["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not (more := os.read(self._answers, 1 << 16)):
                msg = "the browser has ended"
                raise BrowserError(msg)
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        return said


def _high(end: int) -> int:
    """Move a pipe's end out of the way of 3 and 4."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD, 10)
    os.close(end)
    return moved


@contextmanager
def browser() -> Iterator[Browser]:
    """
    Start a browser, and end it.

    Raises:
        BrowserError: There is none.
    """
    path = find()
    if path is None:
        msg = f"no browser on PATH: {', '.join(_NAMES)}"
        raise BrowserError(msg)
    (hears, we_say), (we_hear, says) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(
        prefix="mjbridge-", ignore_cleanup_errors=True
    ) as own:
        ends = (_high(hears), _high(says))
        process = subprocess.Popen(  # noqa: S603 - a browser of this machine, flags of our own
            [
                *(sys.executable, "-c", _TRAMPOLINE, *map(str, ends)),
                *(path, *_FLAGS, f"--user-data-dir={own}"),
            ],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC", "LANG": "en_US.UTF-8"},
        )
        for end in ends:
            os.close(end)
        try:
            yield Browser(we_say, we_hear)
        finally:
            os.close(we_say)  # the end of its commands is the end of the browser
            os.close(we_hear)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
