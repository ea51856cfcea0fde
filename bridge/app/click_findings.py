"""Findings about buttons in chats: what is missing or wrong before a click arrives."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bridge.app.click_errors import explain_webhook
from bridge.app.findings import Finding, of_broken_endpoint
from bridge.channels.interaction import MAX_SKEW
from bridge.core.endpoint import Endpoint
from bridge.core.http import Response, http_date, json_object

#: What a request without a platform's proof is answered.
_UNPROVEN = 401
#: Seconds by which clocks may differ before it is said: clicks have a way to go, too.
_SKEW_SAID = MAX_SKEW / 5


def place_of_clicks(endpoint: Endpoint, public_url: str | None) -> str | None:
    """Return where a platform sends the clicks on an endpoint's buttons, if anywhere."""
    if public_url is None:
        return None
    of_its_own = f"/{endpoint.name}" if endpoint.kind == "telegram" else ""
    return f"{public_url.rstrip('/')}/interactions/{endpoint.kind}{of_its_own}"


def of_clicks(
    endpoint: Endpoint,
    public_url: str | None,
    answer: Response | None,
    *,
    opened: Response | None = None,
    siblings: Sequence[Endpoint] = (),
    now: float,
) -> Iterator[Finding]:
    """
    Judge whether clicks on an endpoint's buttons would arrive and be taken.

    Args:
        endpoint: One whose buttons are native.

        public_url: Where platforms reach the bridge.

        answer: What the platform said: of the webhook (Discord), of where clicks go
            (Telegram), of who we are (Slack); ``None`` if it was not asked.

        opened: What Slack said when it was asked for a socket.

        siblings: Other endpoints whose clicks come to the same address.
    """
    places = {place_of_clicks(one, public_url) for one in (endpoint, *siblings)}
    wrong = [*_wrong(endpoint, public_url, answer, places, now), *_of_socket(opened)]
    for detail, mend in wrong:
        yield of_broken_endpoint(endpoint.name, detail, mend)


def of_door(
    endpoint: Endpoint, place: str | None, answer: Response | None
) -> Iterator[Finding]:
    """
    Judge whether what is at an address is this bridge.

    Args:
        place: Where clicks are sent.

        answer: What came back there to a request without a platform's proof; ``None`` if that
            was not tried.
    """
    if answer is None or answer.status == _UNPROVEN:
        return
    if answer.status is None:
        detail = f"{place}, where clicks go, is not reached from this machine: {answer.detail}"
        mend = "it may be from outside; else: is web running, and public_url right?"
    else:
        detail = f"{place}, where clicks go, answers HTTP {answer.status}, as this bridge would not"
        mend = (
            "does public_url lead to this process web, with this endpoint configured?"
        )
    yield Finding(
        about="endpoint", name=endpoint.name, level="warning", detail=detail, mend=mend
    )


def _of_socket(opened: Response | None) -> Iterator[tuple[str, str]]:
    body = json_object(opened.body) if opened is not None else {}
    if body.get("ok") is False:
        yield (
            f"Slack opens no socket for its app_token ({str(body.get('error'))[:60]}): clicks do not arrive",
            "an app-level token with the scope connections:write, and Socket Mode switched on in the app",
        )


def _wrong(
    endpoint: Endpoint,
    public_url: str | None,
    answer: Response | None,
    places: Collection[str | None],
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
    scopes = answer.headers.get("x-oauth-scopes", "")
    if endpoint.kind == "slack" and scopes and "chat:write" not in _words(scopes):
        yield (
            "the bot lacks the scope chat:write, so that it cannot post",
            "add it under OAuth & Permissions, and install the app again",
        )
    if endpoint.kind == "discord" and "id" in body and not body.get("application_id"):
        yield (
            "its webhook was made by hand, so that its messages cannot have buttons",
            "mjbridge setup discord NEW_NAME --token ... --channel ... makes one that can",
        )
    if endpoint.kind == "telegram":
        yield from _of_telegram(endpoint, public_url, places, body)


def _of_telegram(
    endpoint: Endpoint,
    public_url: str | None,
    places: Collection[str | None],
    body: dict[str, object],
) -> Iterator[tuple[str, str]]:
    info = body.get("result")
    if not isinstance(info, dict) or "url" not in info:
        return
    mend = f"mjbridge setup telegram {endpoint.name}"
    place = place_of_clicks(endpoint, public_url)
    if public_url is None and info["url"]:
        yield explain_webhook(endpoint.name)
    elif public_url is not None and info["url"] not in places:
        where = "elsewhere" if info["url"] else "nowhere"
        yield f"the bot's clicks are sent {where}, not to {place}", mend
    elif error := info.get("last_error_message"):
        yield (
            f"Telegram could not deliver a click: {error}",
            f"is {info['url']} reachable?",
        )


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
