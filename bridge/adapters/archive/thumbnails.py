"""
Thumbnails, made with Pillow where that is installed, in one thread of their own.

A picture is decoded only after its head has said how many pixels it has, and only by the
decoders of the formats that are kept. One at a time: a large one takes a second, and some
hundred megabytes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bridge.core.media import MAX_PIXELS, THUMBNAILS

if TYPE_CHECKING:
    from PIL.Image import Image

log = structlog.get_logger(__name__)

#: What Pillow calls the formats that are kept.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_QUALITY = 80
#: Modes whose pixels can be mixed; others are converted first.
_SCALED_AS_THEY_ARE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="mjbridge-thumbnails")


def installed() -> bool:
    """Return whether thumbnails can be made."""
    return importlib.util.find_spec("PIL") is not None


async def make(path: Path) -> Mapping[int, bytes]:
    """
    Return a picture's thumbnails by their size, those that are smaller than it.

    Never raises: what cannot be made is left out, and logged.
    """
    if not installed():
        return {}
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_THREAD, thumbnails_of, path)
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything
        log.warning("archive.no_thumbnail", error=type(error).__name__)
        return {}


def thumbnails_of(path: Path) -> dict[int, bytes]:
    """
    Make the thumbnails of a picture.

    Raises:
        Exception: Whatever its decoder raises.
    """
    from PIL import Image  # noqa: PLC0415 - it may not be there

    made: dict[int, bytes] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                return made
            longest = max(THUMBNAILS)
            opened.draft("RGB", (longest, longest))  # a JPEG is decoded smaller
            if opened.mode in _SCALED_AS_THEY_ARE:  # before there are copies of it
                opened.thumbnail((longest, longest), reducing_gap=2.0)
            picture = _plain(opened)
        for size in sorted(THUMBNAILS, reverse=True):
            if max(width, height) > size:
                picture.thumbnail(
                    (size, size), Image.Resampling.LANCZOS, reducing_gap=2.0
                )
                target = io.BytesIO()
                picture.save(target, "WEBP", quality=_QUALITY, method=2)
                made[size] = target.getvalue()
    return made


def _plain(opened: Image) -> Image:
    """Return the first picture, upright, in colours that WEBP has."""
    from PIL import ImageOps  # noqa: PLC0415

    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16 bits of grey: of those, 8 are shown
        return picture.point(lambda value: value / 256).convert("L").convert("RGB")
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    return picture.convert("RGBA" if transparent else "RGB")
