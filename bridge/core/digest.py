"""What makes a snapshot another one: its digest, without what gateways decorate anew."""

from __future__ import annotations

from dataclasses import fields
from hashlib import blake2b
from operator import attrgetter

from bridge.core.media_url import stable
from bridge.core.task import TaskSnapshot

#: All but the lists, the picture, whose URL varies, and the row that it was read from.
_plain_fields = attrgetter(
    *(
        field.name
        for field in fields(TaskSnapshot)
        if field.name not in {"image_url", "video_urls", "buttons", "row_digest"}
    )
)


def digest_of(snapshot: TaskSnapshot) -> str:
    """Return a snapshot's digest: the same for every answer that says the same."""
    # No text is empty, and none has a NUL in it: no two snapshots are the same in here.
    values = [*_plain_fields(snapshot), stable(snapshot.image_url)]
    values += [*snapshot.video_urls, None]
    for button in snapshot.buttons:
        values += [button.custom_id, button.label, button.emoji]
    text = "\0".join("" if value is None else str(value) for value in values)
    return blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()
