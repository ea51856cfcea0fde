"""
The language of templates: Jinja2, without what melts text and values into one.

A template is the operator's own; what is filled into it is not: anyone who may submit a task
writes prompts. So a template's own text and a value never become one text. `pieces` returns
the former as `str` and each value as an `Inserted`, and whoever puts them together (see
`escaping`) knows which is which and escapes values for the place where they stand. Macros,
blocks and filters over blocks would make one text of both, and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.visitor import NodeTransformer

from bridge.channels.template import budget
from bridge.channels.template.environment import ENVIRONMENT, nearest

#: Characters that a template may have.
MAX_TEMPLATE = 64 * 1024

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
#: They work on values as a whole, and pay for each. Calls and sums pay in `environment`.
_OPERATIONS = (
    *(nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand),
    *(nodes.Concat, nodes.List, nodes.Tuple, nodes.Pair),
)


class TemplateFault(ValueError):  # noqa: N818 - a fault is what it is, ours or its author's
    """
    A template is wrong, or cannot be filled with an event.

    Attributes:
        text: What is wrong, for its author; no value is repeated.

        line: Where in the template, from 1; ``None`` if nowhere in particular.

        setting: Which setting the template is: ``body``, ``headers.X-Team``.
    """

    def __init__(
        self, text: str, *, line: int | None = None, setting: str = "body"
    ) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.setting = setting

    def __str__(self) -> str:
        """Return what is wrong and where, without the setting's name."""
        return f"line {self.line}: {self.text}" if self.line else self.text

    def of(self, setting: str, remark: str = "") -> TemplateFault:
        """Return the fault as that of a setting, with a remark at its end."""
        return TemplateFault(self.text + remark, line=self.line, setting=setting)


# --- reading a template ---------------------------------------------------------------


@lru_cache(maxsize=512)
def compiled(source: str, known: frozenset[str]) -> Template:
    """
    Read a template.

    Args:
        known: The variables that it will find.

    Raises:
        TemplateFault: It is not a template, or uses what is not available in one.
    """
    if len(source) > MAX_TEMPLATE:
        raise TemplateFault(f"is longer than {MAX_TEMPLATE:,} characters")  # noqa: EM102, TRY003
    try:
        tree = ENVIRONMENT.parse(source)
        _check(tree, known)
        _Preparation().visit(tree)
        code = ENVIRONMENT.compile(tree, _NAME, _NAME)
    except TemplateSyntaxError as error:
        raise TemplateFault(_readable(error.message or ""), line=error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):
        # The last two are how Python refuses the code that Jinja2 makes of it.
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


class _Preparation(NodeTransformer):
    """
    Takes texts that stand in the template for what they are, and lets operations pay.

    ``{{ "," if not loop.last }}`` is how everybody writes a comma, and a comma is meant,
    not the JSON of one.
    """

    def visit_Output(self, node: nodes.Output) -> list[nodes.Node]:  # noqa: N802 - Jinja2's name
        return [
            self.generic_visit(
                _own_text(child) or nodes.Output([child], lineno=child.lineno)
            )
            for child in node.nodes
        ]

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja2's name
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "concat")

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja2's name
        size = nodes.Const(sum(1 for _ in node.find_all(nodes.Node)))
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "looped", size)
        return node

    def generic_visit(self, node: nodes.Node, *args: Any, **named: Any) -> nodes.Node:
        """Visit a node, and let what it works on be paid for."""
        super().generic_visit(node, *args, **named)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "paid")
        elif isinstance(node, _OPERATIONS) and getattr(node, "ctx", "load") == "load":
            for name, value in list(node.iter_fields()):
                if isinstance(value, nodes.Expr):
                    setattr(node, name, _filtered(value, "paid"))
                elif isinstance(value, list):
                    value[:] = [
                        _filtered(each, "paid")
                        if isinstance(each, nodes.Expr)
                        else each
                        for each in value
                    ]
        return node


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


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [*args], [], None, None, lineno=node.lineno)


# --- filling it in --------------------------------------------------------------------


def pieces(template: Template, variables: Mapping[str, Any]) -> list[str]:
    """
    Fill a template in.

    Returns:
        Its own texts, and an `Inserted` for each value.

    Raises:
        TemplateFault: It cannot be filled with this.
    """
    account = budget.Budget()
    found: list[str] = []
    try:
        for piece in template.generate({**variables, budget.NAME: account}):
            account.spend(len(piece))
            found.append(piece)
    except (UndefinedError, SecurityError) as error:
        raise TemplateFault(str(error), line=_line(error.__traceback__)) from None
    except Exception as error:  # noqa: BLE001 - whatever a template can do wrong is its fault
        msg = f"{type(error).__name__}: {error}"
        raise TemplateFault(msg, line=_line(error.__traceback__)) from None
    return found


def _line(trace: TracebackType | None) -> int | None:
    """Find the template's line in a traceback: the innermost that is of it."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
