"""Standard streams that are closed, full, or of another alphabet."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import COMMAND, Shell

full_disk = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="there is no /dev/full"
)

#: Commands that print without a store, one way or another: help, a line, a table, text, JSON.
PRINTING = (
    ["--help"],
    ["--version"],
    ["check"],
    ["preview", "task.succeeded", "--endpoint", "me"],
    ["preview", "task.succeeded", "--endpoint", "me", "--json"],
)


@pytest.fixture
def configured(shell: Shell) -> Shell:
    shell.variables = {
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-never-shown",
        "BRIDGE_ENDPOINTS__ME__URL": "https://example.com/hook",
    }
    return shell


def ran(
    shell: Shell, command: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the shell's, with the redirections that stand behind it."""
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {shlex.join(COMMAND)} {command}"],
        cwd=shell.folder,
        env=shell.env | {"PYTHONPATH": os.fspath(Path.cwd())} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@full_disk
@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_a_result_that_cannot_be_written_is_one_line_and_exit_1(
    configured: Shell, command: list[str]
) -> None:
    done = configured.run(*command, out="/dev/full")

    assert done.err == "mjbridge: cannot write the output: no space left on device\n"
    assert done.code == 1


@full_disk
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_receiver_that_cannot_show_an_event_does_not_accept_it_and_ends(
    shell: Shell, options: list[str]
) -> None:
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123 - it is no file
        subprocess.Popen(
            [*COMMAND, "listen", "--port", "0", *options],
            cwd=shell.folder,
            env=shell.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        url = process.stderr.readline().split()[3].rstrip(",")
        answer = httpx.post(f"{url}/hook", json={"type": "task.started", "data": {}})
        _, last = process.communicate(timeout=20)

    assert answer.status_code == 500
    assert last == "mjbridge: cannot write the output: no space left on device\n"
    assert process.returncode == 1


@full_disk
def test_a_message_that_cannot_be_written_changes_nothing(configured: Shell) -> None:
    assert configured.run("bogus", err="/dev/full").code == 2
    assert configured.run("check", err="/dev/full").code == 0


@pytest.mark.parametrize("command", ["--version", "check"])
def test_a_stream_that_was_closed_at_the_start_is_not_missed(
    configured: Shell, command: str
) -> None:
    closed = ran(configured, f"{command} >&-")
    silent = ran(configured, f"{command} 2>&- <&-")

    assert (closed.returncode, closed.stderr) == (0, "")
    assert silent.returncode == 0
    assert silent.stdout


@full_disk
def test_a_worker_goes_on_where_its_messages_cannot_be_written(
    configured: Shell,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(30)
        url = f"redis://127.0.0.1:{store.getsockname()[1]}/0"
        with (
            open("/dev/full", "wb") as full,  # noqa: PTH123 - it is no file
            subprocess.Popen(
                [*COMMAND, "worker"],
                cwd=configured.folder,
                env=configured.env | {"BRIDGE_REDIS_URL": url},
                stderr=full,
            ) as process,
        ):
            try:
                # After the first attempt it says that it waits; then it tries again.
                for _ in range(3):
                    store.accept()[0].close()
            finally:
                process.kill()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_says_everything_in_any_alphabet(configured: Shell, encoding: str) -> None:
    prompt = "preview task.succeeded --endpoint me --json"

    done = ran(configured, prompt, PYTHONIOENCODING=encoding)

    assert json.loads(done.stdout)["url"] == "https://example.com/…"
    assert "?" not in done.stdout.replace("?ex=", "").replace("?rand", "")


def test_marks_are_told_apart_in_an_alphabet_that_lacks_them(
    configured: Shell,
) -> None:
    broken = {"BRIDGE_WEB__HOST": "0.0.0.0"}

    done = ran(configured, "check", PYTHONIOENCODING="ascii", **broken)

    marked = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    marks = [(mark, about) for mark, about, *_ in marked]
    for expected in (("+", "configuration"), (".", "store"), ("x", "web")):
        assert expected in marks
    assert "?" not in done.stdout
