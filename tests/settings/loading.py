"""Loading a configuration that a test writes down, in a directory of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.errors import Misconfigured
from bridge.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Workplace:
    """A working directory, and what is said there."""

    path: Path

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def load(
        self,
        env: Mapping[str, str] | None = None,
        *,
        dotenv: str | None = None,
        toml: str | None = None,
        config: Path | None = None,
        need_keys: bool = True,
    ) -> Settings:
        if dotenv is not None:
            self.write(".env", dotenv)
        if toml is not None:
            self.write("bridge.toml", toml)
        return load_settings(
            config=config, environ=env or {}, cwd=self.path, need_keys=need_keys
        )

    def refused(
        self,
        env: Mapping[str, str] | None = None,
        *,
        dotenv: str | None = None,
        toml: str | None = None,
    ) -> str:
        """Return what is said about a configuration that is wrong."""
        with pytest.raises(Misconfigured) as caught:
            self.load(env, dotenv=dotenv, toml=toml)
        # Whoever prints the chain of causes sees no more than the message.
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None
        return str(caught.value)


def uncommented(example: str) -> str:
    """Make settings of the lines that begin with "#" and no space."""
    return re.sub(r"(?m)^#(?=[A-Za-z\[])", "", example)
