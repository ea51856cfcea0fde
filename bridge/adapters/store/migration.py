"""Bringing a store of the layout before to the one of today."""

from __future__ import annotations

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace

#: Tasks and events that are moved in one step, so that none blocks the store for long.
AT_ONCE = 200


async def migrate(keys: Keyspace) -> int:
    """
    Bring a store of layout version 1 to version 2; return how many rows were moved.

    Nothing is lost. It may be interrupted, and begun again; it may run twice at once. No
    process of an older mjbridge may run meanwhile, or later.
    """
    done, total = False, 0
    while not done:
        done, moved = await migrate_some(keys, AT_ONCE)
        total += moved
    return total


async def migrate_some(keys: Keyspace, most: int) -> tuple[bool, int]:
    """Move up to `most` tasks and events; return whether all are, and how many rows it was."""
    names = await keys.members("tasks", most)
    rows = await keys.hashes(f"task:{name}" for name in names)
    words = {name: _words(row) for name, row in zip(names, rows, strict=True)}
    done, moved = await keys.run("migrate", codec.dumps({"words": words}), most)
    return bool(done), moved


def _words(row: dict[str, str]) -> str:
    snapshot = codec.read_snapshot(row.get("snapshot"))
    return codec.words_of(snapshot) if snapshot is not None else ""
