"""
The benchmarks: `make bench`.

Everything runs on this machine, receiver and store included, so absolute numbers tell
about the machine; compare the ratios, which are taken in one run.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

from rich.console import Console
from rich.table import Table

from benchmarks import delivering, polling, starting
from bridge import logs

MARKS = (
    "marks: ours at least 3x the baseline; healthy endpoints beside slow ones at least "
    "0.8 of ours without; p50 under 10 ms; commands under 0.4 s"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the load, for a look"
    )
    scale = 0.1 if parser.parse_args().quick else 1.0
    logs.configure("warning")
    console = Console()
    began = time.monotonic()
    table = Table(
        title=f"mjbridge on {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("beside", justify="right")

    console.print("[dim]deliveries, baseline ...")
    baseline = delivering.theirs(int(2000 * scale), slow=0)
    console.print("[dim]deliveries, ours ...")
    rate = delivering.ours(int(12000 * scale), slow=0)
    table.add_row("deliveries a second, one Celery task each", f"{baseline:,.0f}/s", "")
    table.add_row(
        "deliveries a second, mjbridge", f"{rate:,.0f}/s", f"{rate / baseline:.1f}x"
    )

    console.print("[dim]the same beside slow endpoints ...")
    window = 8.0 * max(scale, 0.5)
    total = int(16000 * scale)
    # The better of two each, taken in turn: whatever else the machine does costs both.
    turns = [
        [
            delivering.ours(total, slow=slow, window=window)
            for slow in (0, delivering.SLOW)
        ]
        for _ in range(2)
    ]
    unhindered, healthy = (max(rates) for rates in zip(*turns, strict=True))
    alone = delivering.theirs(int(4000 * scale), slow=0, window=window)
    hindered = delivering.theirs(int(4000 * scale), slow=delivering.SLOW, window=window)
    table.add_row(
        "healthy endpoints beside slow ones, one Celery task each",
        f"{hindered:,.0f}/s",
        f"{hindered / alone:.2f} of without",
    )
    table.add_row(
        "healthy endpoints beside slow ones, mjbridge",
        f"{healthy:,.0f}/s",
        f"{healthy / unhindered:.2f} of without",
    )

    console.print("[dim]latency ...")
    p50, p99 = delivering.latency(int(200 * max(scale, 0.5)))
    table.add_row("record to receiver at low load, p50", f"{p50 * 1000:.1f} ms", "")
    table.add_row("record to receiver at low load, p99", f"{p99 * 1000:.1f} ms", "")

    for tracked in (int(10_000 * scale), int(100_000 * scale)):
        for share in (0.0, 0.1):
            console.print(f"[dim]polling {tracked:,} ids, {share:.0%} changed ...")
            ids = polling.ids_per_second(tracked, share)
            table.add_row(
                f"ids a second, {tracked:,} tracked, {share:.0%} changed",
                f"{ids:,.0f}/s",
                "",
            )

    for command in ("--help", "tasks"):
        console.print(f"[dim]mjbridge {command} ...")
        used = starting.processor_seconds(command)
        table.add_row(f"processor time of mjbridge {command}", f"{used:.2f} s", "")

    console.print("[dim]memory ...")
    pending = int(100_000 * scale)
    memory = polling.memory_of(pending)
    table.add_row(
        f"store's memory for {pending:,} pending deliveries",
        f"{memory / 1e6:,.0f} MB",
        f"{memory / pending:,.0f} B each",
    )
    console.print(table)
    console.print(MARKS)
    console.print(f"[dim]took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
