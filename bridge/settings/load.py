"""
Loading: the layers in their order, then everything that is wrong with them at once.

The result depends on the arguments and on the files they lead to, and on nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bridge.settings import checks, schema, templates
from bridge.settings.files import absolute_paths, read_secrets
from bridge.settings.models import Settings
from bridge.settings.problems import Problem, first_of_each, from_pydantic, refuse
from bridge.settings.sources import (
    Layer,
    from_dotenv,
    from_environment,
    from_toml,
    merge,
)

#: Looked for in the working directory where nobody names another file.
DEFAULT_CONFIG = "bridge.toml"


def load_settings(
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    need_keys: bool = True,
) -> Settings:
    """
    Read the configuration: environment over ``.env`` over the TOML file.

    Args:
        config: The TOML file; by default what ``BRIDGE_CONFIG`` names, else
            ``bridge.toml`` if there is one.

        environ: The environment; by default the process's own.

        cwd: Where ``.env`` and ``bridge.toml`` are looked for; by default the working
            directory.

        need_keys: Whether an upstream without a key and without a ``base_url`` is a
            mistake. It is none for whoever is about to use the sandbox.

    Raises:
        Misconfigured: Something is wrong; the text says everything that is, and neither
            secrets nor URLs.
    """
    environ = os.environ if environ is None else environ
    cwd = (Path.cwd() if cwd is None else cwd).absolute()
    variables, dotenv = from_dotenv(cwd / ".env")
    document = _document(config, {**_upper(variables), **_upper(environ)}, cwd)
    layers = [document.layer, dotenv, from_environment(environ)]
    for layer in layers:
        read_secrets(layer, document.base)
    merged = merge(layers)
    merged.values.setdefault("data_dir", str(Settings.model_fields["data_dir"].default))
    absolute_paths(merged.values, document.base)
    settings, wrong = _typed(merged.values)
    found = [*merged.problems]
    # A file that could not be read makes everything that it sets look forgotten.
    if all(problem.path for problem in document.layer.problems):
        found += _placed(
            [*checks.all_of(merged.values, need_keys=need_keys), *wrong], merged
        )
    if not found:
        found += _placed([*templates.problems(settings)], merged)
    if found:
        raise refuse(_in_order(first_of_each(found)))
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """The TOML file's layer, and the directory that relative paths start from."""

    layer: Layer
    base: Path


def _document(
    config: Path | None, variables: Mapping[str, str], cwd: Path
) -> _Document:
    named = config or variables.get("BRIDGE_CONFIG", "").strip()
    path = cwd / Path(named or DEFAULT_CONFIG)
    if not path.exists():
        missing = Problem(text=f"there is no file {named}, named as the configuration")
        return _Document(layer=Layer(problems=[missing] if named else []), base=cwd)
    layer = from_toml(path, name=str(named or DEFAULT_CONFIG))
    return _Document(layer=layer, base=path.parent)


def _upper(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in variables.items() if value.strip()}


def _typed(values: Mapping[str, Any]) -> tuple[Settings, list[Problem]]:
    """Type the tables as far as they are right; unknown names are `checks`' business."""
    known = {
        name: value for name, value in values.items() if name in Settings.model_fields
    }
    try:
        return Settings(**known), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # A list whose entries are wrong is not empty, though pydantic then counts none.
    wrong_within = {detail["loc"][:-1] for detail in details}
    return Settings(), [
        from_pydantic(detail)
        for detail in details
        if detail["type"] != "extra_forbidden"
        and not (detail["type"] == "too_short" and detail["loc"] in wrong_within)
    ]


def _placed(problems: list[Problem], merged: Layer) -> Iterator[Problem]:
    """Say of each problem where its setting was set."""
    for problem in problems:
        yield replace(problem, origin=problem.origin or merged.origin(problem.path))


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Sort by setting, in the order that the documentation tells them in."""
    top = list(schema.names_at(()))

    def place(problem: Problem) -> tuple[int, tuple[str, ...]]:
        first = str(problem.path[0]) if problem.path else ""
        return top.index(first) if first in top else -1, tuple(map(str, problem.path))

    return sorted(problems, key=place)
