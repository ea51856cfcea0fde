"""
The benchmarks: `make bench`, or one group of them: `python -m benchmarks deliveries`.

Everything runs on this machine, receivers, gateway and store included, so rates tell about
the machine. Compare what belongs to one run: ratios, and processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from signal import SIGTERM
from typing import Any

from rich.console import Console

from benchmarks import check
from benchmarks.case import GROUPS, Row, Size, group
from benchmarks.feed import SEED
from benchmarks.marks import checked
from benchmarks.report import Results, summary, table
from bridge.adapters.local.process import tied

HERE = Path(__file__).parents[1]
#: The share of the load that --quick is.
QUICK = 0.25
#: What the tables need, in a file or a narrow terminal, too.
WIDTH = 250
PACKAGES = ("mjbridge", "celery", "kombu", "redis", "httpx", "aiohttp", "uvloop")


def main() -> None:
    given = _arguments()
    if given.groups == ["check"]:
        sys.exit(check.main())
    console = Console()
    console.width = max(console.width, WIDTH)
    began = time.monotonic()
    if not (cases := list(_chosen(given))):
        sys.exit(f"no case's name has {given.only!r}")
    checkouts = [HERE, *filter(None, [given.beside])]
    found = [Results() for _ in checkouts]
    failed = False
    for turn, of, name, rounds in _in_turn(cases):
        console.print(
            f"[dim]{time.monotonic() - began:4.0f} s  {of}: {name}, {turn}/{rounds}"
        )
        for results, checkout in zip(found, checkouts, strict=True):
            try:
                for row in _measured(checkout, of, name, given.scale):
                    results.add(of, name, row)
            except subprocess.CalledProcessError as error:
                failed = True
                console.print(error.stderr[-3000:], style="red", markup=False)
    for of in dict.fromkeys(of for of, _, _ in cases):
        console.print(table(group(of), [results.of(of) for results in found]))
    marks = list(checked(found[0]))
    for line in marks:
        console.print(line, highlight=False)
    took = time.monotonic() - began
    console.print(f"[dim]took {took:.0f} s")
    report: dict[str, Any] = {
        "machine": _machine(),
        "seed": SEED,
        "took": took,
        "marks": marks,
    }
    report["results"] = [summary(one) for one in found]
    given.json.write_text(json.dumps(report, indent=1))
    sys.exit(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"of {', '.join(GROUPS)}; all by default. Or check: a few ratios, in seconds",
    )
    add("--only", metavar="TEXT", default="", help="cases whose name has it")
    add("--quick", action="store_true", help="once, and a quarter of the load")
    add("--full", action="store_true", help="with the cases that take long")
    add("--rounds", type=int, help="how often each case is measured, in turn")
    add("--beside", type=Path, help="another checkout, measured in turn with this one")
    add("--json", type=Path, default=Path("benchmark.json"), help="where figures go")
    given = parser.parse_args()
    unknown = set(given.groups) - {*GROUPS, "check"}
    if unknown:
        parser.error(f"there is no group {', '.join(unknown)}")
    given.scale = QUICK if given.quick else 1.0
    return given


def _chosen(given: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Return the cases to measure, each with its group's name and its rounds."""
    size = Size.FULL if given.full else Size.QUICK if given.quick else Size.DEFAULT
    for of in given.groups or GROUPS:
        for name, case in group(of).cases.items():
            if given.only in name and (case.size <= size or given.only):
                rounds = 1 if given.quick else case.rounds
                yield of, name, given.rounds or rounds


def _in_turn(
    cases: Sequence[tuple[str, str, int]],
) -> Iterator[tuple[int, str, str, int]]:
    """Return every case's every round: the first of each, the second of each, and so on."""
    for turn in range(1, max(rounds for *_, rounds in cases) + 1):
        for of, name, rounds in cases:
            if turn <= rounds:
                yield turn, of, name, rounds


def _measured(checkout: Path, of: str, name: str, scale: float) -> Iterator[Row]:
    """Measure a case once, in a process of its own, by the benchmarks of its checkout."""
    python = sys.executable if checkout == HERE else checkout / ".venv/bin/python"
    done = subprocess.run(
        tied([str(python), "-m", "benchmarks.case", of, name, str(scale)], SIGTERM),
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith('{"row"'):
            yield Row(**json.loads(line)["row"])


def _machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = cpuinfo.read_text().split("model name\t: ") if cpuinfo.exists() else []
    return {
        "cores": os.cpu_count(),
        "processor": models[1].split("\n")[0] if models[1:] else platform.processor(),
        "system": platform.platform(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


if __name__ == "__main__":
    main()
