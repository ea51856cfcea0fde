"""``mjbridge up``: everything in one command, and nothing left of it afterwards."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic

import httpx
import pytest
from rich.cells import cell_len

from tests.cli.commands import COMMAND, PATIENCE_S, Shell
from tests.waiting import ENDS_WITHIN_S, until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def family(folder: Path) -> set[int]:
    """The processes that work in a directory, or were started from it."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = (entry / "cwd").resolve()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if where.is_relative_to(folder) and state != "Z":
            found.add(int(entry.name))
    return found


def kill(folder: Path, word: str) -> None:
    """Kill -9 the oldest process of a directory that was started with a word."""
    argument = f"\0{word}\0".encode()
    victims = []
    for pid in family(folder):
        with suppress(OSError):  # it has ended meanwhile
            if argument in Path(f"/proc/{pid}/cmdline").read_bytes():
                victims.append(pid)
    os.kill(min(victims), signal.SIGKILL)


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz", verify=False).status_code == 200
    return False


#: With everything in it that a rule can have.
RULE = """
[rules.again]
on = ["task.succ*"]
where = { action = ["IMAGINE", "BLEND"], "metadata.none" = "!yes" }
press = ["U3"]
limit = "100/h"
over = "drop"
"""


def pressed(shell: Shell) -> bool:
    """Whether the rule has pressed its button."""
    found = shell.run("actions", "--json").rows
    return ("rule:again", "U3") in {(one["by"], one["label"]) for one in found}


@linux_only
@pytest.mark.timeout(300)
def test_the_sandbox_shows_verified_events_ends_whole_and_goes_on_next_time(
    shell: Shell,
) -> None:
    variables = {
        "BRIDGE_ENDPOINTS__REAL__URL": "http://127.0.0.1:1/never",
        "BRIDGE_LOG_FORMAT": "text",
    }
    (shell.folder / "bridge.toml").write_text(RULE)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        terminal(
            shell,
            *("up", "--auto"),
            **variables,
            BRIDGE_WEB__PORT=str(taken.getsockname()[1]),
        ) as sandbox,
    ):
        sandbox.shows("S A N D B O X")
        sandbox.shows("No API key is configured")
        first = sandbox.shows(r"✓ succeeded +\d+").split()[3]
        sandbox.shows(rf"✓ (submitted|started) +{first}")
        elsewhere = shell.run("show", first, "--json", **variables)
        assert elsewhere.code == 0
        assert "sandbox" in elsewhere.err
        endpoints = [
            one["endpoint"] for one in elsewhere.rows[0]["events"][0]["deliveries"]
        ]
        assert endpoints[0] == "receiver"
        [dashboard] = re.findall(
            r"http://[\d.:]+", sandbox.shows(r"dashboard +http://")
        )
        until(lambda: answers(dashboard), within_s=60)
        checked = shell.run("check", **variables)
        assert checked.code == 0, checked.out
        assert "this is the sandbox" in checked.out
        assert f"serving at {dashboard}" in checked.out
        # Rules cost nothing here: they are the user's own.
        until(lambda: pressed(shell), within_s=60)
        second = shell.run("up", "--sandbox", **variables)
        assert second.code == 2
        assert "in use" in second.err
        began = monotonic()
        assert sandbox.interrupt() == 0, sandbox.lines
        assert monotonic() - began < ENDS_WITHIN_S
        until(lambda: not family(shell.folder))
    assert not [one for one in sandbox.lines if "Traceback" in one]
    # A URL stays whole, so that it can be clicked.
    folded = [one for one in sandbox.lines if "/files/" not in one]
    assert max(map(cell_len, folded)) <= 80, max(folded, key=cell_len)

    settings = shell.folder / ".mjbridge/sandbox/bridge.toml"
    assert settings.stat().st_mode & 0o077 == 0
    before = settings.read_text()
    goes_on_in_json(shell, first)
    assert settings.read_text() == before


def goes_on_in_json(shell: Shell, known: str) -> None:
    """With JSON logs every line is JSON, and so is a restart."""
    with shell.running("up", "--sandbox", BRIDGE_LOG_FORMAT="json") as sandbox:
        until(lambda: "task.started" in sandbox.out, within_s=60)
        assert known in {row["id"] for row in shell.run("tasks", "--json").rows}
        url = re.findall(r'"dashboard": ?"(http[^"]+)"', sandbox.out + sandbox.err)[0]
        until(lambda: answers(url), within_s=60)
        kill(shell.folder, "deliver")
        kill(shell.folder, "web")
        until(lambda: (sandbox.out + sandbox.err).count("process.died") == 2)
        until(lambda: answers(url), within_s=60)
        assert sandbox.interrupt() == 0
    until(lambda: not family(shell.folder))

    events = [json.loads(line) for line in (sandbox.out + sandbox.err).splitlines()]
    deaths = [one for one in events if one.get("event") == "process.died"]
    assert {one["process"] for one in deaths} == {"the deliverer", "the web process"}
    assert {one["how"] for one in deaths} == {"was killed by SIGKILL"}
    assert {one["restart_in"] for one in deaths} == {1.0}


@linux_only
def test_the_real_thing_says_what_runs_and_finds_its_store(shell: Shell) -> None:
    shell.variables = {
        "BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": "http://127.0.0.1:1/mj",
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-never-shown",
    }
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        shell.running(
            "up", "--auto", BRIDGE_WEB__PORT=str(taken.getsockname()[1])
        ) as up,
    ):
        up.says("mjbridge track ID")
        assert "127.0.0.1:1" in up.err
        assert "nobody" in up.err
        assert up.err.count("web is not served: cannot listen at 127.0.0.1:") == 1
        run_file = shell.folder / ".mjbridge/run.json"
        assert json.loads(run_file.read_text())["pid"] == up.process.pid
        assert shell.run("track", "101").out == "tracked 101\n"
        began = monotonic()
        assert up.interrupt(signal.SIGTERM) == 0
        assert monotonic() - began < ENDS_WITHIN_S
    until(lambda: not family(shell.folder))
    assert not run_file.exists()
    assert "never-shown" not in up.out + up.err
    assert up.out == ""


class Terminal:
    """A command on a terminal of 80 columns, and what is to be seen there."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self._screen = screen
        self._shown = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal says that nobody is left on it
            while chunk := os.read(self._screen, 65536):
                self._shown += chunk

    @property
    def lines(self) -> list[str]:
        """Whole lines, without their colours."""
        text = self._shown.decode(errors="replace").replace("\r\n", "\n")
        return re.sub(r"\x1b\][^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", text).split("\n")

    def shows(self, pattern: str, *, within_s: float = 60) -> str:
        def found() -> str:
            return next((one for one in self.lines if re.search(pattern, one)), "")

        return until(found, within_s=within_s, what=lambda: "\n".join(self.lines))

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


@contextmanager
def terminal(shell: Shell, *args: str, **variables: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *args],
        cwd=shell.folder,
        env=shell.env | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"} | variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@linux_only
def test_the_real_thing_shows_events_and_answers_on_a_terminal(shell: Shell) -> None:
    with (
        shell.running("sandbox", "--port", "0", "--speed", "100") as gateway,
        shell.running("listen", "--port", "0") as hooks,
    ):
        gateway.says("simulated gateway")
        hooks.says("listening at")
        upstream = gateway.out.strip()
        [receiver] = re.findall(r"http://[\d.:]+", hooks.err)
        shell.variables = {
            "BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": upstream,
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-test",
            "BRIDGE_ENDPOINTS__ART__URL": receiver,
            "BRIDGE_ENDPOINTS__DOWN__URL": "http://127.0.0.1:1/never",
        }
        with terminal(shell, "up", BRIDGE_WEB__PORT="0") as up:
            url = up.shows(r"dashboard +http://").split()[1]
            until(lambda: answers(url), within_s=60)
            up.shows(r"poll.* ready\.")
            made = httpx.post(
                f"{upstream}/mj/submit/imagine",
                json={"prompt": "pig"},
                headers={"authorization": "Bearer sk-test"},
            )
            task = made.json()["result"]
            assert shell.run("track", task).code == 0

            up.shows(rf"^\d\d:\d\d:\d\d task\.succeeded +{task}$")
            up.shows(r"^ {9}→ art 204 \d+ ms$")
            up.shows(r"^ {9}→ down connection \d+ ms: .*; attempt 2 in \d+ s$")
            assert up.interrupt() == 0

    assert up.shows("ended; nothing is lost")
    assert not [one for one in up.lines if "kill" in one]
    assert max(map(cell_len, up.lines)) <= 80, max(up.lines, key=cell_len)
