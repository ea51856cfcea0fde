"""`bridge.settings`: whatever is configured, the answer is settings or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Misconfigured
from bridge.settings import Settings, load_settings
from bridge.settings.tree import SECTIONS, TABLES, fields_of, files_of

NAMES = sorted({*fields_of(), *files_of()}.union(*TABLES.values(), *SECTIONS.values()))
KEYS = st.sampled_from([*NAMES, "default", "me", "", "_env_file", "Ä", "a.b"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["https://x.example", "slack", "5/s", "task.*", "template"])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


def outcome(environ: dict[str, str], toml: bytes = b"", dotenv: bytes = b"") -> str:
    with TemporaryDirectory() as directory:
        cwd = Path(directory)
        (cwd / "bridge.toml").write_bytes(toml)
        (cwd / ".env").write_bytes(dotenv)
        try:
            settings = load_settings(environ=environ, cwd=cwd)
        except Misconfigured as error:
            return str(error)
        assert isinstance(settings, Settings)
        return ""


@given(upstreams=TREES, endpoints=TREES, more=st.dictionaries(KEYS, TREES, max_size=3))
def test_any_tables_are_settings_or_one_error(
    upstreams: object, endpoints: object, more: dict[str, object]
) -> None:
    tables = {"default": upstreams, "me": upstreams}
    said = outcome(
        {f"BRIDGE_{name.upper()}": json.dumps(tree) for name, tree in more.items()}
        | {"BRIDGE_UPSTREAMS": json.dumps(tables)}
        | {"BRIDGE_ENDPOINTS": json.dumps({"me": endpoints, "you": upstreams})}
    )

    assert "Traceback" not in said
    assert "pydantic" not in said


@given(
    parts=st.lists(st.sampled_from([*NAMES, "me", "", "x-y"]), min_size=1, max_size=5),
    value=st.text(max_size=30),
)
def test_any_variable_is_a_setting_or_one_error(parts: list[str], value: str) -> None:
    said = outcome({"BRIDGE_" + "__".join(parts): value})

    assert "pydantic" not in said


@given(toml=st.binary(max_size=80), dotenv=st.binary(max_size=80))
def test_any_bytes_are_settings_or_one_error(toml: bytes, dotenv: bytes) -> None:
    assert "Traceback" not in outcome({}, toml, dotenv)
