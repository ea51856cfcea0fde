"""
Media: what a file is, by its own bytes.

Names, types that a server announces and extensions of URLs are somebody else's word: gateways
answer errors with 200 and a page, and call a page a picture. Known are the formats that every
browser shows and that no browser takes for a program: PNG, JPEG, WEBP, GIF and MP4. SVG is
none of them, for it can hold scripts.

Nothing is decoded here. How many pixels a picture has stands in its head, and is judged before
anybody makes room for them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from struct import unpack_from

#: Media types, by the extension of the names that files are kept under.
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
}
#: Pixels of a picture at most: the largest that Midjourney makes have 17 million.
MAX_PIXELS = 40_000_000
#: Bytes of a video at most.
MAX_VIDEO = 500 * 1024 * 1024
#: Pixels on the longer side of the thumbnails that are made.
THUMBNAILS = (256, 512, 1024)

#: Bytes at a file's beginning that are read for what it is. A JPEG's size may stand behind
#: a profile and a preview.
_HEAD = 256 * 1024
#: Bytes at its end in which the format's own end must be.
_TAIL = 1024
#: Bytes from which a format is known.
_SIGNATURE = 16
#: Brands of the ISO container that are no MP4: pictures, and QuickTime.
_OTHER_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"qt  ")

_NAME = re.compile(
    rf"([0-9a-f]{{64}})(?:-({'|'.join(map(str, THUMBNAILS))})(?=\.webp$))?\.({'|'.join(TYPES)})"
)


class UnwantedContent(Exception):  # noqa: N818 - it is what came, and not a mistake
    """
    What came is not kept.

    Attributes:
        final: Whether the same URL will never bring anything else.
    """

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What a file is; a video's size in pixels is not read."""

    extension: str
    width: int | None = None
    height: int | None = None

    @property
    def type(self) -> str:
        """The media type."""
        return TYPES[self.extension]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """
    A file in the archive.

    Attributes:
        sha256: Of its bytes, in hexadecimal digits: what it is kept under.

        type: The media type.

        source: The URL that it came from.

        url: Where anyone who knows the name gets it.

        thumbnails: The sizes that there are of it, see `THUMBNAILS`.
    """

    sha256: str
    bytes: int
    type: str
    width: int | None = None
    height: int | None = None
    source: str = ""
    url: str = ""
    thumbnails: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name that it is kept under."""
        extension = next(end for end, type_ in TYPES.items() if type_ == self.type)
        return f"{self.sha256}.{extension}"


def thumbnail_name(name: str, size: int) -> str:
    """Return what the thumbnail of a kept file is called."""
    return f"{name.partition('.')[0]}-{size}.webp"


def type_of_name(name: str) -> str | None:
    """Return the media type of a kept file or a thumbnail; ``None`` if none can have the name."""
    found = _NAME.fullmatch(name)
    return TYPES[found[3]] if found else None


class Inspector:
    """
    Judges a file while it comes in.

    Args:
        max_bytes: Bytes that a picture may have.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self.size = 0
        self._max_picture = max_bytes
        self._head = bytearray()
        self._tail = b""
        self._extension = ""

    def take(self, chunk: bytes) -> None:
        """
        Judge what has come so far.

        Raises:
            UnwantedContent: It is not kept.
        """
        self.size += len(chunk)
        self._head += chunk[: _HEAD - len(self._head)]
        self._tail = (self._tail + chunk)[-_TAIL:]
        if not self._extension and self.size >= _SIGNATURE:
            self._extension = _extension(self._head)
        limit = MAX_VIDEO if self._extension == "mp4" else self._max_picture
        if self.size > limit:
            msg = f"it has more than {limit:,} bytes"
            raise UnwantedContent(msg, final=True)

    def end(self) -> Media:
        """
        Return what the whole file is.

        Raises:
            UnwantedContent: It is not kept.
        """
        head = bytes(self._head)
        if not self._extension:
            self._extension = _extension(head)
        if self._extension == "mp4":
            return Media(extension="mp4")
        width, height = _size_in_pixels(self._extension, head)
        if not _is_whole(self._extension, head, self._tail, self.size):
            msg = f"it is a part of a {self._extension} only"
            raise UnwantedContent(msg, final=False)
        if width * height > MAX_PIXELS:
            millions = f"{width * height / 1e6:.0f} million pixels"
            msg = f"it has {millions}, and more than {MAX_PIXELS // 10**6} are not decoded"
            raise UnwantedContent(msg, final=True)
        return Media(extension=self._extension, width=width, height=height)


def sniff(head: bytes) -> str | None:
    """Return the extension of what begins like this; ``None`` for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[4:8] == b"ftyp" and head[8:12].lower() not in _OTHER_BRANDS:
        return "mp4"
    return None


def _extension(head: bytes | bytearray) -> str:
    found = sniff(bytes(head[:_SIGNATURE]))
    if found is not None:
        return found
    beginning = bytes(head[:_SIGNATURE]).lstrip().lower()
    if beginning.startswith((b"<svg", b"<?xml")):
        msg = "it is an SVG, or other XML, which can hold scripts"
        raise UnwantedContent(msg, final=True)
    # An error page may give way to the picture.
    what = "a page" if beginning.startswith(b"<") else "neither a picture nor a video"
    msg = f"it is {what}: kept are PNG, JPEG, WEBP, GIF and MP4"
    raise UnwantedContent(msg, final=False)


def _size_in_pixels(extension: str, head: bytes) -> tuple[int, int]:
    readers = {"png": _png, "jpg": _jpeg, "webp": _webp, "gif": _gif}
    try:
        width, height = readers[extension](head)
    except (IndexError, ValueError, struct.error):
        width = height = 0
    if width < 1 or height < 1:
        msg = f"its head is not that of a {extension}"
        raise UnwantedContent(msg, final=False)
    return width, height


def _png(head: bytes) -> tuple[int, int]:
    if head[12:16] != b"IHDR":
        raise ValueError
    width, height = unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes) -> tuple[int, int]:
    width, height = unpack_from("<HH", head, 6)
    return width, height


def _webp(head: bytes) -> tuple[int, int]:
    match head[12:16]:
        case b"VP8 ":
            width, height = unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = unpack_from("<I", head, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width = int.from_bytes(head[24:27], "little") + 1
            return width, int.from_bytes(head[27:30], "little") + 1
    raise ValueError


def _jpeg(head: bytes) -> tuple[int, int]:
    """Walk the segments to the frame's header. Source: ITU T.81, B.1.1.3 and B.2.2."""
    place = 2
    while True:
        if head[place] != 0xFF:
            raise ValueError
        marker = head[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif marker in range(0xC0, 0xD0) and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = unpack_from(">HH", head, place + 5)
            return width, height
        elif marker in {0x01, *range(0xD0, 0xD9)}:  # without a length
            place += 2
        else:
            (length,) = unpack_from(">H", head, place + 2)
            place += 2 + length


def _is_whole(extension: str, head: bytes, tail: bytes, size: int) -> bool:
    match extension:
        case "png":
            return b"IEND\xaeB`\x82" in tail
        case "jpg":
            return b"\xff\xd9" in tail
        case "gif":
            return b"\x3b" in tail
    (length,) = unpack_from("<I", head, 4)
    return size >= int(length) + 8
