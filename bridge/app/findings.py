"""
Findings: what `mjbridge check` reports, and how it judges what was seen.

Nothing here looks anything up: that is `bridge.runtime.checkup`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from bridge.app.humanize import ago, counted, host_of, masked_url, span
from bridge.app.ports import (
    QUEUES,
    ArchiveUsage,
    EndpointRow,
    FetchResult,
    PollError,
    Queue,
    SignsOfLife,
)
from bridge.app.removed import how_held, mend_of_removed
from bridge.app.samples import preview, sample_context
from bridge.app.waiting import SILENT_AFTER
from bridge.channels import channel_for, discord
from bridge.channels.webhook import signing_secrets
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES
from bridge.core.http import Response, json_object
from bridge.errors import BridgeError

Level: TypeAlias = Literal["ok", "note", "warning", "error"]

#: Results that no later attempt changes.
_FINAL = frozenset({AttemptResult.GONE, AttemptResult.PERMANENT_FAILURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was checked.

    Attributes:
        about: configuration, store, broker, workers, web, archive, upstream or endpoint.

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


def of_error(
    about: str, error: BridgeError, *, name: str = "", key: str = ""
) -> Finding:
    """
    Report an error.

    Args:
        about: See `Finding`.

        error: Its text is the detail.

        name: See `Finding`.

        key: The setting of the upstream or the endpoint that is to be checked.
    """
    return Finding(
        about=about,
        name=name,
        level="error",
        detail=str(error),
        mend=f"check {about}s.{name}.{key}" if key else "",
        code=error.exit_code,
    )


# --- workers and upstreams ------------------------------------------------------------


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
        "is made for its own endpoints only",
        mend="give all of them the same upstreams, endpoints, hooks and rules, and restart "
        "those that are older",
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


def of_archive(
    url: str, usage: ArchiveUsage | None, *, thumbnails: bool, is_reached: bool
) -> Sequence[Finding]:
    """
    Report on an archive that pictures can be kept in.

    Args:
        url: Where it is.

        usage: What it holds; ``None`` if that is not known.

        thumbnails: Whether they can be made.

        is_reached: Whether the settings say how others reach the process `web`.
    """
    held = ""
    if usage is not None:
        held = f"; it holds {counted(usage.files, 'file')}, {usage.bytes / 1e6:,.1f} MB"
    found = [Finding(about="archive", detail=f"{url}: files can be kept there{held}")]
    if not thumbnails:
        detail = "no thumbnails are made, because Pillow is not installed"
        mend = "pip install 'mjbridge[images]'"
        found.append(Finding(about="archive", level="note", detail=detail, mend=mend))
    if not is_reached:
        detail = "task.archived names addresses that only this machine reaches"
        mend = "set public_url to where others reach `mjbridge web`"
        found.append(Finding(about="archive", level="note", detail=detail, mend=mend))
    return found


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


# --- endpoints ------------------------------------------------------------------------


def of_endpoint(endpoint: Endpoint, *, now: float) -> Finding:
    """Report whether every request that an endpoint may get can be made; send none."""
    where = f"{endpoint.kind} {masked_url(endpoint.url)}"
    fine = Finding(about="endpoint", name=endpoint.name, detail=where)
    try:
        for event_type in EVENT_TYPES:
            context = sample_context(event_type, endpoint, at=now)
            _, result = preview(context)
            # The samples' upstream is not configured anywhere.
            wanted = replace(endpoint, upstreams=None).wants(context.event)
            if wanted and result.attempt.platform_result in _FINAL:
                detail = result.attempt.detail
                mend = f"correct endpoints.{endpoint.name}: {event_type} cannot be sent there"
                return replace(fine, level="error", detail=detail, mend=mend, code=2)
    except BridgeError as error:
        return of_error("endpoint", error, name=endpoint.name)
    except Exception as error:  # noqa: BLE001 - whatever a channel raises is what is wrong
        detail = f"no request can be made: {type(error).__name__}"
        return replace(fine, level="error", detail=detail, code=2)
    if is_unsigned(endpoint):
        return replace(fine, detail=f"{where}, not signed")
    return replace(fine, detail=f"{where}{_ability(endpoint)}")


def is_unsigned(endpoint: Endpoint) -> bool:
    """Check whether a receiver cannot know who sent its events."""
    return endpoint.kind == "webhook" and not signing_secrets(endpoint.options)


def of_unsigned(names: Sequence[str]) -> Finding:
    """Warn, once for all, of endpoints whose events are not signed."""
    one = names[0] if len(names) == 1 else "<name>"
    mend = f"with endpoints.{one}.secrets set, receivers can verify that it was you"
    detail = f"not signed: {', '.join(names)}"
    return Finding(about="endpoint", level="warning", detail=detail, mend=mend)


def of_ban_limit(endpoints: Sequence[Endpoint]) -> Finding | None:
    """Warn if endpoints at Discord are so many that their refusals could get us banned."""
    rates = [
        endpoint.rate.per_second
        for endpoint in endpoints
        if endpoint.kind == "discord"
        and endpoint.rate is not None
        and host_of(endpoint.url) in discord.INFO.hosts
    ]
    most = round(sum(rates) * discord.BANNED_WITHIN)
    if most <= discord.BANNED_AFTER:
        return None
    fitting = discord.BANNED_AFTER / discord.BANNED_WITHIN / len(rates) * 60
    return Finding(
        about="endpoint",
        level="warning",
        detail=f"{len(rates)} endpoints at Discord may send {most:,} requests in ten "
        f"minutes, and Discord bans an address after {discord.BANNED_AFTER:,} refused ones",
        mend=f'with rate_limit = "{max(1, int(fitting))}/m" for each they stay below that',
    )


def _ability(endpoint: Endpoint) -> str:
    if secrets := signing_secrets(endpoint.options):
        return f", signed with {counted(len(secrets), 'secret')}"
    info = channel_for(endpoint.kind).INFO
    if not info.ability:
        return ""
    edits = ", edited in place if progress = edit"
    return f": {info.ability}{edits if info.can_edit(endpoint.options) else ''}"


def of_probe(
    endpoint: Endpoint, finding: Finding, answer: Response, *, now: float
) -> Finding:
    """Add to a finding what the platform answered to a probe."""
    if answer.status is None:
        detail = f"{endpoint.kind} {masked_url(endpoint.url)}: {answer.detail}"
        mend = "it may be down; try again later"
        return replace(finding, level="error", detail=detail, mend=mend, code=1)
    probe = channel_for(endpoint.kind).INFO.probe
    described = probe.describe(replace(answer, received_at=now)) if probe else ""
    # Some platforms refuse with a 200.
    body = json_object(answer.body)
    if 200 <= answer.status < 300 and body and body.get("ok") is not False:
        return replace(finding, detail=f"{finding.detail}; {described}")
    mend = f"check endpoints.{endpoint.name}: the platform does not accept it"
    return replace(finding, level="error", detail=described, mend=mend, code=1)


def of_unconfigured(
    rows: Sequence[EndpointRow], configured: Collection[str], now: float
) -> Sequence[Finding]:
    """Report endpoints that are configured nowhere, and still have something to deliver."""
    return [
        Finding(
            about="endpoint",
            name=row.name,
            level="warning",
            detail=f"not configured; {counted(row.pending, 'delivery', 'deliveries')} {held}",
            mend=mend_of_removed(row.name),
        )
        for row in rows
        if row.name not in configured and (held := how_held(row, now))
    ]


def with_health(
    findings: Sequence[Finding], rows: Sequence[EndpointRow], now: float
) -> Sequence[Finding]:
    """Add to findings about endpoints what deliveries have shown."""
    known = {row.name: row for row in rows}
    return [
        _with_trouble(finding, known[finding.name], now)
        if finding.name in known
        else finding
        for finding in findings
    ]


def _with_trouble(finding: Finding, row: EndpointRow, now: float) -> Finding:
    served = row.state == "up" and row.until is None
    if served or finding.level == "error":
        return finding
    words = {"up": "asked to be left alone (Retry-After)", "open": "breaker open"}
    trouble = words.get(row.state, row.state)
    since = f" for {span(now - row.failing_since)}" if row.failing_since else ""
    why = f": {row.reason}" if row.reason else ""
    waiting = counted(row.pending, "delivery", "deliveries")
    return replace(
        finding,
        level="warning",
        detail=f"{finding.detail}; {trouble}{since}{why}"
        f"{f'; {waiting} waiting' if row.pending else ''}",
        mend="mjbridge endpoints "
        f"{'resume' if row.state in {'paused', 'disabled'} else 'test'} {row.name}",
    )
