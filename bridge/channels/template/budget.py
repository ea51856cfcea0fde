"""
The budget: what one rendering may cost.

Jinja2's sandbox bounds nothing but `range`. A template that doubles a text thirty times, or
nests loops, would stop the bridge; and since the bridge renders every template at its start,
it would never start. So each operation pays for what it works on, before it works: there is
one account for a rendering, whatever it is spent on. What makes much out of little in one
operation is not in the language (see `environment`), or pays for what it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

#: What a rendering may spend; a character costs 1, so this bounds what it makes.
MAX_COST = 2_000_000
#: What an element of a list costs, and a node of a template each time a loop comes by it.
ELEMENT = 20

#: Where a rendering finds its budget. No template can name it: it holds a space.
NAME = "the budget"


class Budget:
    """An account that is only charged."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_COST

    def spend(self, cost: int) -> None:
        """
        Pay a cost.

        Raises:
            SecurityError: The budget does not suffice.
        """
        self._left -= cost
        if self._left < 0:
            msg = "it does more than a rendering may: it loops too long, or multiplies texts or lists"
            raise SecurityError(msg)

    def charge(self, value: Any) -> None:
        """
        Pay for a value: its characters, its elements at any depth, a number's bits.

        Raises:
            SecurityError: The budget does not suffice.
        """
        todo = [value]
        while todo:
            each = todo.pop()
            if isinstance(each, str | bytes):
                self.spend(ELEMENT + len(each))
            elif isinstance(each, range):
                self.spend(ELEMENT * len(each))
            elif isinstance(each, int):
                self.spend(ELEMENT + each.bit_length())
            else:
                self.spend(ELEMENT)
                if isinstance(each, Mapping):
                    todo += each.keys()
                    todo += each.values()
                elif isinstance(each, list | tuple):
                    todo += each


def budget_of(context: Context) -> Budget:
    """Return a rendering's budget."""
    return cast(Budget, context.resolve(NAME))


@pass_context
def paid(context: Context, value: Any) -> Any:
    """Return a value that has been paid for; an iterator is paid for as it goes."""
    budget = budget_of(context)
    if isinstance(value, Iterator):
        return _paid_each(budget, value)
    budget.charge(value)
    return value


def _paid_each(budget: Budget, values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        budget.charge(value)
        yield value


@pass_context
def looped(context: Context, values: Any, nodes: int) -> Iterator[Any]:
    """Go through a loop's values; each time round costs as many *nodes*."""
    budget = budget_of(context)
    if values is None:
        msg = "it loops over something that is null"
        raise SecurityError(msg)
    for value in values:
        budget.spend(ELEMENT * nodes)
        yield value
