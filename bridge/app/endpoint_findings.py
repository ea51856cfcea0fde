"""
Findings about endpoints: what could be sent to each, and what deliveries have shown.

As in `bridge.app.findings`, nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.app.click_errors import explain_click_error
from bridge.app.findings import Finding, of_broken_endpoint, of_error
from bridge.app.humanize import counted, host_of, redacted_url, span
from bridge.app.ports import EndpointRow
from bridge.app.removed import how_held, mend_of_removed
from bridge.app.samples import sample_context
from bridge.channels import channel_for, discord
from bridge.channels.base import dry_run
from bridge.channels.webhook import signing_secrets
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES
from bridge.core.http import Response, json_object
from bridge.errors import BridgeError

#: Results that no later attempt changes.
_FINAL = frozenset({AttemptResult.GONE, AttemptResult.PERMANENT_FAILURE})


def of_endpoint(endpoint: Endpoint, *, now: float) -> Finding:
    """Report whether every request that an endpoint may get can be made; send none."""
    where = f"{endpoint.kind} {redacted_url(endpoint.url)}"
    fine = Finding(about="endpoint", name=endpoint.name, detail=where)
    try:
        channel = channel_for(endpoint.kind)
        for event_type in EVENT_TYPES:
            context = sample_context(event_type, endpoint, at=now)
            _, result = dry_run(channel, context)
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
        detail = f"{endpoint.kind} {redacted_url(endpoint.url)}: {answer.detail}"
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


def of_unconfigured(rows: Sequence[EndpointRow], now: float) -> Sequence[Finding]:
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
        if (held := how_held(row, now))
    ]


def with_health(
    findings: Sequence[Finding], rows: Sequence[EndpointRow], now: float
) -> Sequence[Finding]:
    """Add to findings about endpoints what deliveries have shown, and the fetching of clicks."""
    known = {row.name: row for row in rows}
    shown = [
        _with_trouble(finding, known[finding.name], now)
        if finding.name in known
        else finding
        for finding in findings
    ]
    told = {(finding.name, finding.detail) for finding in findings}
    clicks = [
        of_broken_endpoint(row.name, *explain_click_error(row))
        for row in rows
        if row.click_error
    ]
    return [*shown, *(one for one in clicks if (one.name, one.detail) not in told)]


#: What endpoints do that no configuration names, by what their names begin with.
_OWN_WORK = {"archive": "keeping pictures", "upstream": "making actions"}


def of_own_work(rows: Sequence[EndpointRow], now: float) -> Sequence[Finding]:
    """Report what the bridge does itself, and cannot do now or has given up: keeping, pressing."""
    found = []
    for row in rows:
        about, colon, upstream = row.name.partition(":")
        if not colon or about not in _OWN_WORK:
            continue
        finding = Finding(about=about, name=upstream, detail=_OWN_WORK[about])
        finding = _with_trouble(finding, row, now)
        look = f"mjbridge deliveries --endpoint {row.name}"
        if finding.level != "ok":
            held = row.state in {"paused", "disabled"}
            found.append(replace(finding, mend=finding.mend if held else look))
        elif row.dead and about == "archive":
            detail = f"{counted(row.dead, 'event')} whose pictures were not kept"
            mend = f"{look} --state dead says why"
            found.append(replace(finding, level="note", detail=detail, mend=mend))
    return found


def _with_trouble(finding: Finding, row: EndpointRow, now: float) -> Finding:
    served = row.state == "up" and row.until is None
    if served or finding.level == "error":
        return finding
    why = f": {row.reason}" if row.reason else ""
    parts = []
    if row.state != "up":
        trouble = "breaker open" if row.state == "open" else row.state
        since = f" for {span(now - row.failing_since)}" if row.failing_since else ""
        parts.append(f"{trouble}{since}{why}")
    if row.until is not None and row.state != "open":
        alone = f"left alone for {span(row.until - now)} (Retry-After)"
        parts.append(alone if parts else f"{alone}{why}")
    if row.pending:
        parts.append(f"{counted(row.pending, 'delivery', 'deliveries')} waiting")
    return replace(
        finding,
        level="warning",
        detail="; ".join([finding.detail, *parts]),
        mend="mjbridge endpoints "
        f"{'resume' if row.state in {'paused', 'disabled'} else 'test'} {row.name}",
    )
