"""
The embedded store: a real Redis or Valkey server in a box, for those who run none.

It is the same engine as everywhere else, started by us on a directory of our own, with
every write on disk before it is acknowledged. It listens on a Unix socket that only its
owner can open; where the path is too long for one, on a loopback port with a password.

Two locks keep two of them off the same data, both let go by the kernel when their holder
dies, however it dies:

- ``lock`` is held by the mjbridge that the data belongs to;
- ``store.lock`` is held by the server itself, which inherits it. So a server that has
  outlived its mjbridge is known for certain, by the process id in that file, and is
  ended before the next one starts. It is not adopted: it would not be our child, would
  not die with us, and might be another version with other settings.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from bridge.adapters.local.data_dir import DataDir, LockFile
from bridge.adapters.local.process import kill_group, spawn
from bridge.adapters.local.servers import (
    JEMALLOC,
    configuration,
    find_server,
    jemalloc_for,
)
from bridge.errors import Misconfigured, StoreUnavailable, directory_errors

__all__ = ["EmbeddedStore", "find_server", "jemalloc_for"]

#: Seconds until a server that says nothing is given up, and one that says it is loading.
SILENT_S, LOADING_S = 20.0, 600.0

_PAUSE_S = 0.01  # between two checks of something that the kernel cannot wait for


class EmbeddedStore:
    """
    A store of our own in *data_dir*. Use it as a context manager, or `start` and `stop`.

    Start it from the main thread: then, on Linux, the server ends when this process is
    killed (see `bridge.adapters.local.process`). Elsewhere the next start ends it.

    Args:
        data_dir: Created if it is not there. One mjbridge at a time.

        fsync: ``always``: a write is on disk before it is acknowledged. ``everysec``: up
            to a second of them is lost when the machine (not only the server) dies.

        maxmemory: As in ``512mb``; writes are refused above it, nothing is evicted.

        server: The path of the server to run; by default the one that `find_server` finds.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        fsync: str = "always",
        maxmemory: str | None = None,
        server: Path | None = None,
    ):
        if fsync not in {"always", "everysec", "no"}:
            msg = f"fsync of the embedded store is always or everysec, not {fsync!r}"
            raise Misconfigured(msg)
        if maxmemory is not None and not re.fullmatch(
            r"\d+([kmg]?b?)", maxmemory.lower()
        ):
            msg = f"maxmemory of the embedded store is a size like 512mb, not {maxmemory!r}"
            raise Misconfigured(msg)
        self._dir = DataDir(data_dir)
        self._fsync = fsync
        self._maxmemory = maxmemory
        self._server = server
        self._port = 0
        self._password = ""
        #: The server, if it was started.
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id; ``None`` if it does not run."""
        running = self.process is not None and self.process.poll() is None
        return self.process.pid if self.process is not None and running else None

    @property
    def url(self) -> str:
        """Where a client finds the server, once it was started. It may contain a password."""
        if self._password:
            return f"redis://:{self._password}@127.0.0.1:{self._port}/0"
        return f"unix://{quote(str(self._dir.socket))}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> str:
        """
        Run the server until `stop`, on the data of last time. Does nothing if it runs.

        Returns:
            The URL for redis-py. The server answers there, with all its data loaded.

        Raises:
            BridgeError: The directory's disk is full.
            Misconfigured: There is no server to run, or no such directory to use, or
                another mjbridge uses it.
            StoreUnavailable: The server does not come up; the text says why.
        """
        try:
            self._bring_up()
        except BaseException:
            self.stop()
            raise
        return self.url

    def launch(self) -> subprocess.Popen[bytes]:
        """
        Return the running server, or start one and return at once (see `is_ready`).

        For a supervisor, which starts what has died: the URL stays the same.

        Raises:
            As `start`.
        """
        if self.process is not None and self.process.poll() is None:
            return self.process
        server = [str(self._server)] if self._server else find_server()
        self._dir.claim()
        if self._dir.is_too_long_for_a_socket:
            self._password = self._password or self._dir.password()
            self._port = self._port or _free_port()
        try:
            self.process = self._spawn([*server, "-"])
        except BaseException:
            self._dir.release()
            raise
        return self.process

    def is_ready(self) -> bool:
        """Return whether the server answers, within a fraction of a second."""
        return self._probe() == "ready"

    def why_ended(self) -> str:
        """Return why the server has ended by itself, for people, as far as that is known."""
        return self._dir.why_full() or self._dir.last_logged()

    def trouble(self) -> str:
        """Say, for people, that the data are lost though the server runs; nothing if they are not."""
        return self._dir.why_gone()

    def stop(self, timeout: float = 5.0) -> None:
        """
        End the server, its data safe on disk, and free the directory.

        Args:
            timeout: Seconds that the server has to end by itself before it is killed,
                which loses nothing that it has acknowledged either.
        """
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout)
                kill_group(self.process.pid)
                self.process.wait()
            self.process = None
        self._dir.release()

    # --- the server -------------------------------------------------------------------

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with closing(LockFile(self._dir.server_lock)) as lock:
            if not lock.take():
                self._end_leftover(lock)
            # Until the new id is in it, the file must not name a process that may by now
            # be somebody else's.
            lock.sign(None)
            preloads = jemalloc_for(command[0]) == "preloaded"
            at = (self._port, self._password) if self._password else self._dir.socket
            with self._dir.open_log() as log:
                process = spawn(
                    command,
                    env={"LD_PRELOAD": JEMALLOC} if preloads else None,
                    # By stdin, because everybody on the machine can read argv.
                    stdin=configuration(
                        self._dir.data,
                        listen=at,
                        fsync=self._fsync,
                        maxmemory=self._maxmemory,
                    ),
                    output=log,
                    keep_open=[lock.fileno()],
                    on_our_death=signal.SIGTERM,
                )
            try:
                with directory_errors(self._dir):
                    lock.sign(process.pid)
            except BaseException:  # nobody would know of it
                kill_group(process.pid)
                process.wait()
                raise
        return process

    def _end_leftover(self, lock: LockFile) -> None:
        """End the server that outlived its mjbridge; *lock* is ours afterwards."""
        for signum, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            owner = lock.owner
            with suppress(ProcessLookupError, PermissionError):
                if owner and signum == signal.SIGTERM:
                    os.kill(owner, signum)
                elif owner:  # and the child that rewrites its file and holds the lock
                    os.killpg(owner, signum)
            until = time.monotonic() + patience_s
            while time.monotonic() < until:
                if lock.take():
                    return
                Event().wait(_PAUSE_S)
        msg = (
            f"a server that an earlier mjbridge left behind in {self._dir} does not end"
        )
        raise StoreUnavailable(msg)

    def _probe(self) -> Literal["ready", "loading", "silent"]:
        client = Redis.from_url(
            self.url,
            socket_timeout=0.2,
            socket_connect_timeout=0.2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            client.ping()
        except BusyLoadingError:
            return "loading"
        except RedisError:
            return "silent"
        finally:
            client.close()
        return "ready"

    def _bring_up(self) -> None:
        ran_before = self.process
        process = self.launch()
        # One that is just dying looks alive until it is dead.
        if process is ran_before and not self._comes_up(process):
            process = self.launch()
        if not self._comes_up(process):
            msg = f"the embedded store does not start: {self._dir.last_logged()} ({self._dir.log})"
            raise StoreUnavailable(msg)

    def _comes_up(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server answers with all its data; false if it ends instead."""
        began = heard = time.monotonic()
        while (found := self._probe()) != "ready":
            now = time.monotonic()
            heard = now if found == "loading" else heard
            if now - heard > SILENT_S or now - began > LOADING_S:
                msg = f"the embedded store does not come up; its log is {self._dir.log}"
                raise StoreUnavailable(msg)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE_S)
                return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
