"""The newcomer's path: one command, an address in the banner, and pictures that arrive."""

from __future__ import annotations

import os
import re
from contextlib import suppress

import httpx
import pytest

from tests.cli.commands import Shell
from tests.waiting import until
from tools.browser import browser, find

pytestmark = pytest.mark.browser


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz", verify=False).status_code == 200
    return False


def test_a_newcomer_watches_a_picture_arrive(shell: Shell) -> None:
    if find() is None and not os.environ.get("CI"):
        pytest.skip(
            "there is no Chromium on PATH (on Debian: apt-get install chromium)"
        )

    with shell.running("up", "--sandbox") as sandbox, browser() as opened:
        found = until(
            lambda: re.findall(r"dashboard +(http://[\d.:]+)", sandbox.err),
            within_s=30,
        )
        until(lambda: answers(found[0]), within_s=30)
        page = opened.new_page()
        page.set_default_timeout(60_000)
        page.goto(found[0])

        page.wait_for_selector(".card[data-status=IN_PROGRESS]")
        page.wait_for_selector(".card[data-status=SUCCESS] .frame[data-picture=shown]")

        assert sandbox.interrupt() == 0, sandbox.err
