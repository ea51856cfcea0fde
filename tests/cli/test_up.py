"""``mjbridge up``: everything in one command, and nothing left of it afterwards."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.commands import Running, Shell
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
