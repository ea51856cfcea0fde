"""
What a benchmark is: a case, which a process of its own measures, and the rows it yields.

    python -m benchmarks.case GROUP CASE SCALE
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum

#: What was measured, by name.
Figures = dict[str, float]
#: The groups, which are modules, in the order in which they are measured.
GROUPS = (
    "deliveries",
    "latency",
    "polling",
    "freshness",
    "rules",
    "store",
    "memory",
    "web",
    "hosts",
    "commands",
)


class Size(IntEnum):
    """How thoroughly to measure."""

    QUICK = 0
    DEFAULT = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class Row:
    """
    What was measured once. Rows of one name are measurements of one thing.

    Attributes:
        name: What it is, within its case; may be empty.

        figures: What was found.

        delays: Samples, in milliseconds, of which those of all rows are put together.
    """

    name: str
    figures: Figures
    delays: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    Something that is measured as a whole.

    Attributes:
        measure: Measures, at a scale of 1 or less.

        size: Of the smallest run that it is part of.

        rounds: How often it is measured, in turn with the others.
    """

    measure: Callable[[float], Iterable[Row]]
    size: Size = Size.DEFAULT
    rounds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A figure of a group's table.

    Attributes:
        figure: Its name, see `Figures`.

        title: Its heading, with its unit.

        digits: Behind the point.

        spread: Whether the lowest and the highest are shown beside the median.
    """

    figure: str
    title: str
    digits: int = 0
    spread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases whose figures stand in one table."""

    title: str
    columns: tuple[Column, ...]
    cases: Mapping[str, Case]


def group(name: str) -> Group:
    found: Group = importlib.import_module(f"benchmarks.{name}").GROUP
    return found


if __name__ == "__main__":
    _, of, which, scale = sys.argv
    for row in group(of).cases[which].measure(float(scale)):
        print(json.dumps({"row": asdict(row)}), flush=True)
