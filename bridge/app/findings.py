"""
Findings: what `mjbridge check` reports, and how it judges what it saw of a deployment.

Nothing here looks anything up: that is `bridge.runtime.checkup`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridge.app.humanize import ago, counted
from bridge.app.ports import (
    QUEUES,
    ArchiveUsage,
    FetchResult,
    PollError,
    Queue,
    SignsOfLife,
)
from bridge.app.waiting import SILENT_AFTER
from bridge.errors import FULL, BridgeError, StoreRefused, why_unusable

Level: TypeAlias = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was checked.

    Attributes:
        about: configuration, store, broker, workers, web, gateway, archive, upstream or
            endpoint.

        name: The upstream's or the endpoint's.

        level: How bad it is; only errors count for the exit code.

        detail: What was found.

        mend: What to do about it.

        code: What an error makes the command exit with.
    """

    about: str
    name: str = ""
    level: Level = "ok"
    detail: str
    mend: str = ""
    code: int = 0


def of_error(about: str, error: BridgeError, *, name: str = "") -> Finding:
    """Report an error, whose text is the detail; see `Finding` for the rest."""
    return Finding(
        about=about,
        name=name,
        level="error",
        detail=str(error),
        code=error.exit_code,
    )


def of_broken_endpoint(name: str, detail: str, mend: str) -> Finding:
    """Report what keeps an endpoint from doing all that it is there for."""
    return Finding(
        about="endpoint", name=name, level="error", detail=detail, mend=mend, code=1
    )


def of_foreign_key(detail: str) -> Finding:
    """Report a key of the deployment that holds what somebody else wrote."""
    return Finding(
        about="store",
        level="error",
        detail=detail,
        mend="delete it, or choose another namespace, if another program uses this one",
        code=StoreRefused.exit_code,
    )


def of_workers(life: SignsOfLife, now: float) -> Finding:
    """Report whether beat, and workers for each queue, run."""
    silent = [queue for queue in QUEUES if _is_silent(life.served_at.get(queue), now)]
    answered = life.answered_at
    level: Level = "warning"
    if len(silent) == len(QUEUES):
        last = max(life.served_at.values(), default=None)
        detail = f"not running, {_last_seen(last, now)}"
        mend = "start them with mjbridge up, or with mjbridge worker and mjbridge beat"
    elif silent:
        (queue,) = silent
        last = life.served_at.get(queue)
        detail = f"none serves the queue {queue}, {_last_seen(last, now)}: {_UNSERVED[queue]}"
        mend = f"start mjbridge worker, or one for that queue: {_WORKERS[queue]}"
    elif _is_silent(answered, now):
        came = f"the last one came {ago(answered, now)}" if answered else "none came"
        detail = f"a worker is running, by itself: no tick of beat comes, {came}"
        mend = (
            "start mjbridge beat; if it runs, the broker may take no messages: "
            "its log, or the broker's, says why"
        )
    else:
        level, mend = "ok", ""
        detail = f"beat and a worker are running, last seen {ago(answered, now)}"
    return Finding(about="workers", level=level, detail=detail, mend=mend)


#: What is not done while no worker serves a queue, and what would serve it.
_UNSERVED: Mapping[Queue, str] = {
    "poll": "no task is polled",
    "deliver": "no event is delivered",
}
_WORKERS: Mapping[Queue, str] = {
    "poll": "mjbridge worker -Q poll,celery",
    "deliver": "mjbridge worker -Q deliver",
}


def _is_silent(seen_at: float | None, now: float) -> bool:
    return seen_at is None or now - seen_at > SILENT_AFTER


def _last_seen(seen_at: float | None, now: float) -> str:
    return "and never seen" if seen_at is None else f"last seen {ago(seen_at, now)}"


def of_configurations(life: SignsOfLife, now: float) -> Finding | None:
    """Warn of workers that run side by side with different configurations."""
    alive = [at for at in life.configured_at.values() if not _is_silent(at, now)]
    if len(alive) < 2:
        return None
    return Finding(
        about="workers",
        level="warning",
        detail=f"they run with {len(alive)} different configurations: what one of them sees "
        "is made for its own endpoints only, and what is for the others' may wait for minutes",
        mend="give all of them the same upstreams, endpoints, hooks and rules, and restart "
        "those that are older; two deployments that share a store need a namespace each",
    )


def of_web(url: str | None, served: Literal["ours", "another's", ""]) -> Finding:
    """
    Report whether the process `web` answers on this machine, and where.

    Args:
        url: Where it should; ``None`` if nobody knows.

        served: Whose it is that answers there; empty if nobody's.
    """
    if served == "ours":
        return Finding(about="web", detail=f"serving at {url}")
    if served == "another's":
        detail = f"what answers at {url} is another deployment's, or does not reach this one's store"
        mend = (
            "give this one another web.port, or both the same redis_url and namespace"
        )
        return Finding(about="web", level="warning", detail=detail, mend=mend)
    where = "its port is chosen at the start"
    if url:
        where = f"nothing of ours answers at {url}"
    mend = "mjbridge up or mjbridge web serves it"
    return Finding(about="web", level="note", detail=where, mend=mend)


def of_data_dir(
    folder: str, error: OSError, *, holds_store: bool, effect: str
) -> Finding:
    """
    Report a data directory that nothing can be kept in.

    Args:
        folder: Where it is.

        error: What writing to it failed with.

        holds_store: Whether the built-in store has its data there: nothing runs without.

        effect: What is not kept otherwise.
    """
    is_full = error.errno in FULL
    detail = f"mjbridge cannot write to {folder}: {why_unusable(error)}"
    mend = "BRIDGE_DATA_DIR names a directory that can be written to"
    about, code = "configuration", 2
    if is_full:
        mend = "make room there"
        about, code = ("store" if holds_store else "gateway"), 1
    if holds_store:
        detail = f"the store is to be built in, and {detail}"
        return Finding(about=about, level="error", detail=detail, mend=mend, code=code)
    detail = f"{detail}; if web runs here, {effect}"
    return Finding(about=about, level="warning", detail=detail, mend=mend)


def of_gateway_folder(path: str, trouble: str) -> Finding:
    """Warn of a folder of the gateway's that this user, at least, cannot use."""
    return Finding(
        about="gateway",
        level="warning",
        detail=f"{path} cannot be used: {trouble}",
        mend="let the user that runs web read and write it: submissions wait there for the store",
    )


def of_archive(
    url: str,
    usage: ArchiveUsage | None,
    *,
    quota: int,
    thumbnails: bool,
    is_reached: bool,
) -> Sequence[Finding]:
    """
    Report on an archive that pictures can be kept in.

    Args:
        url: Where it is.

        usage: What it holds; ``None`` if that is not known.

        quota: Bytes that it may hold; 0 for no limit.

        thumbnails: Whether they can be made.

        is_reached: Whether the settings say how others reach the process `web`.
    """
    held = ""
    if usage is not None:
        held = f"; it holds {counted(usage.files, 'file')}, {usage.bytes / 1e6:,.1f} MB"
        if quota:
            held += f" of {quota / 1e6:,.0f}"
    found = [Finding(about="archive", detail=f"{url}: files can be kept there{held}")]
    if not thumbnails:
        detail = "no thumbnails are made, because Pillow is not installed"
        mend = "pip install '.[images]' in the clone"
        found.append(Finding(about="archive", level="note", detail=detail, mend=mend))
    if not is_reached:
        detail = "task.archived names addresses that only this machine reaches"
        mend = "set public_url to where others reach `mjbridge web`"
        found.append(Finding(about="archive", level="note", detail=detail, mend=mend))
    return found


def of_circular(name: str, detail: str) -> Finding:
    """Warn of an upstream whose address is where the process `web` is to listen."""
    return Finding(
        about="upstream",
        name=name,
        level="warning",
        detail=f"{detail}: that is the bridge's own address, by its settings",
        mend=f"upstreams.{name}.base_url is the gateway's; it is clients whose base URL is the bridge's",
    )


def of_answer(
    name: str,
    answer: FetchResult,
    *,
    where: str,
    auth: str,
    other_auth: str | None,
    has_key: bool,
) -> Finding:
    """
    Report how an upstream answered when it was asked for a task that nobody has.

    Args:
        auth: How the key is shown, by the settings.

        other_auth: Another way with which it answers, if it refuses this one.

        has_key: Whether there is a key, and it mattered.
    """
    if answer.error is None:
        detail = f"{where}: it answers{' and accepts the key' if has_key else ''}"
        return Finding(about="upstream", name=name, detail=detail)
    prefix = f"upstreams.{name}"
    mend, code = {
        PollError.REFUSED: (f"check {prefix}.api_key and {prefix}.auth ({auth})", 2),
        PollError.MISPLACED: (
            f"check {prefix}.base_url: what answers there does not look like a gateway",
            2,
        ),
        PollError.THROTTLED: (f"it is busy; a lower {prefix}.rate_limit may help", 0),
        PollError.BROKEN: (f"it may be down: try later, or check {prefix}.base_url", 1),
    }[answer.error]
    if other_auth is not None:
        mend = f'with {prefix}.auth = "{other_auth}" it answers'
    return Finding(
        about="upstream",
        name=name,
        level="error" if code else "warning",
        detail=f"{where}: {answer.detail or answer.error}",
        mend=answer.mend or mend,
        code=code,
    )
