"""
Real servers that deployments bring, as Debian has them.

A test that needs one is marked ``parts``. Where the server is not installed, the test is
skipped, except in CI: there it fails.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.waiting import until

REDIS = Path("/usr/bin/redis-server")
#: Not the one on PATH: that one changes to a user of its own, and loses the environment.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")

#: Seconds that RabbitMQ may take to start: five, if it has a processor to itself.
STARTS_WITHIN_S = 60.0


def installed(server: Path, package: str) -> Path:
    """Return *server*; skip the test if it is not there and this is not CI."""
    if not server.exists() and not os.environ.get("CI"):
        pytest.skip(f"there is no {server} (on Debian: apt-get install {package})")
    return server


def debian_redis() -> Path:
    """Return Debian's Redis server."""
    return installed(REDIS, "redis-server")


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """
    Run a RabbitMQ for as long as the context lasts; yields its URL.

    Node, ports, cookie and data are its own, and it listens on loopback only.
    """
    server = installed(RABBITMQ, "rabbitmq-server")
    names, distribution, port = _free_ports(3)
    config = folder / "rabbitmq.conf"
    config.write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        "distribution.listener.interface = 127.0.0.1\n"
    )
    env = os.environ | {
        "HOME": os.fspath(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"mjbridge{port}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": os.fspath(folder / "data"),
        "RABBITMQ_LOG_BASE": os.fspath(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": os.fspath(folder / "pid"),
        "RABBITMQ_CONFIG_FILE": os.fspath(config),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": os.fspath(folder / "plugins"),
    }
    log = folder / "rabbitmq.log"
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        # Erlang's register of names. Without ours, the node would start one that outlives it.
        for command in (EPMD, server):
            process = subprocess.Popen(
                [command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            stack.callback(_end, process)
        until(
            lambda: "Server startup complete" in log.read_text(errors="replace"),
            within_s=STARTS_WITHIN_S,
            what=log.read_text,
        )
        yield f"amqp://guest:guest@127.0.0.1:{port}//"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
