"""
The API: the requests that Slack takes.

An incoming webhook is posted to, and that is all. The Web API has a method for everything;
the token goes into a header and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.channels.reply import MAX_REPLY
from bridge.channels.slack.payload import SlackOptions
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import USER_AGENT, Request, Response, with_own

#: The hosts of Slack's own incoming webhooks.
HOOKS = ("hooks.slack.com", "hooks.slack-gov.com")

_QUIET: dict[str, Json] = {"unfurl_links": False, "unfurl_media": False}
#: ``chat.update`` looks for names and channels in a text unless it is asked not to.
_LITERAL: dict[str, Json] = {"parse": "none", "link_names": False}


def is_bot(endpoint: Endpoint) -> bool:
    """Whether an endpoint is spoken to through the Web API."""
    options = SlackOptions.of(endpoint)
    return bool(options.token and options.channel) and not urlsplit(
        endpoint.url
    ).path.startswith("/services/")


def is_compatible(endpoint: Endpoint) -> bool:
    """Whether an incoming webhook is that of another server, which speaks as Slack does."""
    return not is_bot(endpoint) and urlsplit(endpoint.url).hostname not in HOOKS


def webhook(
    endpoint: Endpoint, content: Mapping[str, Json], *, thread: str | None = None
) -> Request:
    """Post a message through an incoming webhook; in a thread, if that is known."""
    where: dict[str, Json] = {} if thread is None else {"thread_ts": thread}
    return _request(endpoint, endpoint.url, {**content, **where, **_QUIET}, {})


def post(
    endpoint: Endpoint, content: Mapping[str, Json], *, thread: str | None = None
) -> Request:
    """Post a message as the bot; in the thread of another one, if its ``ts`` is given."""
    body = {"channel": SlackOptions.of(endpoint).channel, **content, **_LITERAL}
    if thread is not None:
        body["thread_ts"] = thread
    return call(endpoint, "chat.postMessage", {**body, **_QUIET})


def update(
    endpoint: Endpoint, content: Mapping[str, Json], *, channel: str, ts: str
) -> Request:
    """Change a message of the bot's."""
    # Text alone would do as well, but says less clearly that the old blocks shall go.
    whole = {"channel": channel, "ts": ts, **content, **_LITERAL}
    whole.setdefault("blocks", [])
    return call(endpoint, "chat.update", whole)


def delete(endpoint: Endpoint, *, channel: str, ts: str) -> Request:
    """Delete a message of the bot's."""
    return call(endpoint, "chat.delete", {"channel": channel, "ts": ts})


def probe(endpoint: Endpoint) -> Request | None:
    """
    Make a request that finds out whether an endpoint would be let in, and changes nothing.

    Returns:
        ``None`` for an incoming webhook: whatever is sent to it ends up in the channel.
    """
    return call(endpoint, "auth.test", {}) if is_bot(endpoint) else None


def open_socket(endpoint: Endpoint) -> Request | None:
    """
    Ask for a socket that clicks come over; one that nobody connects to is gone soon.

    Returns:
        ``None`` without a token that could open one.
    """
    token = SlackOptions.of(endpoint).app_token
    if token is None:
        return None
    url = f"{web_api(endpoint.url)}apps.connections.open"
    return _request(endpoint, url, {}, {"authorization": f"Bearer {token}"})


def web_api(url: str) -> str:
    """Return the Web API's place: Slack's own, but for a bot that is configured elsewhere."""
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(("slack.com", "slack-gov.com")):
        return "https://slack.com/api/"
    return f"{parts.scheme}://{parts.netloc}/api/"


def sample_response(request: Request) -> Response:
    """Answer as Slack does when all is well; see `bridge.channels.base.Channel`."""
    method = urlsplit(request.url).path.rpartition("/")[2]
    if not method.startswith("chat."):
        return Response(status=200, body=b"ok")
    asked = json.loads(request.body)
    body = {
        "ok": True,
        "channel": asked["channel"],
        "ts": asked.get("ts", "1795329600.000100"),
    }
    return Response(status=200, body=json.dumps(body).encode())


def call(endpoint: Endpoint, method: str, body: Mapping[str, Json]) -> Request:
    """Call a method of the Web API."""
    return _request(
        endpoint,
        f"{_api(endpoint.url)}/{method}",
        body,
        {"authorization": f"Bearer {SlackOptions.of(endpoint).token}"},
    )


def _api(url: str) -> str:
    """Find the Web API from what people paste: its base, its host, one of its methods."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if "." in path.rpartition("/")[2]:
        path = path.rpartition("/")[0]
    if not path.endswith("/api"):
        path += "/api"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _request(
    endpoint: Endpoint, url: str, body: Mapping[str, Json], ours: Mapping[str, str]
) -> Request:
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": USER_AGENT,
        **ours,
    }
    text = json.dumps(body, ensure_ascii=False)
    return Request(
        url=url,
        body=text.encode("utf-8", "replace"),
        headers=with_own(headers, endpoint.headers),
        max_bytes=MAX_REPLY,
    )
