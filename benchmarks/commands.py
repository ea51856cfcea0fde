"""How much processor time a command takes that has little to do."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.case import Case, Column, Group, Row, Size
from bridge.adapters.local.embedded import EmbeddedStore

COMMANDS, TURNS = ("--help", "tasks"), 5


def measure(_scale: float) -> Iterator[Row]:
    """Measure user and system time of commands, with their modules compiled, as installed."""
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        EmbeddedStore(Path(folder)) as store,
    ):
        env = {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONDONTWRITEBYTECODE"
        }
        env |= {
            "BRIDGE_REDIS_URL": store.url,
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-benchmark",
            "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
        }
        for command in COMMANDS:
            _run(command, folder, env)  # compiles
            for _ in range(TURNS):
                yield Row(command, {"cpu": _run(command, folder, env)})


def _run(command: str, folder: str, env: Mapping[str, str]) -> float:
    before = _children()
    subprocess.run(
        [sys.executable, "-m", "bridge.cli", command],
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


GROUP = Group(
    title="Commands that have little to do",
    columns=(Column(figure="cpu", title="CPU, s", digits=2, spread=True),),
    cases={"mjbridge": Case(measure=measure, size=Size.QUICK)},
)
