"""
mjbridge: webhooks for Midjourney tasks.

    import bridge
    bridge.track(["1730621826053455"], metadata={"order": "77"})

Importing this package alone imports neither Celery nor anything that does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from bridge.version import __version__

if TYPE_CHECKING:
    from bridge.app.ports import Tracked
    from bridge.app.views.actions import Action

__all__ = ["__version__", "imagine", "press", "track"]


def track(
    ids: Iterable[str],
    *,
    upstream: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    hook: str | None = None,
    hook_format: Literal["event", "midjourney"] | None = None,
) -> Tracked:
    """
    Begin to follow tasks: every change is sent to the configured endpoints.

    The settings are those of the command line: environment, ``.env``, ``bridge.toml``.
    May be called from anywhere, also while an event loop runs; it blocks for some
    milliseconds.

    Args:
        ids: Task ids as the gateway gave them. All are checked before any is tracked.

        upstream: The upstream's name; may be left out where there is one, or one that
            is called ``default``.

        metadata: Anything that JSON can say; every event of these tasks carries it.

        hook: The URL of a receiver of these tasks' events, beside the endpoints. An id that is
            tracked already takes it on if it has none.

        hook_format: What the hook is sent: ``"event"``, as endpoints are, or
            ``"midjourney"``, the task as the protocol's own ``notifyHook`` sends it.

    Returns:
        Which ids are followed now that were not, which were already, and which could not
        take on the hook, with the reason.

    Raises:
        bridge.errors.Misconfigured: An id, the upstream, the hook or the settings are wrong.

        bridge.errors.StoreUnavailable: The store did not answer within 3 s.
    """
    from bridge.runtime.deployment import track_now

    return track_now(
        ids if isinstance(ids, str | bytes) else list(ids),
        upstream=upstream,
        metadata=metadata,
        hook=hook,
        hook_format=hook_format,
    )


def press(
    task_id: str,
    button: str,
    *,
    prompt: str | None = None,
    upstream: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    hook: str | None = None,
    hook_format: Literal["event", "midjourney"] | None = None,
    key: str | None = None,
) -> Action:
    """
    Press a button of a task; the task that comes of it is followed.

    It is written down and sent by a worker, once, however often it is asked for.

    Args:
        task_id: A task that is tracked.

        button: A label (``U1``), a kind with an index (``upsample:1``) or a ``customId``.

        prompt: For buttons that ask for one.

        upstream: The upstream's name, if several know the id.

        metadata: What the new task's events carry; without it, what the pressed task's do.

        hook: The URL of a receiver of the new task's events; without it, the pressed task's.

        hook_format: As for `track`.

        key: Tells presses of one button apart that are meant to be several. What is pressed
            once (upsamples and upscales) is otherwise the action that exists.

    Returns:
        The action as it stands now: most are ``pending``.

    Raises:
        bridge.errors.NotFound: No such task is known.

        bridge.errors.Refused: It has no such button, or that one needs a prompt.

        bridge.errors.Misconfigured: The metadata, the hook or the settings are wrong.

        bridge.errors.StoreUnavailable: The store did not answer within 3 s.
    """
    from bridge.runtime.deployment import press_now

    return press_now(
        task_id,
        button,
        upstream=upstream,
        prompt=prompt,
        metadata=metadata,
        hook=hook,
        hook_format=hook_format,
        key=key,
    )


def imagine(
    prompt: str,
    *,
    upstream: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    hook: str | None = None,
    hook_format: Literal["event", "midjourney"] | None = None,
    key: str | None = None,
) -> Action:
    """
    Submit a prompt; the task that comes of it is followed.

    Args:
        prompt: As it is typed in Midjourney, parameters included.

        key: Makes asking twice one submission; without it, each call is another.

    Returns:
        The action as it stands now: most are ``pending``.

    Raises:
        bridge.errors.Misconfigured: The upstream, the metadata, the hook or the settings are wrong.

        bridge.errors.StoreUnavailable: The store did not answer within 3 s.
    """
    from bridge.runtime.deployment import submit_now

    return submit_now(
        "imagine",
        {"prompt": prompt},
        upstream=upstream,
        metadata=metadata,
        hook=hook,
        hook_format=hook_format,
        key=key,
    )
