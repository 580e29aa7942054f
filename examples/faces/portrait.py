"""Render an aligned, near-frontal portrait of an adult who does not exist.

studio = Studio(Path("assets"))
picture = studio.render((1, 42), size=64)  # seed 1, index 42: uint8 (64, 64, 3)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hair import Skull, Style, above_hairline, bun_hair, gather_locks, grow, head_hair
from mesh import LASHES, LEFT_EYE, RIGHT_EYE, TEETH, Head
from numpy.typing import NDArray
from paint import beard_mask, brow_mask, clothes_mask, noise, paint_eye, paint_skin
from person import FRAMES, sample_person
from PIL import Image, ImageDraw
from raster import draw_strands, draw_triangles, vertex_normals
from scene import Camera, Light, background
from vectors import F32, I32, Array, Rng, blend, smooth, unit, vec

SUPERSAMPLING = {64: 3, 128: 3}  # other sizes: 2
Points = tuple[I32, F32]  # on the skin, as Head.scatter gives them


@dataclass
class Strands:
    """Hair ready to be drawn: path (n, points, 3) in head space, normals alike, colours (n, 3)."""

    path: Array
    normal: Array
    color: Array
    shadow: Array | float = 0.9
    gloss: float = 0.15
    width: float = 1.0  # in pixels of a 240-pixel picture, at least one pixel
    opacity: float = 0.9


class Studio:
    """Everything that faces share, read once per process (about 3 s)."""

    def __init__(self, assets: Path) -> None:
        self.head = Head(assets)
        self.scalp = self.head.scatter(22000, (-1, 6.3, -1.3), (1, 8.7, 1.5), seed=1)
        self.brow = self.head.scatter(5000, (-0.75, 7.3, 0.6), (0.75, 7.8, 1.8), seed=2)
        self.beard = self.head.scatter(12000, (-0.8, 5.9, 0.1), (0.8, 6.95, 1.8), seed=3)
        self.skull = np.flatnonzero((above_hairline(self.head.base, Style(1, 1)) > 0) & (self.head.base[:, 1] > 6.5))

    def render(self, seed: int | Sequence[int], size: int = 64) -> NDArray[np.uint8]:
        """Picture (size, size, 3) of the face that `seed` alone determines."""
        return Sitting(self, np.random.default_rng(seed), size).picture()


class Sitting:
    """One person in front of the camera."""

    def __init__(self, studio: Studio, rng: Rng, size: int) -> None:
        self.studio, self.head, self.rng, self.size = studio, studio.head, rng, size
        self.person = sample_person(rng, self.head.pairs)
        self.vertices = self.head.morph(self.person.morphs)
        eye_level = self.vertices[np.concatenate(self.head.eyes)].mean(0)
        self.vertices += self.head.eye_level - eye_level  # morphs of the body raise and lower the head
        self.eyes = [self.vertices[i].mean(0) for i in self.head.eyes]
        big = size * SUPERSAMPLING.get(size, 2)
        self.camera = Camera(rng, self.eyes, self.vertices[self.head.mouth].mean(0), big)
        self.light = Light(rng)
        self.normals = vertex_normals(self.vertices, self.head.skin)

    def picture(self) -> NDArray[np.uint8]:
        """Draw everything; uint8 (size, size, 3)."""
        image = background(self.rng, self.camera.size)
        hair = [*self.head_hair(), self.eyebrows(), *self.beard()]
        self.light.cast(self.camera.place(self.vertices), self.head, [self.camera.place(s.path) for s in hair])
        depth = self.draw_surface(image)
        self.draw_hair(hair, image, depth)
        exposed = np.clip(image, 0, None) * self.rng.uniform(0.96, 1.12)
        exposed = (exposed / (1 + exposed**4) ** 0.25) ** (1 / 2.2)  # highlights roll off softly
        canvas = Image.fromarray((exposed * 255 + 0.5).astype(np.uint8))
        if self.person.glasses:
            self.draw_glasses(canvas)
        return np.asarray(canvas.resize((self.size, self.size), Image.Resampling.BOX))

    # -- skin, clothes, eyes, teeth

    def draw_surface(self, image: F32) -> F32:
        """Draw the mesh into `image`; return its depth."""
        head, camera = self.head, self.camera
        depth, triangle, barycentric = draw_triangles(*camera.project(self.vertices), head.triangles, camera.size)
        seen = triangle >= 0
        t, weights = triangle[seen], barycentric[seen]
        corner, kind = head.triangles[t], head.kind[t]
        p, place = blend(head.base[corner], weights), blend(self.vertices[corner], weights)
        normal = unit(camera.turn(blend(self.normals[corner], weights)))
        reached = self.light.reaches(camera.place(place))
        open_sky = np.clip(blend(head.occlusion[corner], weights), 0, 1) ** 1.2

        color = self.body_color(p, blend(head.uv[t], weights), normal, reached, open_sky)
        gaze = self.gaze()
        for eye, centre in zip((LEFT_EYE, RIGHT_EYE), self.eyes, strict=True):
            mine = kind == eye
            color[mine] = self.eye_color(unit(place[mine] - centre), gaze)
        teeth = kind == TEETH
        shaded = (0.5 + 0.5 * reached[teeth]) * (0.3 + 0.5 * smooth(0.85, 1.15, place[teeth, 2]))
        color[teeth] = vec([0.95, 0.9, 0.82]) * shaded[:, None]
        color[kind == LASHES] *= 0.25 if self.person.female else 0.5
        image[seen] = color
        return depth

    def body_color(self, p: F32, uv: F32, normal: F32, reached: F32, open_sky: F32) -> Array:
        """Lit colour of skin and clothes at base coordinates p (n, 3)."""
        rng, light = self.rng, self.light
        grain = np.stack([noise(p, 24, k) for k in (3.0, 11.0, 19.0)], 1) - 0.5
        rough = unit(normal + 0.13 * grain)
        color = paint_skin(rng, self.head, self.person, p, uv)
        color = color * light.on(rough, reached, open_sky, vec([0.38, 0.22, 0.17]))
        gloss = np.clip(rough @ light.half_way, 0, 1) ** 14 * rng.uniform(0.02, 0.08) * open_sky * reached
        color += gloss[:, None] * light.color
        cloth = clothes_mask(rng, p)[:, None]
        cloth_color = vec(rng.uniform(0.03, 0.6) * (0.35 + 0.65 * rng.random(3)))
        return color + cloth * (cloth_color * light.on(normal, reached, open_sky) - color)

    def gaze(self) -> F32:
        """Where the eyes look, mostly into the camera; a unit vector in head space."""
        aside, up = self.rng.normal(0, 0.05), self.rng.normal(0, 0.03)
        return unit(vec([aside - 0.7 * np.sin(self.camera.yaw), up + 0.7 * np.sin(self.camera.pitch), 1]))

    def eye_color(self, way: Array, gaze: Array) -> Array:
        """Lit colour of an eyeball at unit vectors from its centre."""
        view = self.camera.turn(way)
        lit = 0.5 + 0.45 * np.clip(view @ self.light.direction, 0, 1)
        glint = smooth(0.98, 0.993, view @ self.light.half_way) * 0.5
        return paint_eye(way, gaze, self.person.iris) * lit[:, None] + glint[:, None]

    # -- hair

    def roots(self, points: Points, density: Array, limit: int) -> tuple[Array, Array, Array]:
        """Choose each of `points` with probability `density`, at most `limit`; base places, places and normals."""
        chosen = np.flatnonzero(self.rng.random(len(density)) < density)[:limit]
        corner, weights = points[0][chosen], points[1][chosen]
        normal = unit(blend(self.normals[corner], weights))
        return self.base_of(points)[chosen], blend(self.vertices[corner], weights), normal

    def base_of(self, points: Points) -> Array:
        """Base coordinates of points on the skin."""
        return blend(self.head.base[points[0]], points[1])

    def vary(self, color: Array, n: int, spread: float = 0.18) -> Array:
        """`color` (3,) in n shades, (n, 3)."""
        return vec(color * np.exp(self.rng.normal(0, spread, (n, 1))))

    def head_hair(self) -> list[Strands]:
        """The haircut."""
        style, scalp, rng = self.person.style, self.studio.scalp, self.rng
        if style is None:
            return []
        centre = self.vertices[self.studio.skull].mean(0) + vec([0, -0.15, 0.1])
        upper = self.vertices[self.head.base[:, 1] > 6.3]
        skull = Skull(np.concatenate([upper, blend(self.vertices[scalp[0]], scalp[1])]), centre)
        density = style.density * 0.45 * smooth(-0.05, 0.16, above_hairline(self.base_of(scalp), style))
        path, lock, level = head_hair(style, *self.roots(scalp, density, 12000), skull, rng)
        axis = np.stack([0 * path[..., 0], np.minimum(path[..., 1], centre[1]), 0 * path[..., 2] + centre[2]], -1)
        along = vec(np.linspace(0, 1, path.shape[1]))
        shadow = (0.5 + 0.5 * level[:, None]) * (0.75 + 0.25 * along)
        color = self.vary(self.person.hair_color, lock.max() + 1)[lock] * self.vary(np.ones(1), len(lock), 0.15)
        hair = [Strands(path, unit(path - axis), color, shadow, rng.uniform(0.2, 0.7),
                        width=1.0 if style.short else 1.5, opacity=0.4 if style.short else 0.9)]  # fmt: skip
        if style.bun:
            ball = vec([0, self.vertices[:, 1].max() + 0.1, -0.35])
            path = bun_hair(style.bun, ball, rng)
            hair.append(Strands(path, unit(path - ball), self.vary(self.person.hair_color, len(path)), gloss=0.5))
        return hair

    def eyebrows(self) -> Strands:
        """Short strands, steep at the nose and flat at the temples."""
        points = self.studio.brow
        base, root, normal = self.roots(points, 0.8 * brow_mask(self.base_of(points), self.person.brows), 900)
        x = np.abs(base[:, 0])
        rise = 1.1 - 1.5 * smooth(0.1, 0.5, x)
        way = np.stack([np.sign(base[:, 0]), rise, 0 * x], 1) + 0.35 * normal + self.rng.normal(0, 0.15, (len(x), 3))
        path = grow(root + 0.01 * normal, way, self.rng.uniform(0.05, 0.09, len(x)), 4)
        return self._tufts(path, normal, self.vary(self.person.brow_color, len(x)), 0.6)

    def beard(self) -> list[Strands]:
        """Moustaches and beards; stubble is only painted."""
        lengths = {"moustache": 0.1, "short": 0.06, "full": 0.2}
        if self.person.beard not in lengths:
            return []
        rng, points = self.rng, self.studio.beard
        density = 0.75 * beard_mask(self.base_of(points), self.person.beard)
        base, root, normal = self.roots(points, density, 5000)
        length = lengths[self.person.beard] * rng.uniform(0.6, 1.1, len(base))
        aside = 0.5 * np.sign(base[:, 0]) * (base[:, 1] > 6.6)
        way = 0.5 * normal + np.stack([aside, 0 * aside - 1, 0 * aside], 1) + rng.normal(0, 0.25, (len(base), 3))
        path, _ = gather_locks(grow(root + 0.01 * normal, way, length, 5, 0.15), 0.4, rng)
        color = 0.6 * self.person.brow_color + 0.24 * self.person.hair_color
        return [self._tufts(path, normal, self.vary(color, len(base), 0.25), 0.7)]

    @staticmethod
    def _tufts(path: Array, normal: Array, color: Array, opacity: float) -> Strands:
        return Strands(path, np.repeat(normal[:, None], path.shape[1], 1), color, opacity=opacity)

    def draw_hair(self, hair: list[Strands], image: F32, depth: F32) -> None:
        """Light the strands and draw them over `image`."""
        nearest = np.zeros_like(depth)
        for s in hair:
            lit = self.light.reaches(self.camera.place(s.path).reshape(-1, 3), 1).reshape(s.path.shape[:2])
            path, normal = self.camera.turn(s.path), self.camera.turn(s.normal)
            color = self.light.on_hair(path, s.color, normal, s.gloss, s.shadow * (0.55 + 0.45 * lit))
            width = max(1.0, s.width * self.camera.size / 240)
            draw_strands(*self.camera.project(s.path), color, width, s.opacity, depth, nearest, image)

    # -- spectacles

    def draw_glasses(self, canvas: Image.Image) -> None:
        """Wire or acetate frames, drawn as thick projected curves."""
        rng = self.rng
        r, g, b = (round(255 * c ** (1 / 2.2)) for c in FRAMES[rng.integers(4)].tolist())
        width = max(2, round(self.camera.size * rng.uniform(0.007, 0.013)))
        rx, ry, power = rng.uniform(0.21, 0.26), rng.uniform(0.15, 0.2), rng.choice([2, 2.5, 4])
        front = max(e[2] for e in self.eyes) + 0.17
        temple = 1.02 * np.abs(self.vertices[self.studio.skull, 0]).max()
        angle = np.linspace(0, 2 * np.pi, 80)
        cos, sin = (np.sign(v) * np.abs(v) ** (2 / power) for v in (np.cos(angle), np.sin(angle)))
        curves = [np.array([[e[0] - np.sign(e[0]) * rx, e[1], front] for e in self.eyes])]
        for x, y, _ in self.eyes:
            side = np.sign(x)
            bent = front - 0.12 * np.clip(np.cos(angle) * side, 0, 1)
            curves.append(np.stack([x + rx * cos, y - 0.03 + ry * sin, bent], 1))
            curves.append(np.array([[x + side * rx, y, front - 0.12], [side * temple, y + 0.03, 0.3]]))
        for curve in curves:
            px, py, _ = self.camera.project(curve)
            canvas_points = list(zip(px.tolist(), py.tolist(), strict=True))
            ImageDraw.Draw(canvas).line(canvas_points, fill=(r, g, b), width=width, joint="curve")
