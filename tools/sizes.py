"""
How large each package is, and how long its functions are: the account of decision 39.

``python -m tools.sizes`` prints the table. Lines are of all kinds, docstrings and blank ones too.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import bridge

BRIDGE = Path(bridge.__file__).parent
#: What is not Python, and is counted by itself.
OTHERS = {"the store's Lua": "*.lua", "the dashboard's scripts": "*.js"}

_HEAD = """\
| | lines | modules | the longest | median, p90 of functions |
|---|---|---|---|---|
"""


def table() -> Iterator[str]:
    """Yield the table's lines."""
    yield _HEAD
    for package in sorted(path for path in BRIDGE.iterdir() if path.is_dir()):
        modules = list(package.rglob("*.py"))
        if (
            package.name == "runtime"
        ):  # with the rest, which would be rows of a few lines
            modules += [*BRIDGE.glob("*.py"), *(BRIDGE / "logs").glob("*.py")]
        if modules and package.name != "logs":
            yield _row(package.name, modules)
    for name, pattern in OTHERS.items():
        yield _row(name, list(BRIDGE.rglob(pattern)))


def _row(name: str, files: Sequence[Path]) -> str:
    texts = [file.read_text(encoding="utf-8") for file in files]
    sizes = [len(text.splitlines()) for text in texts]
    modules = sum(file.name != "__init__.py" for file in files)
    functions = ""
    if files[0].suffix == ".py":
        lengths = sorted(length for text in texts for length in _lengths(text))
        p90 = lengths[len(lengths) * 9 // 10]
        functions = f"{statistics.median(lengths):.0f}, {p90}"
    return f"| {name} | {sum(sizes):,} | {modules} | {max(sizes)} | {functions} |\n"


def _lengths(module: str) -> Iterator[int]:
    """Yield the lines of each function, those inside others too."""
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


if __name__ == "__main__":
    sys.stdout.writelines(table())
