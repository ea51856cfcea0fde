"""Findings about buttons in chats: what is missing or wrong before a click arrives."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.app.findings import Finding
from bridge.channels.interaction import MAX_SKEW
from bridge.core.endpoint import Endpoint
from bridge.core.http import Response, http_date, json_object

#: Seconds by which clocks may differ before it is said: clicks have a way to go, too.
_SKEW_SAID = MAX_SKEW / 5


def of_clicks(
    endpoint: Endpoint,
    public_url: str | None,
    answer: Response | None,
    *,
    siblings: Collection[str] = (),
    now: float,
) -> Iterator[Finding]:
    """
    Judge whether clicks on an endpoint's buttons would arrive and be taken.

    Args:
        endpoint: One whose buttons are native.

        public_url: Where platforms reach the bridge.

        answer: What the platform said: of the webhook (Discord), of where clicks go
            (Telegram), of who we are (Slack); ``None`` if it was not asked.

        siblings: Names of other endpoints whose clicks come to the same address.
    """
    for detail, mend in _wrong(endpoint, public_url, answer, siblings, now):
        yield Finding(
            about="endpoint",
            name=endpoint.name,
            level="error",
            detail=detail,
            mend=mend,
            code=1,
        )


def _wrong(
    endpoint: Endpoint,
    public_url: str | None,
    answer: Response | None,
    siblings: Collection[str],
    now: float,
) -> Iterator[tuple[str, str]]:
    app_token = getattr(endpoint.options, "app_token", None)
    fetched = endpoint.kind == "telegram" or app_token
    if public_url is None and not fetched:
        more = " or app_token" if endpoint.kind == "slack" else ""
        yield "clicks on its buttons have nowhere to go", f"set public_url{more}"
    if answer is None or answer.status is None:
        return
    then = http_date(answer.headers.get("date"))
    if then is not None and abs(now - then) > _SKEW_SAID:
        side = "ahead" if now > then else "behind"
        detail = f"this machine's clock is {abs(now - then):.0f} s {side} of the platform's: clicks are refused from {MAX_SKEW:.0f} s on"
        yield detail, "set the clock (NTP)"
    body = json_object(answer.body)
    if endpoint.kind == "discord" and "id" in body and not body.get("application_id"):
        yield (
            "its webhook was made by hand, so that its messages cannot have buttons",
            "mjbridge setup discord NAME --token ... --channel ... makes one that can",
        )
    if endpoint.kind == "telegram":
        yield from _of_telegram(endpoint, public_url, siblings, body)


def _of_telegram(
    endpoint: Endpoint,
    public_url: str | None,
    siblings: Collection[str],
    body: dict[str, object],
) -> Iterator[tuple[str, str]]:
    info = body.get("result")
    if not isinstance(info, dict) or "url" not in info:
        return
    mend = f"mjbridge setup telegram {endpoint.name}"
    base = f"{(public_url or '').rstrip('/')}/interactions/telegram/"
    place, places = base + endpoint.name, {base + one for one in siblings}
    if public_url is None and info["url"]:
        yield (
            "the bot has a webhook, so that clicks cannot be fetched (Telegram answers 409)",
            mend,
        )
    elif public_url is not None and info["url"] not in {place, *places}:
        where = "elsewhere" if info["url"] else "nowhere"
        yield f"the bot's clicks are sent {where}, not to {place}", mend
    elif error := info.get("last_error_message"):
        yield (
            f"Telegram could not deliver a click: {error}",
            f"is {info['url']} reachable?",
        )
