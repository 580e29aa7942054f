"""Hair as strands: polylines grown over the skull.

Head hair, eyebrows and beards are all made so: choose roots on the skin, then `grow` strands from them.
Every array has one row per strand; lengths are in dm.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates  # type: ignore[import-untyped, unused-ignore]
from scipy.spatial import cKDTree  # type: ignore[import-untyped, unused-ignore]
from vectors import Array, Rng, norm, smooth, unit, vec

Indices = NDArray[np.integer[Any]]

WHORL = vec([0.04, 8.42, -0.45])  # in base coordinates: where short hair radiates from
KNOT = vec([0, 8.15, -1.25])  # ... and to where hair is combed back

# The hairline in profile: height (y) at which hair starts, by depth (z), from the nape to the forehead.
LINE_Z = [-1.2, -0.5, -0.12, 0.05, 0.22, 0.36, 0.55, 0.78, 0.97, 1.3]
LINE_Y = [6.45, 6.6, 7.0, 7.35, 7.2, 7.2, 7.55, 7.83, 7.95, 8.0]


@dataclass
class Style:
    """A haircut."""

    top: float  # strand length on top of the head
    side: float  # ... and at the sides and back
    comb: str = "crown"  # crown (away from the whorl), part, back or up
    part: float = 0.0  # x of the parting
    lift: float = 0.08  # thickness of the hair layer
    gravity: float = 0.2
    cling: float = 0.6  # how closely strands lie on the layer below, 0..1
    curl: float = 0.0  # radius of the helix that each lock follows
    clump: float = 0.3  # 0: loose hair, 1: pointed locks
    tuck: float = 0.5  # long hair does not come further forward than this z
    fringe: float = 0.0  # y at which a fringe is cut; 0: no fringe
    hairline: float = 0.0  # > 0: lower forehead
    recession: float = 0.0  # > 0: receding temples
    density: float = 1.0
    bun: float = 0.0  # radius of a bun behind the crown

    @property
    def short(self) -> bool:
        """Whether the scalp shows through."""
        return self.top < 0.12


def above_hairline(base: Array, style: Style) -> Array:
    """Roughly how far points (n, 3) lie inside the hairy part of the head, in dm; negative outside."""
    x, y, z = np.abs(base[:, 0]), base[:, 1], base[:, 2]
    line = vec(np.interp(z, LINE_Z, LINE_Y)) - style.hairline * smooth(0.55, 0.9, z)
    line = line + style.recession * smooth(0.4, 0.85, z) * smooth(0.12, 0.45, x)
    ear = (x > 0.745) & (y < 7.45) & (z > -0.2)
    return np.where(ear, -1, y - line)


class Skull:
    """Distance of the skin from the head's centre, by latitude and longitude: keeps strands outside."""

    def __init__(self, points: Array, centre: Array) -> None:
        self.centre = centre
        radius = norm(points - centre)
        lat, lon = self._grid(points - centre, radius)
        farthest = np.zeros((32, 64), np.float32)
        np.maximum.at(farthest, (lat.astype(int), lon.astype(int) % 64), radius)
        known = gaussian_filter((farthest > 0).astype(np.float32), 1.2, mode=("nearest", "wrap"))
        spread = gaussian_filter(farthest, 1.2, mode=("nearest", "wrap"))
        self.radius = np.where(known > 0.05, spread / np.maximum(known, 1e-3), 0)

    @staticmethod
    def _grid(d: Array, r: Array) -> tuple[Array, Array]:
        latitude, longitude = np.arcsin(np.clip(d[:, 1] / r, -1, 1)), np.arctan2(d[:, 0], d[:, 2])
        return (latitude / np.pi + 0.5) * 31, (longitude / np.pi + 1) * 32

    def settle(self, p: Array, clearance: Array, cling: float) -> Array:
        """Push points out to `clearance` above the skin, and pull the share `cling` of the rest down to it."""
        d = p - self.centre
        r = norm(d) + 1e-6
        wanted: Array = map_coordinates(self.radius, self._grid(d, r), order=1, mode="grid-wrap") + clearance
        gap = wanted - r
        pull = cling * smooth(6.6, 7.15, p[:, 1]) * (wanted > 0.5)  # below the ears hair hangs freely
        move: Array = np.where(gap > 0, gap, gap * pull) / r
        return p + d * move[:, None]


def grow(root: Array, direction: Array, length: Array, points: int, gravity: float = 0.0) -> Array:
    """Strands (n, points, 3) that start in `direction` and bend down."""
    path, way = [root], unit(direction)
    for _ in range(points - 1):
        way = unit(way - vec([0, gravity, 0]))
        path.append(path[-1] + way * (length / (points - 1))[:, None])
    return np.stack(path, 1)


def grow_over(skull: Skull, style: Style, root: Array, way: Array, length: Array, clearance: Array, cut: Array,
              tuck: Array, points: int) -> Array:  # fmt: skip
    """Strands (n, points, 3) that lie on the head; those of the fringe end at y = `cut`, which is 0 for all others."""
    path, step = [root], (length / (points - 1))[:, None]
    q: Array
    for k in range(1, points):
        p = path[-1]
        way = unit(way - vec([0, style.gravity, 0]))
        q = p + step * way
        q[:, 2] -= 0.5 * np.maximum(q[:, 2] - tuck, 0) * smooth(7.75, 7.35, q[:, 1])
        q = skull.settle(q, clearance * min(1, k / 3), style.cling)
        q = np.where(cut[:, None] > 0, q, off_the_face(q))
        q = np.where((q[:, 1] < cut)[:, None], p, q)  # the scissors
        way = 0.5 * way + 0.5 * unit(q - p)
        path.append(q)
    return np.stack(path, 1)


def off_the_face(p: Array) -> Array:
    """Push points (..., 3) in front of the face to its sides: no lone strands over the eyes."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    half = 0.64 * np.sqrt(np.clip(1 - ((y - 6.9) / 1.1) ** 2, 0, 1)) * smooth(0.25, 0.5, z)
    side = vec(np.where(x < 0, -1, 1))
    return np.stack([np.where(np.abs(x) < half, side * half, x), y, z], -1)


def gather_locks(path: Array, amount: float, rng: Rng, per_lock: int = 24) -> tuple[Array, Indices]:
    """Pull the tips of neighbouring strands together; also return each strand's lock, (n,)."""
    root = path[:, 0]
    guides = rng.choice(len(root), max(1, len(root) // per_lock), replace=False)
    lock = np.asarray(cKDTree(root[guides]).query(root)[1])
    along = vec(np.linspace(0, 1, path.shape[1]))[None, :, None] ** 1.5
    pull = amount * vec(rng.uniform(0.3, 1, (len(root), 1, 1))) * along
    return path + pull * (path[guides][lock] - path), lock


def curl_strands(path: Array, radius: float, lock: Indices, rng: Rng) -> Array:
    """Wind each strand into a helix that its lock shares."""
    arc: Array = np.cumsum(norm(np.diff(path, axis=1, prepend=path[:, :1])), 1)
    pitch = max(4.5 * radius, 4 * arc.max() / path.shape[1])  # at least four points a turn
    locks = int(lock.max()) + 1
    angle = 2 * np.pi * arc / (pitch * vec(rng.uniform(0.7, 1.4, locks))[lock][:, None])
    angle = angle + vec(rng.uniform(0, 6.28, locks))[lock][:, None] + vec(rng.normal(0, 0.5, (len(path), 1)))
    offset: Array = np.stack([np.cos(angle), 0.6 * np.sin(angle), np.sin(angle)], -1)
    return path + offset * (radius * smooth(0, 0.25, arc))[..., None]


def comb_direction(style: Style, base: Array, normal: Array, rng: Rng) -> Array:
    """Where strands rooted at `base` are combed to, (n, 3), before they are laid on the skin."""
    n = len(base)
    if style.comb == "part":
        side = vec(np.where(base[:, :1] + rng.normal(0, 0.05, (n, 1)) > style.part, 1, -1))
        down = smooth(8.15, 7.7, base[:, 1:2])
        return side * vec([1, 0, 0]) + vec([0, 0.05, 0.12]) - down * vec([0, 1.2, 0])
    if style.comb == "back":
        return KNOT - base
    if style.comb == "up":
        return 1.5 * normal + vec([0, 0.5, -0.25])
    return unit(base - WHORL) + vec([0.25 * np.sign(style.part), 0, 0 if style.curl else 0.5])


def head_hair(style: Style, base: Array, root: Array, normal: Array, skull: Skull,
              rng: Rng) -> tuple[Array, Indices, Array]:  # fmt: skip
    """Grow a haircut; return strands (n, points, 3), their locks (n,) and level in the layer (n,), 1 outermost.

    base: base coordinates of the roots; root, normal: their place on this person.
    """
    n = len(root)
    inside = above_hairline(base, style)
    level = vec(rng.random(n) ** 0.8)
    length = style.side + (style.top - style.side) * smooth(7.45, 8.05, base[:, 1])
    length = length * vec(rng.uniform(0.9, 1.06, n)) * (0.45 + 0.55 * smooth(-0.06, 0.12, inside))
    way = comb_direction(style, base, normal, rng)
    if style.comb == "back":
        length = np.minimum(length, norm(way) + 0.1)
    if style.fringe:
        fringe = (base[:, 2] > 0.35) & (np.abs(base[:, 0]) < 0.6) & (base[:, 1] > 7.7)
        forward = base * vec([0.35, 0, 0]) + vec([0.4 * style.part, -0.1, 1])
        way = np.where(fringe[:, None], forward, way)
        length = np.where(fringe, np.maximum(length, 1.6 - 0.6 * np.maximum(base[:, 2], 0)), length)
    else:
        fringe = np.zeros(n, bool)
    if style.comb != "up":  # along the skin and a little up
        way = way - normal * (way * normal).sum(1, keepdims=True)
        way = way + (0.8 if style.curl else 0.35) * normal * (0.3 + level[:, None])
    way = unit(way) + vec(rng.normal(0, 0.4 if style.comb == "up" else 0.08, (n, 3)))
    cut = np.where(fringe, style.fringe + vec(rng.normal(0, 0.02, n)), vec([0]))
    tuck = np.where(fringe, vec([9]), style.tuck + 0.25 * (level - 0.5))
    points = int(np.clip(5 + 7 * length.max() + 10 * (style.curl > 0), 8, 28))
    path = grow_over(skull, style, root, way, length, layer_height(style, base, level), cut, tuck, points)
    path, lock = gather_locks(path, style.clump, rng)
    if style.curl:
        path = curl_strands(path, style.curl, lock, rng)
    if not style.fringe and style.top > 0.5:
        path[:, 2:] = off_the_face(path[:, 2:])
    return path, lock, level


def layer_height(style: Style, base: Array, level: Array) -> Array:
    """How far above the skin strands settle, (n,)."""
    height: Array = style.lift * (0.15 + 0.85 * level) * (0.25 + 0.75 * smooth(-0.02, 0.4, above_hairline(base, style)))
    height = height * (0.6 + 0.4 * smooth(7.2, 8.1, base[:, 1])) + 0.012
    if style.comb == "part":  # flat at the parting, or it would gape
        height = height * (0.45 + 0.55 * smooth(0, 0.45, np.abs(base[:, 0] - style.part)))
    return height


def bun_hair(radius: float, centre: Array, rng: Rng, strands: int = 800, points: int = 12) -> Array:
    """Strands (strands, points, 3) wound around a ball."""
    pole = unit(rng.normal(size=(strands, 3)) * [0.5, 1, 0.5])
    start = unit(np.cross(pole, rng.normal(size=(strands, 3))))
    angle = np.linspace(0, 2.5, points)[None, :, None]
    r = radius * rng.uniform(0.85, 1.03, (strands, 1, 1))
    other: Array = np.cross(pole, start)
    return centre + r * (np.cos(angle) * start[:, None] + np.sin(angle) * other[:, None])
