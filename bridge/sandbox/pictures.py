"""
Pictures: a landscape for every task, drawn when it is asked for and never stored.

The same task always gets the same picture, and image 3 of a grid is what its U3 shows in
full. Drawn by columns: a column is a stack of slices of ready-made vertical gradients, which
plain `bytes` can do at the speed of C; a pixel at a time would take a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sin, sqrt
from random import Random
from re import findall
from typing import NamedTuple

from bridge.sandbox.canvas import (
    Colour,
    Rows,
    Stripe,
    blend,
    encode,
    enlarge,
    gradient,
    mix,
    transpose,
)

#: Side of a picture, in pixels.
SIDE = 512

#: Pixels between the four images of a grid.
GAP = 4

#: The whole is drawn this many times coarser while a task is at that progress, in percent:
#: a preview that sharpens, as Midjourney shows it.
COARSENESS = ((20, 32), (40, 16), (70, 8), (100, 4))


class Mood(NamedTuple):
    """The colours of a landscape, from the top of the sky to the nearest hill."""

    zenith: Colour
    sky: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour
    words: tuple[str, ...] = ()
    stars: bool = False


MOODS = (
    Mood(
        (38, 33, 84), (146, 74, 122), (252, 176, 110), (255, 236, 190), (166, 96, 122), (34, 22, 48),
        ("sunset", "dusk", "evening", "city"),
    ),
    Mood(
        (9, 14, 38), (26, 42, 84), (92, 106, 150), (240, 240, 224), (62, 78, 122), (8, 12, 28),
        ("night", "moon", "star", "dark", "space"), stars=True,
    ),
    Mood(
        (74, 148, 200), (146, 200, 222), (246, 236, 208), (255, 250, 232), (142, 178, 190), (24, 74, 78),
        ("sea", "island", "summer", "boat", "harbour"),
    ),
    Mood(
        (132, 152, 168), (186, 198, 204), (236, 234, 226), (252, 250, 244), (176, 188, 194), (44, 58, 66),
        ("fog", "mist", "rain", "winter", "snow", "lighthouse"),
    ),
    Mood(
        (232, 146, 96), (246, 190, 130), (254, 228, 182), (255, 250, 224), (216, 142, 104), (104, 44, 40),
        ("desert", "dune", "mars", "canyon", "fox", "autumn"),
    ),
    Mood(
        (96, 168, 172), (170, 210, 186), (244, 238, 196), (255, 252, 226), (122, 168, 140), (18, 56, 44),
        ("forest", "tree", "garden", "spring", "meadow"),
    ),
    Mood(
        (12, 22, 52), (24, 84, 98), (116, 196, 154), (226, 255, 226), (48, 88, 104), (8, 20, 32),
        ("aurora", "north", "ice"), stars=True,
    ),
    Mood(
        (176, 120, 168), (236, 168, 176), (255, 220, 196), (255, 246, 226), (190, 138, 170), (70, 40, 84),
        ("dream", "cherry", "pink", "morning", "sunrise"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is in one image: fractions of its side, so that it can be drawn at any size."""

    mood: Mood
    sun: tuple[float, float, float]  # across, down, radius
    hills: tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...]
    stars: tuple[tuple[float, float], ...]


def picture(
    seed: str, prompt: str, *, image: int | None = None, progress: int = 100
) -> bytes:
    """
    The PNG of a task: a grid of four, or *image* (1 to 4) of it in full.

    Args:
        seed: Names the images: a grid and its upscales share one.

        progress: In percent; below 100 the picture is a coarse preview.
    """
    coarse = next((size for until, size in COARSENESS if progress < until), 1)
    return _png(seed, _mood(seed, prompt), image, coarse)


def _mood(seed: str, prompt: str) -> int:
    """
    A prompt that speaks of the night gets one; any other has its mood by chance, which the
    variations of a picture (``family/another``) share with it.
    """
    words = {word.removesuffix("s") for word in findall(r"[a-z]+", prompt.lower())}
    for number, mood in enumerate(MOODS):
        if words.intersection(mood.words):
            return number
    return Random(f"mood {seed.partition('/')[0]}").randrange(len(MOODS))


@lru_cache(maxsize=32)
def _png(seed: str, mood: int, image: int | None, coarse: int) -> bytes:
    if image is not None:
        return encode(
            enlarge(_draw(_scene(seed, mood, image), SIDE // coarse), coarse, SIDE)
        )
    half = (SIDE - GAP) // 2
    cells = [
        enlarge(_draw(_scene(seed, mood, number), -(-half // coarse)), coarse, half)
        for number in (1, 2, 3, 4)
    ]
    gap = b"\xf4\xf2\xee" * GAP
    pairs = [
        [left + gap + right for left, right in zip(cells[i], cells[i + 1], strict=True)]
        for i in (0, 2)
    ]
    return encode([*pairs[0], *[b"\xf4\xf2\xee" * (2 * half + GAP)] * GAP, *pairs[1]])


def _scene(seed: str, mood: int, image: int) -> Scene:
    """Compose one image: where its sun stands, how its hills roll."""
    dice = Random(f"{seed} {image}")
    ridges = dice.choice((3, 4, 4, 5))
    hills = []
    for ridge in range(ridges):
        depth = ridge / (ridges - 1)  # 0 is the farthest
        rough = 0.075 - 0.035 * depth
        waves = tuple(
            (
                rough / (wave + 1),
                (wave + 1) * dice.uniform(1.2, 2.6),
                dice.uniform(0, 2 * pi),
            )
            for wave in range(6 - round(3 * depth))
        )
        hills.append((0.56 + 0.32 * depth + dice.uniform(-0.03, 0.03), waves))
    return Scene(
        mood=MOODS[mood],
        sun=(dice.uniform(0.2, 0.8), dice.uniform(0.22, 0.5), dice.uniform(0.05, 0.1)),
        hills=tuple(hills),
        stars=tuple((dice.random(), dice.random() * 0.55) for _ in range(70)),
    )


def _draw(scene: Scene, side: int) -> Rows:
    """Draw a scene as *side* rows of RGB."""
    mood = scene.mood
    across, down, radius = (part * side for part in scene.sun)
    sky = gradient((mood.zenith, mood.sky, mood.horizon, mood.horizon), side)
    # The glow is a stack of discs, each a little more like the sun than the one around it.
    rings = [
        (radius * (4.2 - 0.4 * ring), blend(sky, mood.sun, 0.035 + 0.035 * ring))
        for ring in range(8)
    ] + [(radius, blend(sky, mood.sun, 0.96))]
    hills = [
        _hill(mood, index / (len(scene.hills) - 1), level, side)
        for index, (level, _) in enumerate(scene.hills)
    ]
    columns: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    for x in range(side):
        cuts = _sky_cuts(x - across, down, rings, side, sky)
        tops = [_top(level, waves, x / side, side) for level, waves in scene.hills]
        cuts = _stack(cuts, list(zip(tops, hills, strict=True)), side)
        for plane in (0, 1, 2):
            columns[plane].append(
                b"".join([stripe[plane][begin:end] for begin, end, stripe in cuts])
            )
    rows = transpose(columns, side)
    if mood.stars:
        _light_stars(rows, scene, side)
    return rows


Cut = tuple[int, int, Stripe]  # from, to, and the gradient that shows between


def _sky_cuts(
    dx: float, down: float, rings: list[tuple[float, Stripe]], side: int, sky: Stripe
) -> list[Cut]:
    """One column of sky with the sun in it: the nested chords of its discs, top to bottom."""
    above: list[Cut] = []
    below: list[Cut] = []
    begin, end, inner = 0, side, sky
    for radius, stripe in rings:
        if abs(dx) >= radius:
            break
        chord = sqrt(radius * radius - dx * dx)
        top, bottom = max(begin, round(down - chord)), min(end, round(down + chord))
        above.append((begin, top, inner))
        below.append((bottom, end, inner))
        begin, end, inner = top, max(top, bottom), stripe
    return [*above, (begin, end, inner), *reversed(below)]


def _stack(cuts: list[Cut], hills: list[tuple[int, Stripe]], side: int) -> list[Cut]:
    """Put the hills in front of the sky, the nearest last."""
    for top, stripe in hills:
        cuts = [
            (begin, min(end, top), shown) for begin, end, shown in cuts if begin < top
        ]
        cuts.append((top, side, stripe))
    return cuts


def _top(
    level: float, waves: tuple[tuple[float, float, float], ...], at: float, side: int
) -> int:
    """Where a ridge begins at *at*, in pixels from the top."""
    height = sum(size * sin(2 * pi * pace * at + phase) for size, pace, phase in waves)
    return max(0, min(side, round((level - height) * side)))


def _hill(mood: Mood, depth: float, level: float, side: int) -> Stripe:
    """A ridge: its own colour at the crest, fading into the mist in the valley below it."""
    crest = mix(mood.far, mood.near, depth)
    valley = mix(crest, mood.horizon, 0.42 * (1 - depth))
    start = max(0, round((level - 0.1) * side))
    span = gradient((crest, valley), max(2, round(0.3 * side)))
    return tuple(
        (plane[:1] * start + plane + plane[-1:] * side)[:side] for plane in span
    )  # type: ignore[return-value]  # three planes in, three out


def _light_stars(rows: Rows, scene: Scene, side: int) -> None:
    """Set stars where the sky is still dark, so that none shines through a hill."""
    horizon = min(level for level, _ in scene.hills) - 0.16
    for across, down in scene.stars:
        if down < horizon:
            row = bytearray(rows[int(down * side)])
            at = 3 * int(across * (side - 1))
            row[at : at + 3] = bytes(
                min(255, value + 110) for value in row[at : at + 3]
            )
            rows[int(down * side)] = bytes(row)
