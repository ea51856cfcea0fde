"""No name of a module or a class stands for two different things anywhere in `bridge`."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import bridge

BRIDGE = Path(bridge.__file__).parent

#: Names of several modules that mean the same in each, and what that is.
SHARED = {
    "actions": "a port and what implements it, the use case, what is shown of them, and the routes to it",
    "admin": "a port, and what implements it",
    "api": "the requests that an HTTP API understands: a platform's, or our own",
    "archive": "where pictures are kept: its rules, its channel, its port, and what implements it",
    "clicks": "a port and what implements it, and the use case",
    "client": "what talks to the outside world for its package",
    "deliveries": "the deliveries that the store keeps, and the command that lists them",
    "delivery": "delivering: its rules, its port, and the use case",
    "endpoints": "what is shown of endpoints, and the command and the routes that show it",
    "errors": "what can go wrong, in the words of the package that it goes wrong in",
    "events": "what is shown of events, and the routes that show it",
    "feed": "a port, and what implements it",
    "housekeeping": "what the sweep does: the use case with its port, and what implements that",
    "http": "HTTP: its requests and responses, and what sends them",
    "idempotency": "a port, what implements it, and the routes' use of it",
    "inbound": "what a platform sends when a button is pressed, and what it is sent back",
    "payload": "what a message looks like on a platform",
    "queries": "a port, and what implements it",
    "relay": "requests that are passed on: a port, what it is made of, and the routes",
    "replies": "what a platform's responses mean",
    "rows": "what reading the store returns, and how it is made of the scripts' replies",
    "sandbox": "the simulated gateway, and the command that runs it",
    "server": "how an ASGI application is served on a port",
    "strings": "what people read, in each language",
    "tasks": "Midjourney's tasks; at the top, Celery's, whose module has this name everywhere",
    "web": "the web process, and the command that runs it",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(BRIDGE.rglob("*.py")):
        if path.name == "__init__.py":
            yield path.parent.name, path.parent
        elif path.name != "__main__.py":
            yield path.stem, path


def classes() -> Iterator[tuple[str, Path]]:
    """Classes, and names of types; not type variables, which stand for any type."""
    for path in sorted(BRIDGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        yield from (
            (node.name, path)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        )
        for node in tree.body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=name)):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if isinstance(value, ast.Call):
                        continue
                case _:
                    continue
            if (
                any(letter.islower() for letter in name)
                and name.strip("_")[0].isupper()
            ):
                yield name, path


def repeated(names: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, path in names:
        places[name].append(str(path.relative_to(BRIDGE)))
    return {name: found for name, found in places.items() if len(found) > 1}


def test_a_class_has_its_name_for_itself() -> None:
    assert repeated(classes()) == {}


def test_modules_of_one_name_are_about_one_thing() -> None:
    found = repeated(modules())
    assert {name: found[name] for name in found.keys() - SHARED.keys()} == {}


def test_the_list_of_shared_names_has_nothing_that_is_no_longer_shared() -> None:
    assert SHARED.keys() - repeated(modules()).keys() == set()
