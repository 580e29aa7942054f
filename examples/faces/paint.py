"""Colour of skin, lips, beard shadow, clothes and eyes at points of the head.

`p` (n, 3) are base coordinates, see mesh.py; masks are (n,) in 0..1; colours are linear RGB (n, 3).
"""

from functools import cache

import numpy as np
from hair import above_hairline
from mesh import Head
from person import Brows, Person, linear
from raster import value_noise
from vectors import Array, Rng, smooth, vec

SKIN = linear((250, 213, 190), (243, 199, 170), (231, 183, 147), (214, 163, 124), (182, 127, 90), (137, 89, 62),
              (98, 63, 46), (68, 46, 37))  # fmt: skip
SCLERA = vec([0.72, 0.69, 0.66])
SHADOW_STRENGTH = {"none": 0.07, "stubble": 0.27, "moustache": 0.6, "short": 0.5, "full": 0.75}


@cache
def _noise_table() -> Array:
    return np.random.default_rng(7).random((32, 32, 32)).astype(np.float32)


def noise(p: Array, frequency: float, offset: Array | float = 0.0) -> Array:
    """Value noise (n,) in 0..1, of `frequency` cells a dm."""
    return value_noise(_noise_table(), vec(p), frequency, np.full(3, offset, np.float32))


def spot(p: Array, x: float, y: float, rx: float, ry: float) -> Array:
    """A soft mirrored pair of blobs on the front of the face."""
    return np.exp(-(((np.abs(p[:, 0]) - x) / rx) ** 2) - ((p[:, 1] - y) / ry) ** 2) * (p[:, 2] > 0.3)


def brow_mask(p: Array, brows: Brows) -> Array:
    """Where eyebrows grow."""
    x: Array = np.abs(p[:, 0])
    line = brows.height + brows.arch * smooth(0.1, 0.38, x) - (0.05 + brows.arch) * smooth(0.4, 0.66, x)
    line = line + brows.tilt * (x - 0.3)
    half = brows.thickness * (0.75 + 0.25 * smooth(0.08, 0.2, x)) * (1 - 0.65 * smooth(0.36, 0.66, x))
    ends = smooth(0.085, 0.17, x) * smooth(0.63, 0.47, x) * (p[:, 2] > 0.6)
    inside: Array = np.exp(-(np.abs((p[:, 1] - line) / half) ** 2.5))
    return inside * ends


def beard_mask(p: Array, beard: str) -> Array:
    """Where a beard of this kind grows."""
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    moustache = smooth(0.33, 0.2, x) * smooth(6.64, 6.7, y) * smooth(6.87, 6.78, y) * (z > 0.8)
    if beard == "moustache":
        return moustache
    jaw = smooth(-0.03, 0.16, (6.57 - y) + 0.95 * np.clip(x - 0.27, 0, None) - 0.25 * smooth(0.5, 0.75, x))
    jaw = jaw * smooth(-0.15, 0.05, y - 6.05 - 0.42 * (1.3 - z)) * smooth(0.1, 0.3, z) * (x < 0.745)  # no neck
    corners = smooth(0.36, 0.28, x) * smooth(0.2, 0.26, x) * smooth(6.82, 6.76, y) * (y > 6.4) * (z > 0.7)
    return np.maximum(jaw, np.maximum(moustache, 0.8 * corners))


def cover(color: Array, mask: Array, tint: Array) -> Array:
    """Mix `color` with `tint`, (n, 3) or (3,), by a mask."""
    return color + vec(np.clip(mask, 0, 1))[:, None] * (vec(tint) - color)


def paint_skin(rng: Rng, head: Head, person: Person, p: Array, uv: Array) -> Array:
    """Albedo of the skin, with lips, brows, beard shadow and scalp."""
    offset = rng.uniform(0, 32, 3)
    place = person.tone * (len(SKIN) - 1)
    skin = vec([np.interp(place, range(len(SKIN)), channel) for channel in SKIN.T]) * rng.uniform(0.92, 1.06)
    skin = skin * (1 + rng.normal(-0.03, 0.025) * vec([-0.4, 0.3, 1.4]))  # rosy or golden
    fair = float(np.clip(1 - 1.2 * person.tone, 0.2, 1))
    color = np.repeat(vec(skin)[None], len(p), 0)
    color = blotches(rng, color, p, fair, offset)
    color = marks_of_age(rng, color, p, person, offset)
    lips = head.mask_at("lips", uv)
    color = make_up(rng, color, skin, lips, head.mask_at("eyelids", uv), person)
    color = cover(color, 0.8 * brow_mask(p, person.brows), person.brow_color)
    if not person.female and person.male > 0.5:
        strength = SHADOW_STRENGTH[person.beard] * (0.75 + 0.5 * noise(p, 30, offset))
        shadow = color * vec([0.27, 0.28, 0.31]) + 0.4 * person.brow_color
        color = cover(color, strength * beard_mask(p, person.beard) * (1 - np.clip(1.4 * lips, 0, 1)), shadow)
    if person.style:  # seen between the strands
        edge = above_hairline(p, person.style) + 0.08 * (noise(p, 12, offset) - 0.5)
        dense = 0.75 if person.style.short else 0.96
        color = cover(color, dense * smooth(-0.05, 0.14, edge), person.hair_color * 0.55)
    return color


def blotches(rng: Rng, color: Array, p: Array, fair: float, offset: Array) -> Array:
    """Mottling, blush and freckles; stronger on fair skin."""
    red = 0.6 * noise(p, 3, offset) + 0.4 * noise(p, 9, offset) - 0.5
    color = color * (1 - red[:, None] * fair * vec([0.02, 0.16, 0.16]))
    color = color * (0.91 + 0.1 * noise(p, 5, offset + 9) + 0.08 * noise(p, 22, offset + 5))[:, None]
    blush = (
        0.9 * spot(p, 0.42, 6.95, 0.22, 0.18) + 0.6 * spot(p, 0, 6.95, 0.15, 0.14) + 0.3 * spot(p, 0, 6.25, 0.2, 0.12)
    )
    blush = blush + 0.5 * (np.abs(p[:, 0]) > 0.76)  # the ears
    color = color * (1 - (blush * rng.uniform(0.2, 0.9) * fair)[:, None] * vec([0.03, 0.24, 0.22]))
    freckled, strength = rng.random() < 0.3 * fair, rng.uniform(0.2, 0.5)
    if freckled:
        dots = smooth(0.68, 0.85, noise(p, 26, offset))
        dots = dots * (spot(p, 0.3, 7.0, 0.35, 0.22) + 0.5 * spot(p, 0, 7.0, 0.2, 0.2))
        color = color * (1 - strength * dots[:, None] * vec([0.5, 0.8, 0.9]))
    return color


def marks_of_age(rng: Rng, color: Array, p: Array, person: Person, offset: Array) -> Array:
    """Shadows under the eyes; lines on the forehead, beside the nose and beside the eyes."""
    under = spot(p, 0.3, 7.12, 0.17, 0.07) * rng.uniform(0.05, 0.22 + 0.25 * person.old)
    color = color * (1 - under[:, None] * vec([0.2, 0.28, 0.22]))
    deep = max(0.0, person.old - 0.25)
    wave = p[:, 1] * 58 + 3 * noise(p, 2, offset)
    forehead = np.maximum(0, np.sin(wave)) ** 3 * spot(p, 0, 7.84, 0.45, 0.13)
    x = np.abs(p[:, 0])
    fold = np.exp(-(((x - 0.24 - 0.42 * (6.93 - p[:, 1])) / 0.022) ** 2)) * smooth(6.62, 6.72, p[:, 1])
    fold = fold * smooth(6.98, 6.9, p[:, 1]) * (p[:, 2] > 0.7)
    crow = np.maximum(0, np.sin(90 * (p[:, 1] - 7.25) + 12 * (x - 0.55))) ** 3 * spot(p, 0.62, 7.25, 0.07, 0.1)
    return color * (1 - deep * (0.24 * forehead + 0.45 * fold + 0.3 * crow))[:, None]


def make_up(rng: Rng, color: Array, skin: Array, lips: Array, lids: Array, person: Person) -> Array:
    """Colour of lips and eyelids."""
    tint = skin * (vec([0.84, 0.5, 0.52]) if person.female else vec([0.86, 0.58, 0.57]))
    amount, rouge = rng.uniform(0.6, 0.9), rng.uniform(0.7, 1.3)
    if person.female and rng.random() < 0.4:
        tint = 0.35 * tint + 0.65 * skin.mean() * vec([1.1, 0.25, 0.32]) * rouge
    color = cover(color, lips * amount, tint)
    shade = rng.uniform(0.05, 0.5) if person.female else 0.1
    return color * (1 - shade * lids[:, None] * vec([0.5, 0.6, 0.55]))


def clothes_mask(rng: Rng, p: Array) -> Array:
    """What a round or V-shaped neckline leaves covered."""
    x = np.abs(p[:, 0])
    depth = rng.uniform(0.2, 0.7) * (rng.random() < 0.5)
    neckline = rng.uniform(5.5, 5.8) - depth * np.clip(0.5 - x, 0, 1) * (p[:, 2] > 0)
    neckline = neckline + 0.24 * np.clip(x - 0.3, 0, None) + 0.2 * (p[:, 2] < 0.1)
    return smooth(0, 0.02, neckline - p[:, 1])


def paint_eye(way: Array, gaze: Array, iris: Array) -> Array:
    """Colour of an eyeball at unit vectors `way` (n, 3) from its centre, looking along `gaze`."""
    angle = np.arccos(np.clip(way @ gaze, -1, 1))
    white = SCLERA * (1 - 0.25 * smooth(0.5, 0.95, np.abs(way[:, 0])))[:, None]
    rim = 1 - 0.6 * smooth(0.4, 0.5, angle)
    fibres = (0.6 + 0.8 * smooth(0.2, 0.42, angle)) * rim
    color = cover(white, smooth(0.54, 0.47, angle), iris * fibres[:, None])
    color = color * (1 - 0.97 * smooth(0.25, 0.2, angle))[:, None]
    return color * (1 - 0.45 * smooth(0.18, 0.8, way[:, 1]))[:, None]  # shadow of the upper lid
