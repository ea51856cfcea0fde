"""
The harness: a deployment as an operator runs it, and what can happen to one.

A store of its own, a worker and a beat as processes in sessions of their own, all in one
directory; configured by the environment alone. What they write goes to files there, and is
shown when a test fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self, TypeVar

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.local.process import kill_group, tied
from bridge.app.paging import all_rows
from bridge.app.ports import DeliveryRow, EventRow, Tracked
from bridge.runtime.deployment import Deployment
from bridge.settings import load_settings
from tests.forks import Child, Forked
from tests.waiting import runs, until

T = TypeVar("T")

NAMESPACE = "acc"
#: Seconds that a worker may take until it says that it is ready.
STARTS_WITHIN_S = 60.0
#: Lines of each log that a failed test shows.
LINES_SHOWN = 60

#: What deployments share: quick looks, and limits that are in nobody's way.
QUICK_UPSTREAM = {
    "api_key": "sk-test",
    "poll_interval": 0.2,
    "rate_limit": "200/s",
    "timeout": 5,
}


@dataclass(slots=True, kw_only=True)
class Process:
    """A process of the deployment, and all that it started."""

    name: str
    popen: Child
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def says(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill -9 it with everything it started, at once."""
        kill_group(self.popen.pid)
        self.popen.wait(10)

    def terminate(self) -> float:
        """Ask it to end; returns the seconds until it had."""
        began = monotonic()
        self.popen.terminate()
        try:
            self.popen.wait(30)
        finally:
            kill_group(self.popen.pid)
        return monotonic() - began

    def children(self) -> list[int]:
        """The processes that it has forked, in a worker its pool."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid:
                    found.append(int(stat.parent.name))
        return found


class Installation:
    """A store, and the processes that a test starts and ends around it."""

    def __init__(
        self,
        folder: Path,
        *,
        upstreams: Mapping[str, Mapping[str, Any]],
        endpoints: Mapping[str, Mapping[str, Any]],
        server: Path | None = None,
        celery: bool = False,
        also: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        """
        Set a deployment up; nothing runs yet.

        Args:
            folder: Where everything of it is written.

            upstreams: By name, as in the configuration.

            endpoints: By name, as in the configuration.

            server: What its store runs, if not the embedded store's own.

            celery: Whether its worker and its beat are ``celery -A bridge``'s, which takes
                half as long again to begin as ``mjbridge worker`` and ``mjbridge beat``.
            also: Variables of the environment that are not settings.

            settings: Those of the top level, as the environment spells them.
        """
        self._folder = folder
        self._celery = celery
        self._logs: list[Path] = []
        self._processes: list[Process] = []
        self.store = EmbeddedStore(folder / "store", server=server)
        self._env = {
            "BRIDGE_NAMESPACE": NAMESPACE,
            "BRIDGE_LOG_FORMAT": "text",
            "BRIDGE_WEB__PORT": "0",
            "BRIDGE_UPSTREAMS": json.dumps(upstreams),
            "BRIDGE_ENDPOINTS": json.dumps(endpoints),
            **{f"BRIDGE_{name.upper()}": str(told) for name, told in settings.items()},
            **(also or {}),
        }

    def __enter__(self) -> Self:
        self.store.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill_all()
        self.store.stop()

    def kill_all(self) -> None:
        """Kill -9 every process that was started, but not the store."""
        while self._processes:
            self._processes.pop().kill()

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process or a program of this deployment."""
        inherited = {k: v for k, v in os.environ.items() if k[:7].upper() != "BRIDGE_"}
        url = {"BRIDGE_REDIS_URL": self.store.url}
        return inherited | url | self._env

    def configure(self, *, endpoints: Mapping[str, Mapping[str, Any]]) -> None:
        """Have processes that are started from now on know other endpoints."""
        self._env["BRIDGE_ENDPOINTS"] = json.dumps(endpoints)

    # --- processes --------------------------------------------------------------------

    def start(self, name: str, *arguments: str) -> Process:
        """Start a process of Celery's; its name is the log's."""
        return self.start_program(name, "celery", "-A", "bridge", *arguments)

    def start_program(self, name: str, program: str, *arguments: str) -> Process:
        """Start a program of the environment that the tests run in."""
        log = self._folder / f"{name}-{len(self._logs)}.log"
        self._logs.append(log)
        log.touch()
        popen = self._begin(log, program, *arguments)
        process = Process(name=name, popen=popen, log=log)
        self._processes.append(process)
        return process

    def _begin(self, log: Path, program: str, *arguments: str) -> Child:
        if program == "mjbridge":
            return Forked(
                arguments,
                folder=self._folder,  # where no .env and no bridge.toml is
                env=self.env,
                streams=[Path(os.devnull), log, log],
            )
        programs = Path(sys.executable).parent
        path = {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        with log.open("wb") as output:
            return subprocess.Popen(
                tied([os.fspath(programs / program), *arguments]),
                cwd=self._folder,
                env=self.env | path,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start_worker(self, *arguments: str, wait: bool = True) -> Process:
        """Start a worker, with both queues and two children; arguments are Celery's."""
        if self._celery or arguments:
            alone = ["--without-gossip", "--without-mingle"]
            named = ["-c", "2", "-n", f"w{len(self._logs)}@%h"]
            worker = self.start("worker", "worker", *alone, *named, *arguments)
        else:
            worker = self.start_program("worker", "mjbridge", "worker")
        if wait:
            self.is_up(worker)
        return worker

    def is_up(self, worker: Process) -> None:
        """Wait until a worker takes work."""

        def up() -> bool:
            assert worker.popen.poll() is None, worker.log.read_text()
            return worker.says(" ready.")

        until(up, within_s=STARTS_WITHIN_S, what=worker.log.read_text)

    def start_beat(self) -> Process:
        if self._celery:
            return self.start("beat", "beat")
        return self.start_program("beat", "mjbridge", "beat")

    def is_ticking(self) -> None:
        """Wait until a worker has answered a tick: a beat that only begins knows no signals yet."""

        def has_answered() -> bool:
            life = self.deployment(
                lambda deployment: deployment.queries.signs_of_life()
            )
            return life.answered_at is not None

        until(has_answered, within_s=STARTS_WITHIN_S)

    def logs(self) -> Iterator[tuple[str, str]]:
        """What the newest processes wrote last, the newest of all first."""
        for log in reversed(self._logs[-4:]):
            lines = log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
            yield log.name, "\n".join(lines)

    # --- the store --------------------------------------------------------------------

    def kill_store(self) -> None:
        """Kill -9 the store."""
        process = self.store.process
        assert process is not None
        kill_group(process.pid)
        process.wait(10)

    def restart_store(self) -> None:
        """Start the store again, on what is in its append-only file; fine if it runs."""
        self.store.launch()
        until(self.store.is_ready, what="the store is back")

    def freeze_store(self) -> None:
        """Let the store hang: connections stay, nothing is answered."""
        assert self.store.pid is not None
        os.kill(self.store.pid, signal.SIGSTOP)

    def thaw_store(self) -> None:
        """Let it go on; fine if it does."""
        if self.store.pid is not None:
            os.kill(self.store.pid, signal.SIGCONT)

    # --- what an operator or a program does -------------------------------------------

    def deployment(self, work: Callable[[Deployment], Awaitable[T]]) -> T:
        """Do something at the deployment's desk."""

        async def done() -> T:
            settings = load_settings(environ=self.env, cwd=self._folder)
            async with Deployment(settings) as deployment:
                return await work(deployment)

        return asyncio.run(done())

    def track(self, *ids: str, upstream: str = "default", **metadata: Any) -> Tracked:
        return self.deployment(
            lambda deployment: deployment.tracking.track(
                ids, upstream=upstream, metadata=metadata
            )
        )

    def untrack(self, task_id: str, *, upstream: str = "default") -> None:
        from bridge.core.task import TaskKey

        self.deployment(
            lambda deployment: deployment.admin.untrack(TaskKey(upstream, task_id))
        )

    def pause(self, endpoint: str) -> None:
        self.deployment(lambda deployment: deployment.admin.switch(endpoint, "pause"))

    def resume(self, endpoint: str) -> None:
        self.deployment(lambda deployment: deployment.admin.switch(endpoint, "resume"))

    def redeliver(self, event_id: str, endpoint: str) -> str:
        (outcome,) = self.deployment(
            lambda deployment: deployment.admin.redeliver([(event_id, endpoint)])
        )
        return outcome

    def story(self, task_id: str, *, upstream: str = "default") -> Sequence[EventRow]:
        """The events that the store holds of a task, oldest first."""
        return self.deployment(
            lambda deployment: deployment.queries.story(f"{upstream}:{task_id}")
        )

    def deliveries(self, endpoint: str) -> list[DeliveryRow]:
        """The deliveries that the store holds of an endpoint, oldest first."""

        async def listed(deployment: Deployment) -> list[DeliveryRow]:
            found = partial(deployment.queries.delivery_page, endpoint=endpoint)
            return [row async for row in all_rows(found)][::-1]

        return self.deployment(listed)


def gone(pids: Sequence[int]) -> bool:
    """Say whether none of these processes runs any more."""
    return not any(runs(pid) for pid in pids)
