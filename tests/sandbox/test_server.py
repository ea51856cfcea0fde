"""`bridge.sandbox.server`: quickly up, quickly down, and quiet."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from time import monotonic

import httpx
import pytest

from bridge.sandbox.server import base_url_of, bind, serving
from bridge.sandbox.simulated_gateway import create_gateway

PROGRAM = """
import sys
from bridge.sandbox.simulated_gateway import create_gateway
from bridge.sandbox.server import bind, run_server
app = create_gateway(faults={"slow": 60})
run_server(app, bind("127.0.0.1", 0), on_ready=lambda url: print(url, flush=True))
print("bye", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_within_a_second_even_with_a_request_in_progress(
    number: signal.Signals,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = httpx.URL(process.stdout.readline().strip())
    with socket.create_connection((url.host, url.port)) as client:
        client.sendall(
            b"POST /mj/task/list-by-ids HTTP/1.1\r\nhost: x\r\nauthorization: key\r\n"
            b"content-length: 10\r\n\r\n" + b'{"ids":[]}'
        )
        while httpx.get(url.join("/sandbox/requests")).json()["inFlight"] == 0:
            pass
        asked = monotonic()
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=10)
        took = monotonic() - asked

    assert (process.returncode, out, err) == (0, "bye\n", "")
    assert took < 5, "one second, and some for a busy machine"


def test_a_port_in_use_is_an_error_of_the_caller() -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()

        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])


def test_answers_leave_at_once_instead_of_waiting_for_an_acknowledgement() -> None:
    with bind("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP, "asyncio's condition for TCP_NODELAY"


async def test_it_serves_for_as_long_as_the_block_lasts() -> None:
    async with serving(create_gateway()) as url, httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


@pytest.mark.parametrize(
    ("host", "prefix"),
    [("0.0.0.0", "http://127.0.0.1:"), ("127.0.0.1", "http://127.0.0.1:")],
)
def test_the_address_is_one_that_a_client_here_can_use(host: str, prefix: str) -> None:
    with bind(host, 0) as bound:
        assert base_url_of(bound).startswith(prefix)
