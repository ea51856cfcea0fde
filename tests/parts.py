"""
Real servers and tools that deployments bring, as Debian has them.

A test that needs one is marked ``parts``. Where it is not installed, the test is
skipped, except in CI: there it fails. A server ends with the test's process, however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from bridge.adapters.local.process import kill_group, spawn
from tests.waiting import until

REDIS = Path("/usr/bin/redis-server")
#: Not the one on PATH: that one changes to a user of its own, and loses the environment.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")

#: Seconds that RabbitMQ may take to start: five, if it has a processor to itself.
STARTS_WITHIN_S = 60.0


def installed(program: str | Path, package: str) -> Path:
    """Return *program*; skip the test if it is not there and this is not CI."""
    if shutil.which(program) is None and not os.environ.get("CI"):
        pytest.skip(f"there is no {program} (on Debian: apt-get install {package})")
    return Path(program)


def debian_redis() -> Path:
    """Return Debian's Redis server."""
    return installed(REDIS, "redis-server")


def promtool(*command: str, given: bytes = b"") -> str:
    """Run Prometheus' own tool; return what it says, or fail with that."""
    run = subprocess.run(
        [installed("promtool", "prometheus"), *command],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    said = run.stdout.decode()
    assert run.returncode == 0, said
    return said


class RabbitMQ:
    """
    A RabbitMQ whose node, ports, cookie and data are its own; it listens on loopback only.

    It runs while the context lasts, unless a test stops it in between.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        """Prepare one that has its files in *folder*, and lines of its configuration."""
        self._server = installed(RABBITMQ, "rabbitmq-server")
        names, distribution, port = _free_ports(3)
        config = folder / "rabbitmq.conf"
        config.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\n"
            "distribution.listener.interface = 127.0.0.1\n"
            + "".join(f"{line}\n" for line in settings)
        )
        self._env = {
            "HOME": os.fspath(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            # With it, the node is the process that is started, and not a child of a shell.
            "NOTIFY_SOCKET": os.fspath(folder / "nobody-listens"),
            "RABBITMQ_NODENAME": f"mjbridge{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": os.fspath(folder / "data"),
            "RABBITMQ_LOG_BASE": os.fspath(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": os.fspath(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": os.fspath(config),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": os.fspath(folder / "plugins"),
            # A scheduler of Erlang's that has nothing to do spins for a while.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }
        self._log = folder / "rabbitmq.log"
        self._running: list[subprocess.Popen[bytes]] = []
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self._log.open("wb") as output:
            # Erlang's register of names. Without ours, the node would start one that
            # outlives it.
            for command in (EPMD, self._server):
                process = spawn([os.fspath(command)], env=self._env, output=output)
                self._running.append(process)
        until(
            lambda: "Server startup complete" in self._log.read_text(errors="replace"),
            within_s=STARTS_WITHIN_S,
            what=self._log.read_text,
        )

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        for pid in self.pids:
            os.killpg(os.getpgid(pid), what)

    def stop(self) -> None:
        """Stop it; what it holds is kept."""
        while self._running:
            _end(self._running.pop())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    finally:
        kill_group(process.pid)
        process.wait(10)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
