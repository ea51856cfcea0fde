"""Texts that are kept for a while. See `bridge.app.ports.ExpiringTexts`."""

from __future__ import annotations

from bridge.adapters.store.keyspace import Keyspace


class StoredTexts:
    """The texts of one deployment, each under a key of its own that expires."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def keep(self, name: str, text: str, seconds: float) -> None:
        """Keep a text from now on, in the place of another one."""
        await self._keys.keep_for(f"kept:{name}", text, seconds)

    async def kept(self, name: str) -> str | None:
        """Return a text; ``None`` if it was never kept, or its time is over."""
        return await self._keys.text(f"kept:{name}")

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Keep *holder* if nobody else is kept under this name; return whether it is kept."""
        key = f"kept:{name}"
        if await self._keys.keep_for(key, holder, seconds, only_new=True):
            return True
        if await self._keys.text(key) != holder:
            return False
        return await self._keys.keep_for(key, holder, seconds)

    async def release(self, name: str, holder: str) -> None:
        """Forget that *holder* is kept under a name; nothing happens to anybody else's claim."""
        await self._keys.run("release_text", name, holder)
