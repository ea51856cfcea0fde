"""
Answers: what Slack means.

Rule 1: only ``ok`` is a success: the whole body of a webhook's answer, or ``"ok": true``
in the Web API's, which answers 200 to everything. A page of a proxy's, with 200, is none.
Rule 2: Slack's own word for what is wrong decides; the status only where there is none.
The statuses beside the words are not documented, and have changed.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from bridge.channels.reply import detail_of, readable
from bridge.core.delivery import REFUSALS, Fault
from bridge.core.http import Response, retry_after


class Sense(Enum):
    """What an answer asks for."""

    OK = auto()
    UNSHOWABLE = auto()  #: Refused for what is in it: say it in a simpler form.
    REFUSED = auto()  #: Refused by something that does not say why.
    GONE = auto()  #: Nobody is there, or we are not let in.
    ANEW = auto()  #: The message to change is not there or not changeable any more.
    LATER = auto()  #: Nothing was wrong with it; later it may work.


#: Nothing more can be sent until a person has done something.
DEAD: Mapping[str, str] = {
    "no_service": "the webhook was removed or disabled",
    "no_service_id": "the webhook's URL is not complete",
    "no_active_hooks": "the webhook was disabled",
    "invalid_token": "the webhook's URL is not valid",
    "no_team": "the workspace does not exist",
    "team_disabled": "the workspace was disabled",
    "channel_not_found": "the channel does not exist, or the bot cannot see it",
    "channel_is_archived": "the channel was archived",
    "is_archived": "the channel was archived",
    "not_in_channel": "the bot is not in the channel; invite it",
    "action_prohibited": "an administrator has forbidden posting there",
    "posting_to_general_channel_denied": "posting to the general channel is restricted",
    "user_not_found": "the person it is addressed to does not exist",
    "restricted_action": "an administrator has forbidden posting there",
    "restricted_action_read_only_channel": "the channel is read-only",
    "restricted_action_thread_only_channel": "only threads may be posted to there",
    "restricted_action_non_threadable_channel": "the channel has no threads",
    "not_authed": "no token was sent",
    "invalid_auth": "the token is not valid, or this address may not use it",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the token belongs to an account that was deleted",
    "access_denied": "the bot may not do this",
    "no_permission": "the bot lacks a permission",
    "missing_scope": "the bot lacks a scope",
    "not_allowed_token_type": "this is not a bot's token",
    "org_login_required": "the workspace is being migrated and needs a new login",
    "ekm_access_denied": "an administrator has suspended posting",
    "team_access_not_granted": "the bot was not granted access to the workspace",
    "enterprise_is_restricted": "the organization does not allow it",
    "messages_tab_disabled": "the person does not take messages of apps",
    "two_factor_setup_required": "the account needs two-factor authentication",
}
_UNSHOWABLE = frozenset(
    {
        "invalid_payload",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "missing_text_or_fallback_or_attachments",
        "no_text",
        "too_many_attachments",
        "attachment_payload_limit_exceeded",
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_json",
        "json_not_object",
    }
)
_ANEW = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cannot_reply_to_message",
        "edit_window_closed",
        "cant_update_message",
        "cant_delete_message",
        "compliance_exports_prevent_deletion",
        "is_inactive",
        "block_mismatch",
    }
)
_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
#: It may have been done all the same, says Slack's documentation.
_UNCLEAR = frozenset({"internal_error", "fatal_error", "request_timeout"})
_CUT_OFF = frozenset({Fault.TIMEOUT, Fault.CONNECTION})
#: Slack's words look like this; what a proxy says does not.
_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+|ratelimited")
_NO_PICTURE = "downloading image failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came of one request.

    Attributes:
        detail: For a person; says nothing of a URL or a token.

        data: What the Web API sent along.

        retry_after: Seconds that it wants to be left alone.

        unclear: Whether it may have been done, although it is not said to be.
    """

    sense: Sense
    response: Response
    detail: str = ""
    data: Mapping[str, Any]
    retry_after: float | None = None
    limited: bool = False
    unclear: bool = False

    def text(self, name: str) -> str | None:
        """Return one of the texts that were sent along."""
        value = self.data.get(name)
        return value if isinstance(value, str) and value else None


def read(response: Response, *, now: float, api: bool) -> Answer:
    """
    Say what an answer means. Total: no answer is too strange.

    Args:
        response: What came.

        now: In seconds since the epoch.

        api: Whether the Web API was asked, and not an incoming webhook.
    """
    said = response.body.decode(errors="replace").strip()
    data = _json(said)
    agreed = data.get("ok") is True if api else said == "ok"
    if response.status == 200 and agreed:
        return Answer(sense=Sense.OK, response=response, data=data)
    word = _word(said, data)
    sense = _sense(word, said, response.status)
    limited = word in _LIMITED or response.status == 429
    broken = response.status is not None and response.status >= 500 and not limited
    return Answer(
        sense=sense,
        response=response,
        detail=_detail(word, data, response),
        data=data,
        retry_after=retry_after(response.headers.get("retry-after"), now=now)
        if sense in {Sense.LATER, Sense.REFUSED}
        else None,
        limited=limited,
        unclear=word in _UNCLEAR or broken or response.fault in _CUT_OFF,
    )


def _json(said: str) -> Mapping[str, Any]:
    try:
        data = json.loads(said) if said.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _word(said: str, data: Mapping[str, Any]) -> str:
    given = data.get("error") if data else said[:200]
    found = _WORD.match(given) if isinstance(given, str) else None
    return found[0] if found else ""


def _sense(word: str, said: str, status: int | None) -> Sense:
    if word in DEAD:
        return Sense.GONE
    if word in _UNSHOWABLE or _NO_PICTURE in said[:16384].lower():
        return Sense.UNSHOWABLE
    if word in _ANEW:
        return Sense.ANEW
    if word in _LIMITED | _UNCLEAR or status is None:
        return Sense.LATER
    if status == 410:
        return Sense.GONE
    if status in REFUSALS:
        return Sense.UNSHOWABLE if word else Sense.REFUSED
    return Sense.LATER


def _detail(word: str, data: Mapping[str, Any], response: Response) -> str:
    if not word:
        status = "" if response.status is None else f"HTTP {response.status}"
        read_as = detail_of(response) or status
        ok = response.status == 200
        return f"200, but not Slack's ok: {read_as}" if ok else read_as
    parts = [DEAD.get(word, "")]
    if needed := data.get("needed"):
        parts.append(f"needed: {needed}")
    meta = data.get("response_metadata")
    messages = meta.get("messages") if isinstance(meta, dict) else None
    if isinstance(messages, list):
        parts.extend(str(message) for message in messages[:3])
    why = "; ".join(part for part in parts if part)
    return readable(f"{word}: {why}".encode() if why else word.encode())


def describe(response: Response) -> str:
    """Say to a person what came of a `bridge.channels.slack.probe`."""
    answer = read(response, now=response.at, api=True)
    if answer.sense is not Sense.OK:
        return f"Slack refuses it: {answer.detail}" if answer.detail else "no answer"
    who, where = answer.text("user") or "?", answer.text("team") or "?"
    said = f"a bot, signed in as {who} in the workspace {where}"
    scopes = response.headers.get("x-oauth-scopes", "")
    if scopes and "chat:write" not in re.split(r"[\s,]+", scopes):
        said += "; it lacks the scope chat:write"
    return readable(said.encode())
