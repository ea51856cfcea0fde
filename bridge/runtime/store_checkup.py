"""Looking at the store: whether it answers as it has to, and who works with it."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.adapters.local.data_dir import DataDir
from bridge.adapters.local.embedded import find_server, jemalloc_for
from bridge.app import findings
from bridge.app.findings import Finding
from bridge.errors import BridgeError, StoreUnavailable
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import check_run_file, has_store
from bridge.settings import Settings


async def store_of(settings: Settings) -> Sequence[Finding]:
    """Report whether the store answers, whether it can be written to, and who works with it."""
    if not has_store(settings):
        return [_embedded(settings)]
    try:
        async with Deployment(settings) as deployment:
            warnings = await deployment.ready(migrates=False)
            await deployment.admin.try_write()
            if foreign := await deployment.foreign_keys():
                return [findings.of_foreign_key(one) for one in foreign]
            now = await deployment.admin.clock()
            life = await deployment.queries.signs_of_life()
    except StoreUnavailable as error:
        if error.args:  # it answers, but not as hoped: it says itself what is wrong
            return [findings.of_error("store", error)]
        return [_away(settings)]
    except BridgeError as error:
        return [findings.of_error("store", error)]
    where = "configured" if settings.redis_url else "built in"
    return [
        Finding(about="store", detail=f"{where}; it answers, and evicts nothing"),
        *([] if settings.redis_url else _allocator()),
        *(Finding(about="store", level="warning", detail=one) for one in warnings),
        findings.of_workers(life, now),
        *([differ] if (differ := findings.of_configurations(life, now)) else []),
    ]


def _away(settings: Settings) -> Finding:
    """Report a store that does not answer."""
    detail = "it does not answer"
    mend = "is the server running, and is it where redis_url (BRIDGE_REDIS_URL) says?"
    if settings.redis_url is None:
        folder = DataDir(settings.data_dir)
        detail = "built in, and it does not answer"
        if full := folder.why_full():
            detail, mend = f"{detail}: {full}", "it is back once there is room"
        else:
            mend = f"the terminal of mjbridge up, and {folder.log}, say why"
    return Finding(about="store", level="error", detail=detail, mend=mend, code=1)


def _allocator() -> Sequence[Finding]:
    """Report a built-in store that allocates its memory more slowly than it could."""
    try:
        found = jemalloc_for(find_server()[0])
    except BridgeError:  # it was removed while it ran
        return []
    if found != "missing":
        return [Finding(about="store", detail=f"jemalloc: {found}")]
    detail = "its server has no jemalloc, and takes about a third more CPU time"
    mend = "install libjemalloc2 (Alpine, Fedora: jemalloc) and restart mjbridge up"
    return [Finding(about="store", level="note", detail=detail, mend=mend)]


def _embedded(settings: Settings) -> Finding:
    try:
        find_server()
        check_run_file(settings)
    except BridgeError as error:
        return findings.of_error("store", error)
    detail = f"built in, in {settings.data_dir}; it is not running"
    mend = "mjbridge up starts it"
    return Finding(about="store", level="note", detail=detail, mend=mend)
