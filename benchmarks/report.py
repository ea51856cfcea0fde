"""What several rounds have found: their spread, as a table and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.case import Column, Group, Row

#: Of each row, of each figure, what the rounds have found.
Rows = Mapping[str, Mapping[str, list[float]]]


@dataclass(slots=True)
class Results:
    """What one checkout's rounds have found."""

    _found: dict[tuple[str, str], dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, group: str, case: str, row: Row) -> None:
        """Add what was measured once."""
        found = self._found[group, f"{case}: {row.name}" if row.name else case]
        for name, value in row.figures.items():
            found[name].append(value)
        if row.delays:
            found["delays"] += row.delays

    def of(self, group: str) -> Rows:
        return {row: found for (of, row), found in self._found.items() if of == group}

    def middle(self, group: str, row: str, figure: str) -> float | None:
        """Return the median of a figure; ``None`` where it was not measured."""
        name, _, share = figure.partition(" p")
        if name == "delays":
            values = self._found.get((group, row), {}).get(name)
            return quantile(values, int(share) / 100) if values else None
        values = self._found.get((group, row), {}).get(figure)
        return median(values) if values else None

    def groups(self) -> list[str]:
        return list(dict.fromkeys(group for group, _ in self._found))


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def summary(results: Results) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return minimum, median and maximum of everything; of samples, the 99th percentile."""
    return {
        group: {
            row: {
                name: {
                    "n": len(values),
                    "min": min(values),
                    "median": median(values),
                    "max": max(values),
                    **({"p99": quantile(values, 0.99)} if len(values) > 20 else {}),
                }
                for name, values in figures.items()
            }
            for row, figures in results.of(group).items()
        }
        for group in results.groups()
    }


def table(group: Group, checkouts: Sequence[Rows]) -> Table:
    """
    Return a group's table: medians, of some figures with the lowest and the highest.

    With another checkout, each row is followed by its own, and by what ours is of it.
    """
    made = Table(
        title=group.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    made.add_column("", no_wrap=True)
    for column in group.columns:
        made.add_column(column.title, justify="right", no_wrap=True)
    for row, ours in checkouts[0].items():
        cells = [_cell(ours.get(one.figure, []), one) for one in group.columns]
        made.add_row(row, *cells)
        for other in checkouts[1:]:
            theirs = other.get(row, {})
            cells = [
                _beside(ours.get(one.figure, []), theirs.get(one.figure, []), one)
                for one in group.columns
            ]
            made.add_row("[dim]  beside; ours of it", *cells, style="dim")
    return made


def _cell(values: Sequence[float], column: Column) -> str:
    if not values:
        return ""
    if column.figure == "delays":
        return " / ".join(
            _number(quantile(values, share), column) for share in (0.5, 0.99)
        )
    low, middle, high = (
        _number(one, column) for one in (min(values), median(values), max(values))
    )
    if not column.spread or low == high:
        return middle
    return f"{middle} [dim]({low}-{high})[/]"


def _beside(ours: Sequence[float], theirs: Sequence[float], column: Column) -> str:
    if not ours or not theirs:
        return ""
    cell = _cell(theirs, replace(column, spread=False))
    return f"{cell}; {median(ours) / median(theirs):.2f}" if median(theirs) else cell


def _number(value: float, column: Column) -> str:
    return f"{value:,.{column.digits}f}"
