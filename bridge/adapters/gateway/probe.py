"""The probe: whether a gateway takes our key, and if not, how it would."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.adapters.gateway.client import UpstreamOptions
from bridge.adapters.gateway.upstream import NOBODYS_ID, HttpUpstream
from bridge.app.ports import FetchResult, PollError

#: The ways to show a key that are tried where the configured one is refused.
_MODES = ("mj-api-secret", "bearer", "raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """
    What a gateway answered to a question about a task that nobody has.

    Attributes:
        result: The answer, as the upstream is configured.

        checks_key: Whether the key mattered. Some servers have none, or let guests in.

        other_auth: Another way to show the key with which the gateway answers.
    """

    result: FetchResult
    checks_key: bool = False
    other_auth: str | None = None


async def probe(options: UpstreamOptions) -> Probed:
    """
    Ask a gateway for a task that nobody has, which needs a key and costs nothing.

    At most one request for each way to show a key. Never raises for what the gateway or
    the network does.

    Raises:
        Misconfigured: The options are not valid.
    """
    result = await _ask(options)
    if not options.api_key:
        return Probed(result=result)
    if result.error is None:
        without = await _ask(replace(options, api_key=""))
        return Probed(result=result, checks_key=without.error is not None)
    if result.error is not PollError.REFUSED or result.mend:
        return Probed(result=result)
    for mode in _MODES:
        if mode == options.auth:
            continue
        if (await _ask(replace(options, auth=mode))).error is None:
            return Probed(result=result, other_auth=mode)
    return Probed(result=result)


async def _ask(options: UpstreamOptions) -> FetchResult:
    upstream = HttpUpstream(options)
    try:
        return await upstream.fetch([NOBODYS_ID])
    finally:
        await upstream.aclose()
