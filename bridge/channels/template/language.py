"""
The language of templates: Jinja2 in a sandbox, without what melts text and values into one.

A template is the operator's own, what is filled into it is not: anybody who may submit a
task writes prompts. So a template's own text and a value never become one text. `pieces`
returns the former as `str` and each value as an `Inserted`, and whoever puts them together
(see `writing`) knows which is which and escapes values for the place where they stand.
Macros, blocks and filters over blocks would make one text of both, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError

from bridge.channels.template.faults import TemplateFault
from bridge.channels.template.filters import MOST_STEPS, MOST_TEXT
from bridge.channels.template.sandbox import ENVIRONMENT, STEPS, nearest

#: Characters that a template may have.
LONGEST_TEMPLATE = 64 * 1024

_NAME = "<template>"
#: They put text of the template and values into one text, or lead to other templates.
_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set without =",
    nodes.Block: "block",
    nodes.Extends: "extends",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.ScopedEvalContextModifier: "autoescape",
}
#: What the sandbox says of calls, which names what is called by its place in memory.
_CALLED = re.compile(r"^.* is not safely callable$", re.DOTALL)


# --- reading a template ---------------------------------------------------------------


@lru_cache(maxsize=512)
def compiled(source: str, known: frozenset[str]) -> Template:
    """
    Read a template.

    Args:
        known: The variables that it will find.

    Raises:
        TemplateFault: It is no template, or uses what is not available in one.
    """
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateFault(f"is longer than {LONGEST_TEMPLATE:,} characters")  # noqa: EM102, TRY003
    try:
        tree = ENVIRONMENT.parse(source)
        _check(tree, known)
        _separate(tree)
        _count(tree)
        _bound(tree)
        code = ENVIRONMENT.compile(tree, _NAME, _NAME)
    except TemplateSyntaxError as error:
        raise TemplateFault(_readable(error.message or ""), line=error.lineno) from None
    except RecursionError:
        raise TemplateFault("is nested too deep") from None  # noqa: EM101, TRY003
    return Template.from_code(ENVIRONMENT, code, ENVIRONMENT.globals)


def _readable(message: str) -> str:
    if message.startswith("No filter named "):
        name = message.removeprefix("No filter named ").strip("'.")
        return f"there is no filter {name!r} here{nearest(name, ENVIRONMENT.filters)}"
    return f"{message[:1].lower()}{message[1:]}".rstrip(".")


def _check(tree: nodes.Template, known: frozenset[str]) -> None:
    for node in tree.find_all(nodes.Node):
        refused = _REFUSED.get(type(node))
        if isinstance(node, nodes.For) and node.recursive:
            refused = "for … recursive"
        if refused:
            msg = f"{{% {refused} %}} is not available in templates"
            raise TemplateFault(msg, line=node.lineno)
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    for node in tree.find_all(nodes.Name):
        if node.name not in own | known | {"loop", "range"}:
            near = nearest(node.name, dict.fromkeys(known))
            msg = f"there is no variable {node.name!r} here{near}"
            raise TemplateFault(msg, line=node.lineno)


def _separate(tree: nodes.Node) -> None:
    """
    Take texts that stand in the template for what they are: text of the template.

    ``{{ "," if not loop.last }}`` is how everybody writes a comma, and a comma is meant,
    not the JSON of one.
    """
    for node in [tree, *tree.find_all(nodes.Node)]:
        for name, value in list(node.iter_fields()):
            if isinstance(value, list) and any(
                isinstance(each, nodes.Output) for each in value
            ):
                setattr(
                    node, name, [new for each in value for new in _statements(each)]
                )


def _statements(node: nodes.Node) -> Iterator[nodes.Node]:
    if not isinstance(node, nodes.Output):
        yield node
        return
    for child in node.nodes:
        yield _own_text(child) or nodes.Output([child], lineno=child.lineno)


def _own_text(child: nodes.Expr | None) -> nodes.Stmt | None:
    """Make a statement of an expression whose every outcome stands in the template."""
    if isinstance(child, nodes.Const) and isinstance(child.value, str):
        text = nodes.TemplateData(child.value, lineno=child.lineno)
        return nodes.Output([text], lineno=child.lineno)
    if isinstance(child, nodes.CondExpr):
        first = _own_text(child.expr1)
        other = _own_text(child.expr2)
        if first is not None and (other is not None or child.expr2 is None):
            return nodes.If(
                child.test, [first], [], [other] if other else [], lineno=child.lineno
            )
    return None


def _count(tree: nodes.Template) -> None:
    for loop in tree.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, "each")


def _bound(tree: nodes.Template) -> None:
    """Measure what is kept under a name, and what ``~`` makes: both can be doubled at will."""
    for node in list(tree.find_all(nodes.Node)):
        for name, value in list(node.iter_fields()):
            if isinstance(value, nodes.Concat):
                setattr(node, name, _concatenated(value))
            elif isinstance(value, list):
                value[:] = [
                    _concatenated(each) if isinstance(each, nodes.Concat) else each
                    for each in value
                ]
        if isinstance(node, nodes.Assign):
            node.node = _filtered(node.node, "bounded")


def _concatenated(node: nodes.Concat) -> nodes.Filter:
    return _filtered(nodes.List(node.nodes, lineno=node.lineno), "concatenated")


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


# --- filling it in --------------------------------------------------------------------


def pieces(template: Template, variables: Mapping[str, Any]) -> list[str]:
    """
    Fill a template in.

    Returns:
        Its own texts, and an `Inserted` for each value.

    Raises:
        TemplateFault: It cannot be filled with this.
    """
    found: list[str] = []
    length = 0
    try:
        for piece in template.generate({**variables, STEPS: [MOST_STEPS]}):
            length = _longer(length, piece)
            found.append(piece)
    except (UndefinedError, SecurityError) as error:
        text = _CALLED.sub(_not_callable, str(error))
        raise TemplateFault(text, line=_line(error.__traceback__)) from None
    except Exception as error:  # noqa: BLE001 - whatever a template can do wrong is its fault
        msg = f"{type(error).__name__}: {error}"
        raise TemplateFault(msg, line=_line(error.__traceback__)) from None
    return found


def _not_callable(said: re.Match[str]) -> str:
    if said[0].startswith("None "):
        return "something that is null is called"
    return "this cannot be called in templates"


def _longer(length: int, piece: str) -> int:
    value = getattr(piece, "value", piece)
    length += len(value) if isinstance(value, str) else 1
    if length > MOST_TEXT:
        msg = f"it makes more than {MOST_TEXT:,} characters"
        raise SecurityError(msg)
    return length


def _line(trace: TracebackType | None) -> int | None:
    """Find the template's line in a traceback: the innermost that is of it."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
