"""How much processor time a command takes that has little to do."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from benchmarks.arena import store

#: Runs of a command, of which the quickest counts: the others were disturbed.
RUNS = 5


def processor_seconds(*args: str) -> float:
    """User and system time of a command, with its modules compiled, as installed."""
    with tempfile.TemporaryDirectory(prefix="mjb") as folder, store() as url:
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("BRIDGE_") and name != "PYTHONDONTWRITEBYTECODE"
        }
        env |= {
            "BRIDGE_REDIS_URL": url,
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-benchmark",
            "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
        }
        _run(args, folder, env)  # compiles
        return min(_run(args, folder, env) for _ in range(RUNS))


def _run(args: Sequence[str], folder: str, env: Mapping[str, str]) -> float:
    before = _children()
    subprocess.run(
        [sys.executable, "-m", "bridge.cli", *args],
        cwd=folder,
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
