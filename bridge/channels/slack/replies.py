"""
Replies: what Slack's answers mean.

Rule 1: only ``ok`` is a success: the whole body of a webhook's answer, or ``"ok": true``
in the Web API's, which answers 200 to everything. A proxy's page with 200 is a failure.
A Slack-compatible server (Mattermost, Rocket.Chat) is known by its host, and takes a message
with ``{"success": true}``, with ``{"ok": true}`` or without a word, too.
Rule 2: Slack's own word for what is wrong decides; the status only where there is none.
The statuses beside the words are not documented, and have changed.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bridge.channels.reply import Reply, detail_of, readable, reply_to
from bridge.core.delivery import REFUSALS, AttemptResult
from bridge.core.http import Response, json_object

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
UNSHOWABLE = frozenset(
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
#: The message is not there any more.
MISSING = frozenset(
    {"message_not_found", "thread_not_found", "cannot_reply_to_message"}
)
#: The message cannot be changed any more.
FROZEN = frozenset(
    {
        "edit_window_closed",
        "cant_update_message",
        "cant_delete_message",
        "compliance_exports_prevent_deletion",
        "is_inactive",
        "block_mismatch",
    }
)
LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
#: It may have been done all the same, says Slack's documentation.
UNCLEAR = frozenset({"internal_error", "fatal_error", "request_timeout"})
#: Slack's words look like this; what a proxy says does not.
_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+|ratelimited")
_NO_PICTURE = "downloading image failed"


def read(response: Response, *, api: bool, compatible: bool = False) -> Reply:
    """
    Read what Slack answers. Never raises.

    Args:
        api: Whether the Web API was called, and not an incoming webhook.

        compatible: Whether the webhook is on a host that is not Slack's.
    """
    text = response.body.decode(errors="replace").strip()
    data = json_object(text)
    status = response.status or 0
    if _is_taken(status, text, data, api=api, compatible=compatible):
        message, channel = data.get("ts"), data.get("channel")
        placed = isinstance(message, str) and isinstance(channel, str)
        return Reply(
            result=AttemptResult.DELIVERED,
            message=str(message) if placed else "",
            channel=str(channel) if placed else "",
        )
    word = _word(text, data)
    limited = word in LIMITED or status == 429
    reply = _reply_of(word, text, status)
    return replace(
        reply,
        detail=_detail(word, data, response),
        limited=limited,
        # A page instead of an answer, or an error of theirs: the message may be there.
        unclear=word in UNCLEAR
        or (status >= 500 and not limited)
        or (status < 400 and "ok" not in data),
        code=word,
    )


def _is_taken(
    status: int, text: str, data: Mapping[str, object], *, api: bool, compatible: bool
) -> bool:
    if api:
        return status == 200 and data.get("ok") is True
    if not compatible:
        return status == 200 and text == "ok"
    agrees = data.get("success") is True or data.get("ok") is True
    return 200 <= status < 300 and (agrees or text.lower() in {"", "ok"})


def _word(text: str, data: Mapping[str, object]) -> str:
    given = data.get("error") if data else text[:200]
    found = _WORD.match(given) if isinstance(given, str) else None
    return found[0] if found else ""


def _reply_of(word: str, text: str, status: int) -> Reply:
    if word in DEAD:
        return Reply(result=AttemptResult.GONE)
    if word in UNSHOWABLE or _NO_PICTURE in text[:16384].lower():
        return Reply(result=AttemptResult.PERMANENT_FAILURE, fallback=True)
    if word in MISSING | FROZEN:
        failed = AttemptResult.FAILED
        return Reply(result=failed, repost=True, missing=word in MISSING)
    if word in LIMITED | UNCLEAR:
        return Reply(result=AttemptResult.FAILED)
    if status == 410:
        return Reply(result=AttemptResult.GONE)
    if status in REFUSALS:
        # Without a word it is not Slack's own refusal, and there is no arguing with it.
        result = AttemptResult.PERMANENT_FAILURE if word else AttemptResult.REFUSED
        return Reply(result=result, fallback=bool(word))
    return Reply(result=AttemptResult.FAILED)


def _detail(word: str, data: Mapping[str, object], response: Response) -> str:
    if not word:
        read_as = detail_of(response) or f"HTTP {response.status}"
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
    """Return what came of a `bridge.channels.slack.probe`, in words for a person."""
    reply = reply_to(response, partial(read, api=True))
    if not reply.ok:
        return f"Slack refuses it: {reply.detail}" if reply.detail else "no answer"
    data = json_object(response.body)
    user, team = data.get("user") or "?", data.get("team") or "?"
    text = f"a bot, signed in as {user} in the workspace {team}"
    scopes = response.headers.get("x-oauth-scopes", "")
    if scopes and "chat:write" not in re.split(r"[\s,]+", scopes):
        text += "; it lacks the scope chat:write"
    return readable(text.encode())
