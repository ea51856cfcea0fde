"""Why clicks that the bridge fetches do not arrive, and what to do, in words for people. Pure."""

from __future__ import annotations

from bridge.app.ports import EndpointRow

#: What Telegram's answers with 409 have in them.
_OTHER_READER, _WEBHOOK = "other getUpdates", "webhook"


def why_unheard(row: EndpointRow) -> tuple[str, ...]:
    """Return what hinders the clicks on an endpoint's buttons, and what to do; empty for nothing."""
    said = row.unheard
    if said is None:
        return ()
    if _OTHER_READER in said:
        return (
            "another program fetches its bot's clicks (Telegram answers 409), and takes them from us",
            "end that program, or give each a bot of its own",
        )
    if _WEBHOOK in said:
        return has_webhook(row.name)
    return f"clicks on its buttons cannot be fetched: {said}", "mjbridge check --online"


def has_webhook(name: str) -> tuple[str, str]:
    """Return the same for an endpoint whose bot sends its clicks elsewhere."""
    return (
        "the bot has a webhook, so that clicks cannot be fetched (Telegram answers 409)",
        f"mjbridge setup telegram {name}",
    )
