"""
Findings: what `mjbridge check` reports, and how it judges what was seen.

Nothing here looks anything up: that is `bridge.runtime.checkup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from bridge.app.humanize import ago, counted, masked_url
from bridge.app.ports import EndpointRow, FetchResult, PollError
from bridge.app.samples import preview, sample_context
from bridge.channels import channel_for
from bridge.channels.webhook import signing_secrets
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES
from bridge.core.http import Response, json_object
from bridge.errors import BridgeError

Level: TypeAlias = Literal["ok", "note", "warning", "error"]

#: Seconds after which a deployment without a heartbeat counts as not running.
SILENT_AFTER = 30.0
#: Results that no later attempt changes.
_FINAL = frozenset({AttemptResult.GONE, AttemptResult.HOPELESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was checked.

    Attributes:
        about: configuration, store, broker, workers, upstream or endpoint.

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


def of_heartbeat(heartbeat: float | None, now: float) -> Finding:
    """Report whether workers and beat run."""
    if heartbeat is not None and now - heartbeat < SILENT_AFTER:
        detail = f"beat and a worker are running, last seen {ago(heartbeat, now)}"
        return Finding(about="workers", detail=detail)
    seen = (
        f"not running, last seen {ago(heartbeat, now)}"
        if heartbeat
        else "not running, and never seen"
    )
    mend = "start them with mjbridge up, or with mjbridge worker and mjbridge beat"
    return Finding(about="workers", level="warning", detail=seen, mend=mend)


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
    if endpoint.kind == "webhook" and not signing_secrets(endpoint.options):
        mend = (
            f"with endpoints.{endpoint.name}.secrets set, the receiver can verify that "
            "events come from you"
        )
        return replace(fine, level="warning", detail=f"{where}, not signed", mend=mend)
    return replace(fine, detail=f"{where}{_ability(endpoint)}")


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
    described = probe.describe(replace(answer, at=now)) if probe else ""
    # Some platforms refuse with a 200.
    body = json_object(answer.body)
    if 200 <= answer.status < 300 and body and body.get("ok") is not False:
        return replace(finding, detail=f"{finding.detail}; {described}")
    mend = f"check endpoints.{endpoint.name}: the platform does not accept it"
    return replace(finding, level="error", detail=described, mend=mend, code=1)


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
    if row.state in {"ok", "idle"} or finding.level == "error":
        return finding
    since = f" since {ago(row.failing_since, now)}" if row.failing_since else ""
    why = f": {row.reason}" if row.reason else ""
    waiting = counted(row.pending, "delivery", "deliveries")
    return replace(
        finding,
        level="warning",
        detail=f"{finding.detail}; {row.state}{since}{why}"
        f"{f'; {waiting} waiting' if row.pending else ''}",
        mend="mjbridge endpoints "
        f"{'resume' if row.state in {'paused', 'disabled'} else 'test'} {row.name}",
    )
