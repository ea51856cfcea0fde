"""
The sandbox: Jinja2's own, and less in it than usual.

Nothing in here can be called but a few harmless methods, nothing runs for long, what
multiplies texts is refused, and what puts them together comes to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, pass_context, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.channels.template import filters
from bridge.channels.template.filters import MOST_STEPS, plain

#: The steps that are left to a rendering. No template can name it: it holds a space.
STEPS = "steps left"

#: What Jinja2's own filters are good for here. Left out are those that make markup or claim
#: that something is safe, that throw dice, and that can make much out of little.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float"),
    *("groupby", "int", "items", "last", "length", "list", "lower", "map"),
    *("max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr"),
    *("sort", "string", "sum", "title", "trim", "truncate", "unique", "upper"),
    *("urlencode", "wordcount"),
)
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {"capitalize", "count", "endswith", "find", "isalnum", "isalpha", "isdigit"}
        | {"lower", "lstrip", "partition", "removeprefix", "removesuffix", "rpartition"}
        | {"rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title"}
        | {"upper"}
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    LoopContext: frozenset({"changed", "cycle"}),
}


class Inserted(str):
    """A value where a template puts one; as a text it is nothing, see `value`."""

    __slots__ = ("value",)
    value: Any

    def __str__(self) -> str:
        """Return itself: the code that Jinja2 generates makes texts of everything."""
        return self


class Open(dict[str, Any]):
    """A table whose keys strangers choose: what it does not hold is null."""

    def __missing__(self, key: str) -> None:
        """Return null."""


class Absent(StrictUndefined):
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
    """See the module."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what makes a long text, or a huge number, out of little."""
        if operator == "**":
            msg = "** is not available in templates"
            raise SecurityError(msg)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return super().call_binop(context, operator, left, right)
        if operator == "+":
            return super().call_binop(
                context, operator, *filters.bounded((left, right))
            )
        msg = f"{operator} is for numbers only"
        raise SecurityError(msg)

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow the methods that are listed, `range`, and nothing else."""
        if obj is _range:
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        return any(
            isinstance(owner, kind) and name in names
            for kind, names in _METHODS.items()
        )

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


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MOST_STEPS:
        msg = f"range() of more than {MOST_STEPS:,} numbers"
        raise SecurityError(msg)
    return made


def _spend(context: Context) -> None:
    left = context.resolve(STEPS)
    left[0] -= 1
    if left[0] < 0:
        msg = f"its loops take more than {MOST_STEPS:,} steps"
        raise SecurityError(msg)


@pass_context
def _counted(context: Context, values: Any) -> Iterator[Any]:
    """Go through a loop's values; an `Absent` one complains by itself."""
    if values is None:
        msg = "it loops over something that is null"
        raise SecurityError(msg)
    for value in values:
        _spend(context)
        yield value


@pass_context
def _insert(context: Context, value: Any) -> Inserted:
    _spend(context)
    inserted = Inserted()
    inserted.value = plain(value)
    return inserted


def _limited(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Let a filter make no text that is longer than a rendering may be."""

    @wraps(filter_)
    def limited(*args: Any, **named: Any) -> Any:
        made = filter_(*args, **named)
        return filters.bounded(made) if isinstance(made, str) else made

    return limited


@pass_environment
def _join(
    environment: Environment, values: Any, d: Any = "", attribute: Any = None
) -> str:
    between = str(d)
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    parts = filters.measured(values, apart=len(between))
    return between.join(str(each) for each in parts)


def _make() -> Environment:
    made = Environment(
        undefined=Absent,
        finalize=_insert,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    made.globals.clear()
    made.globals["range"] = _range
    made.filters = {name: _limited(FILTERS[name]) for name in _FILTERS} | {
        "base64": _limited(filters.base64),
        "bounded": filters.bounded,
        "concatenated": filters.concatenated,
        "cut": filters.cut_texts,
        "each": _counted,
        "fit": filters.fit,
        "join": _join,
        "percent": _limited(filters.percent),
        "replace": filters.replace_text,
        "tojson": _limited(filters.to_json),
    }
    return made


ENVIRONMENT = _make()
