"""``mjbridge web`` serves one deployment, says where, and ends cleanly."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from time import monotonic

import httpx
import pytest

from bridge.cli.service import bind
from bridge.cli.web import bind_in_reach
from bridge.errors import BridgeError, Misconfigured
from bridge.settings import Settings
from tests.cli.commands import Running, Shell
from tests.waiting import ENDS_WITHIN_S, until

TOKEN = "a-long-random-token"


def address(web: Running) -> str:
    """Where a process serves, once it says so."""
    web.says("web.started")
    [url] = re.findall(r"http://[0-9.:]+", web.err)
    return str(url)


@contextmanager
def serving(shell: Shell, *options: str, **variables: str) -> Iterator[tuple[Running, str]]:  # fmt: skip
    with shell.running("web", "--port", "0", *options, **variables) as web:
        url = address(web)
        until(lambda: is_ready(url))
        yield web, url


def is_ready(url: str) -> bool:
    """Whether the API answers: the store has been checked."""
    shown = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{url}/api/v1/openapi.json", headers=shown)
    return answer.status_code == 200


def stream_of(url: str) -> socket.socket:
    """Open a stream, and return once it has begun."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(
        b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n"
        b"authorization: Bearer %b\r\n\r\n" % TOKEN.encode()
    )
    received = b""
    while b"retry: 2000" not in received:
        received += connection.recv(4096)
    return connection


def test_it_ends_within_five_seconds_with_open_streams_and_without_an_error(
    deployment: Shell,
) -> None:
    token = {"BRIDGE_API_TOKEN": TOKEN}
    with serving(deployment, **token) as (web, url), ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(closing(stream_of(url)))
        port = int(url.rpartition(":")[2])
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        slow.sendall(
            b"POST /signin HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: 9\r\n\r\n{"
        )

        began = monotonic()
        code = web.interrupt(signal.SIGTERM)

    assert code == 0
    assert monotonic() - began < ENDS_WITHIN_S
    assert {json.loads(line)["level"] for line in web.err.splitlines()} == {"info"}


def test_a_hook_does_not_lead_to_it_wherever_it_listens(deployment: Shell) -> None:
    with serving(deployment, BRIDGE_ALLOW_NETWORKS='["127.0.0.0/8"]') as (_, url):
        body = {"ids": ["1"], "notifyHook": f"{url}/api/v1/tasks"}
        answer = httpx.post(f"{url}/api/v1/tasks", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/notifyHook"


def test_another_asgi_server_can_serve_it_and_ends_its_streams(
    deployment: Shell,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "bridge.web:app", "--port", "0"],
        cwd=deployment.folder,
        env=deployment.env | {"BRIDGE_LOG_FORMAT": "text"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, ExitStack() as stack:
        stack.callback(process.kill)
        lines = iter(process.stderr.readline, "")
        url = next(found[0] for line in lines if (found := re.search(r"http://[0-9.:]+", line)))  # fmt: skip
        until(lambda: is_ready(url))
        for _ in range(20):
            stack.enter_context(closing(stream_of(url)))
        process.terminate()
        _, rest = process.communicate(timeout=20)

    assert "ERROR" not in rest, rest


def test_settings_that_are_wrong_end_it_with_a_sentence(shell: Shell) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "uvicorn", "bridge.web:app"],
        cwd=shell.folder,
        env=shell.env | {"BRIDGE_WEB__PORT": "x"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert process.returncode == 2
    assert "web.port: must be a whole number" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_a_token_it_is_reached_from_this_machine_only(
    deployment: Shell, host: str
) -> None:
    ran = deployment.run("web", "--host", host)

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "BRIDGE_API_TOKEN" in ran.err


def test_a_name_that_leads_elsewhere_is_not_this_machine() -> None:
    opened: list[socket.socket] = []

    def bind_as_resolved(_name: str, port: int) -> socket.socket:
        opened.append(bind("0.0.0.0", port))
        return opened[-1]

    with pytest.raises(Misconfigured, match=r"0\.0\.0\.0 can be reached"):
        bind_in_reach(Settings(), "x.localhost", 0, bind=bind_as_resolved)

    assert opened[0].fileno() == -1


def test_an_address_that_was_taken_is_nobody_elses_before_it_is_served() -> None:
    with (
        bind("127.0.0.1", 0) as bound,
        pytest.raises(BridgeError, match="address already in use; --port takes"),
    ):
        bind("127.0.0.1", bound.getsockname()[1])


def test_with_a_token_it_may_be_reached_from_everywhere(deployment: Shell) -> None:
    token = {"BRIDGE_API_TOKEN": TOKEN}
    with deployment.running("web", "--host", "0.0.0.0", "--port", "0", **token) as web:
        url = address(web)

        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/api/v1/tasks").status_code == 401
        assert f"serving at {url}" in deployment.run("check", **token).out


def test_another_deployments_is_not_taken_for_its_own(deployment: Shell) -> None:
    with deployment.running("web", "--port", "0") as web:
        url = address(web)
        elsewhere = {
            "BRIDGE_WEB__PORT": url.rpartition(":")[2],
            "BRIDGE_DATA_DIR": "elsewhere",
        }
        own = deployment.run("check", **elsewhere)
        others = deployment.run("check", BRIDGE_NAMESPACE="other", **elsewhere)

    assert f"serving at {url}" in own.out
    assert f"what answers at {url} is another deployment's" in others.out


def test_a_data_directory_that_cannot_be_used_is_logged_at_the_start(
    deployment: Shell,
) -> None:
    nowhere = {"BRIDGE_DATA_DIR": "/proc/nope"}
    with deployment.running("web", "--port", "0", **nowhere) as web:
        address(web)
        until(lambda: "gateway.data_dir_unusable" in web.err)

    assert "cannot write to /proc/nope" in web.err


def test_a_port_that_is_taken_is_a_sentence(deployment: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = deployment.run("web", BRIDGE_WEB__PORT=port)

    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert f"cannot listen at 127.0.0.1:{port}" in ran.err


def test_no_other_command_waits_for_fastapi(shell: Shell) -> None:
    ran = "from bridge.cli.commands import run; run(['tasks'])"
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{ran}; import sys; print(*{{'fastapi', 'uvicorn'}} & sys.modules.keys())",
        ],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert seen.stdout.strip() == ""


def test_a_hangup_ends_it_as_a_request_to_stop_does(deployment: Shell) -> None:
    with serving(deployment) as (web, _):
        assert web.interrupt(signal.SIGHUP) == 0
