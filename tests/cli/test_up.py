"""``mjbridge up``: everything in one command, and nothing left of it afterwards."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
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

from tests.cli.commands import COMMAND, Running, Shell
from tests.waiting import until

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


def succeeded(sandbox: Running) -> list[str]:
    return re.findall(r"✓ task\.succeeded +(\d+)", sandbox.out)


def end(sandbox: Running, folder: Path) -> None:
    began = monotonic()
    code = sandbox.interrupt()
    took = monotonic() - began
    assert code == 0, sandbox.err
    assert took < 6
    until(lambda: not family(folder), within_s=1)


@linux_only
def test_the_sandbox_shows_verified_events_ends_whole_and_goes_on_next_time(
    shell: Shell,
) -> None:
    variables = {
        "BRIDGE_ENDPOINTS__REAL__URL": "http://127.0.0.1:1/never",
        "BRIDGE_LOG_FORMAT": "text",
    }
    with shell.running("up", "--auto", **variables) as sandbox:
        until(lambda: succeeded(sandbox), within_s=60)
        assert "S A N D B O X" in sandbox.err
        assert "No API key is configured" in sandbox.err
        first = succeeded(sandbox)[0]
        assert re.search(rf"✓ task\.(submitted|started) +{first}", sandbox.out)
        elsewhere = shell.run("show", first, "--json", **variables)
        assert elsewhere.code == 0
        assert "sandbox" in elsewhere.err
        endpoints = [
            one["endpoint"] for one in elsewhere.rows[0]["events"][-1]["deliveries"]
        ]
        assert endpoints == ["receiver"]
        checked = shell.run("check", **variables)
        assert checked.code == 0, checked.out
        assert "this is the sandbox" in checked.out
        second = shell.run("up", "--sandbox", **variables)
        assert second.code == 2
        assert "in use" in second.err
        end(sandbox, shell.folder)
    assert "Traceback" not in sandbox.err

    settings = shell.folder / ".mjbridge/sandbox/bridge.toml"
    assert settings.stat().st_mode & 0o077 == 0
    before = settings.read_text()
    with shell.running("up", "--sandbox") as sandbox:
        known = until(lambda: shell.run("tasks", "--json").rows, within_s=30)
        assert first in {row["id"] for row in known}
        end(sandbox, shell.folder)
    assert settings.read_text() == before


@linux_only
def test_the_real_thing_says_what_runs_and_finds_its_store(shell: Shell) -> None:
    shell.variables = {
        "BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": "http://127.0.0.1:1/mj",
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-never-shown",
    }
    with shell.running("up", "--auto") as up:
        up.says("mjbridge track ID")
        assert "127.0.0.1:1" in up.err
        assert "nobody" in up.err
        run_file = shell.folder / ".mjbridge/run.json"
        assert json.loads(run_file.read_text())["pid"] == up.process.pid
        assert shell.run("track", "101").out == "tracked 101\n"
        began = monotonic()
        assert up.interrupt(signal.SIGTERM) == 0
        assert monotonic() - began < 6
    until(lambda: not family(shell.folder), within_s=1)
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
        code = self.process.wait(40)
        self._reader.join(5)
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
        with terminal(shell, "up") as up:
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


@linux_only
def test_the_demonstration_ends_with_four_lines_on_what_to_try_next(
    shell: Shell,
) -> None:
    with terminal(shell, "up", "--sandbox") as up:
        up.shows("the pictures so far", within_s=110)
        assert up.interrupt() == 0

    at = next(n for n, line in enumerate(up.lines) if line.startswith("try next"))
    commands = [line[10:].split("  ")[0] for line in up.lines[at : at + 4]]
    assert [re.sub(r".*mjbridge | \d+|:\d+", "", one) for one in commands] == [
        "show",
        "tasks",
        "endpoints test receiver",
        "http://127.0.0.1",
    ]
    assert max(map(cell_len, up.lines)) <= 80, max(up.lines, key=cell_len)


@linux_only
def test_with_json_logs_every_line_is_json_and_so_is_a_restart(shell: Shell) -> None:
    with shell.running("up", "--sandbox", BRIDGE_LOG_FORMAT="json") as sandbox:
        until(lambda: "task.started" in sandbox.out, within_s=60)
        victims = [
            pid
            for pid in family(shell.folder)
            if b"\0deliver\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(min(victims), signal.SIGKILL)
        sandbox.says("process.died")
        assert sandbox.interrupt() == 0

    events = [json.loads(line) for line in (sandbox.out + sandbox.err).splitlines()]
    [death] = [one for one in events if one.get("event") == "process.died"]
    assert death["process"] == "the deliverer"
    assert death["how"] == "was killed by SIGKILL"
    assert death["restart_in"] == 1.0
