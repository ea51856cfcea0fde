"""
The environment of templates: Jinja2's sandbox, in which null is null and work is paid for.

What makes much out of little is left out: padding, formatting, text times number. What is
left pays for its work, see `budget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from jinja2 import StrictUndefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.channels.template import budget, filters

#: Jinja2's filters that are good for something here. Left out are those that make markup or
#: claim that something is safe, that throw dice, and that pad or format.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float"),
    *("groupby", "int", "items", "last", "length", "list", "lower", "map"),
    *("max", "min", "reject", "rejectattr", "reverse", "select", "selectattr"),
    *("sort", "string", "sum", "title", "trim", "truncate", "unique", "upper"),
    *("urlencode", "wordcount"),
)
#: Methods that make much out of little; `| join` and `| replace` pay for it.
_MULTIPLYING = frozenset(
    {"center", "expandtabs", "format", "format_map", "join", "ljust", "replace"}
    | {"rjust", "to_bytes", "translate", "zfill"}
)


class Inserted(str):
    """A value where a template puts one; as a text it is nothing, see `value`."""

    __slots__ = ("value",)
    value: Any

    def __str__(self) -> str:
        """Return itself: the code that Jinja2 generates makes texts of everything."""
        return self


class Missing(StrictUndefined):
    """
    A name that no event has: an error wherever it is used.

    What is merely unset now (a field of null, an element beyond a list's end) is null.
    """

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if isinstance(owner, Mapping):
            return f"there is no field {name!r} here{nearest(str(name), owner)}"
        return f"there is no {name!r} here"


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Suggest the name that was meant, if one is near."""
    near = get_close_matches(name, [str(key) for key in known], n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which null is null and work is paid for."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what makes a long text, or a huge number, out of little."""
        budget.budget_of(context).charge((left, right))
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**":
            msg = "** is not available in templates"
            raise SecurityError(msg)
        if operator != "+" and not numbers:
            msg = f"{operator} is for numbers only"
            raise SecurityError(msg)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, *args: Any, **named: Any) -> Any:
        """Call what is not refused; a method pays for its object."""
        if obj is None:
            msg = "something that is null is called"
            raise SecurityError(msg)
        if not callable(obj) or getattr(obj, "__name__", "") in _MULTIPLYING:
            msg = "this cannot be called in templates"
            raise SecurityError(msg)
        budget.budget_of(context).charge(
            (getattr(obj, "__self__", None), *args, *named.values())
        )
        return super().call(context, obj, *args, **named)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a field up before a method: metadata may have a key called ``items``."""
        if obj is None:
            return None
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Find null where the data does not reach: it may with the next event."""
        if obj is None:
            return None
        if isinstance(obj, list | tuple | str) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else None
        return super().getitem(obj, argument)


@pass_context
def _insert(context: Context, value: Any) -> Inserted:
    inserted = Inserted()
    inserted.value = filters.plain(budget.paid(context, value))
    return inserted


def _make_environment() -> Environment:
    made = Environment(
        undefined=Missing,
        finalize=_insert,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    made.globals = {"range": made.globals["range"]}
    made.filters = {name: FILTERS[name] for name in _FILTERS} | {
        "base64": filters.base64,
        "concat": filters.concat,
        "cut": filters.cut_texts,
        "fit": filters.fit,
        "join": filters.join,
        "looped": budget.looped,
        "paid": budget.paid,
        "percent": filters.percent,
        "replace": filters.replace,
        "round": filters.rounded,
        "tojson": filters.to_json,
    }
    return made


ENVIRONMENT = _make_environment()
