"""Errors in fetching clicks: why they do not arrive, and what to do, in words for people. Pure."""

from __future__ import annotations

from bridge.app.ports import EndpointRow

#: What Telegram's answers with 409 have in them.
_OTHER_READER, _WEBHOOK = "other getUpdates", "webhook"


def explain_click_error(row: EndpointRow) -> tuple[str, ...]:
    """Return why clicks on an endpoint's buttons are not fetched, and what to do; empty if they are."""
    said = row.click_error
    if said is None:
        return ()
    if _OTHER_READER in said:
        return (
            "another program fetches its bot's clicks (Telegram answers 409), and takes them from us",
            "end that program, or give each a bot of its own",
        )
    if _WEBHOOK in said:
        return explain_webhook(row.name)
    return f"clicks on its buttons cannot be fetched: {said}", "mjbridge check --online"


def explain_webhook(name: str) -> tuple[str, str]:
    """Return the same for an endpoint whose bot has a webhook."""
    return (
        "the bot has a webhook, so that clicks cannot be fetched (Telegram answers 409)",
        f"mjbridge setup telegram {name}",
    )
