"""
The canvas of `pictures`: colours, vertical gradients, rows of pixels, and the PNG of them.

Work is done on whole rows and columns of `bytes`, never on a pixel at a time.
"""

from __future__ import annotations

import struct
import zlib

Colour = tuple[int, int, int]
Stripe = tuple[bytes, bytes, bytes]  # one vertical gradient, by red, green and blue
Rows = list[bytes]


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """*part* of the way from one colour to the other."""
    red, green, blue = (
        round(a + (b - a) * part) for a, b in zip(one, other, strict=True)
    )
    return red, green, blue


def gradient(stops: tuple[Colour, ...], length: int) -> Stripe:
    """From the first colour down to the last, in equal steps."""
    shades = []
    for y in range(length):
        at = y / length * (len(stops) - 1)
        shades.append(mix(stops[int(at)], stops[int(at) + 1], at % 1))
    red, green, blue = zip(*shades, strict=True)
    return bytes(red), bytes(green), bytes(blue)


def blend(stripe: Stripe, colour: Colour, part: float) -> Stripe:
    """The gradient with a tint of *colour* over it."""
    red, green, blue = (
        bytes(round(value + (tint - value) * part) for value in plane)
        for plane, tint in zip(stripe, colour, strict=True)
    )
    return red, green, blue


def transpose(columns: tuple[list[bytes], list[bytes], list[bytes]], side: int) -> Rows:
    """Turn columns by colour into rows of RGB."""
    planes = [b"".join(plane) for plane in columns]
    rows = []
    for y in range(side):
        row = bytearray(3 * side)
        for plane in (0, 1, 2):
            row[plane::3] = planes[plane][y::side]
        rows.append(bytes(row))
    return rows


def enlarge(rows: Rows, times: int, side: int) -> Rows:
    """Blow every pixel up to a square, and cut the whole to *side*."""
    if times == 1:
        return rows
    out = []
    for row in rows:
        pixels = (row[at : at + 3] * times for at in range(0, len(row), 3))
        out.extend([b"".join(pixels)[: 3 * side]] * times)
    return out[:side]


def encode(rows: Rows) -> bytes:
    """A PNG of rows of 8-bit RGB. Source: the PNG specification, 3rd edition, sections 5 and 11."""
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 3)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )
