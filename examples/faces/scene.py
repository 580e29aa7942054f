"""Camera, light and background of a portrait."""

import numpy as np
from mesh import Head
from PIL import Image
from raster import draw_triangles, lit_share, splat
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped, unused-ignore]
from vectors import F32, Array, Rng, smooth, unit, vec

SHADOW_PIXELS = 200  # side of the shadow map
SHADOW_SPAN = 4.4  # ... in dm


class Camera:
    """Perspective view of the posed head, framed on the eyes and the mouth."""

    def __init__(self, rng: Rng, eyes: list[F32], mouth: F32, size: int) -> None:
        """eyes, mouth: their centres (3,); size: side of the picture in pixels."""
        middle = (eyes[0] + eyes[1]) / 2
        self.yaw, self.pitch, roll = np.radians(np.clip(rng.normal(0, [5.5, 3, 1.5]), -12, 12))
        cy, cp, cr = np.cos([self.yaw, self.pitch, roll])
        sy, sp, sr = np.sin([self.yaw, self.pitch, roll])
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self._rotation = vec(tilt @ nod @ turn)
        self._pivot = vec([0, 0.55 * middle[1] + 0.45 * mouth[1], 0.3])
        scale = float(0.55 * np.linalg.norm(eyes[0] - eyes[1]) / 0.616 + 0.45 * (middle[1] - mouth[1]) / 0.57)
        self._half = 1.5 * scale * rng.uniform(0.97, 1.03)  # half the frame, in dm
        self._shift = (rng.normal([0, 0.25], 0.02) * scale).tolist()
        self._distance = 10 * scale
        self.size = size

    def turn(self, vectors: Array) -> Array:
        """Directions (..., 3) from head space to view space."""
        return vectors @ self._rotation.T

    def place(self, points: Array) -> Array:
        """Points (..., 3) from head space to view space."""
        return self.turn(points - self._pivot)

    def project(self, points: Array) -> tuple[F32, F32, F32]:
        """Head-space points (..., 3) as pixel columns, pixel rows and inverse distances."""
        q = self.place(points)
        near = 1 / (self._distance - q[..., 2])
        zoom_in = near * self._distance / self._half / 2 * self.size
        x = (q[..., 0] - self._shift[0]) * zoom_in + self.size / 2
        y = self.size / 2 - (q[..., 1] - self._shift[1]) * zoom_in
        return x.astype(np.float32), y.astype(np.float32), near.astype(np.float32)


class Light:
    """One soft key light that casts shadows, and ambient light from above. All in view space."""

    def __init__(self, rng: Rng) -> None:
        azimuth = np.radians(np.clip(rng.normal(0, 15), -30, 30))
        height = np.radians(rng.uniform(15, 45))
        self.direction = vec([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
        self.half_way = unit(self.direction + vec([0, 0, 1]))
        warmth = rng.normal(0.015, 0.03)
        self.color = vec([1 + warmth, 1, 1 - warmth]) * rng.uniform(0.85, 1.1)
        self.ambient = rng.uniform(0.3, 0.48)
        self.softness = int(rng.integers(3, 6))  # of the shadows, in pixels of their map
        right = unit(np.cross([0, 1, 0], self.direction))
        self._axes = vec(
            np.stack([right, np.cross(right, self.direction), self.direction], 1)
        )  # x, -y, towards the light

    def _project(self, places: Array) -> tuple[F32, F32, F32]:
        q = (places.reshape(-1, 3) @ self._axes + SHADOW_SPAN / 2) / SHADOW_SPAN * SHADOW_PIXELS
        return q[:, 0].astype(np.float32), q[:, 1].astype(np.float32), q[:, 2].astype(np.float32) + 2 * SHADOW_PIXELS

    def cast(self, places: Array, head: Head, hair: list[Array]) -> None:
        """Make the shadow map of the head's vertices and the strands, all in view space."""
        self._depth, _, _ = draw_triangles(*self._project(places), head.skin, SHADOW_PIXELS)
        for strands in hair:
            splat(*self._project(strands), self._depth)

    def reaches(self, places: Array, softness: int | None = None) -> Array:
        """Share (n,) of the key light that reaches view-space points (n, 3)."""
        bias = 0.07 / SHADOW_SPAN * SHADOW_PIXELS
        return lit_share(*self._project(places), self._depth, bias, softness or self.softness)

    def on(self, normal: Array, reached: Array, open_sky: Array, wrap: Array | float = 0.0) -> Array:
        """Irradiance (n, 3). `wrap` > 0 lets light bleed past the terminator, as skin does."""
        key: Array = np.clip(((normal @ self.direction)[:, None] + wrap) / (1 + wrap), 0, None)
        bleed = vec([0.22, 0.14, 0.12]) if np.ndim(wrap) else 0.1
        key = key * (bleed + (1 - bleed) * reached[:, None])
        sky = self.ambient * (0.65 + 0.35 * normal[:, 1:2]) * open_sky[:, None]
        lit: Array = 0.85 * key * self.color * (0.5 + 0.5 * open_sky[:, None]) + sky
        return lit

    def on_hair(self, path: Array, color: Array, normal: Array, gloss: float, reached: Array) -> F32:
        """Colours (n, points, 3) of view-space strands (n, points, 3), by Kajiya and Kay's model.

        color (n, 3); normal (n, points, 3) of the hair as one volume; reached (n, points).
        """
        tangent = unit(np.gradient(path, axis=1))
        diffuse = 0.35 + 0.65 * np.sqrt(np.clip(1 - (tangent @ self.direction) ** 2, 0, 1))
        facing = 0.4 + 0.6 * np.clip(normal @ self.direction * 0.7 + 0.3, 0, 1)
        strength = (diffuse * facing * reached)[..., None]
        glint = gloss * (np.clip(1 - (tangent @ self.half_way) ** 2, 0, 1) ** 14 * facing * reached)[..., None]
        tint = color[:, None]
        return vec((1.25 * tint * strength + glint * (0.8 * tint + 0.02)) * self.color)


def background(rng: Rng, size: int) -> F32:
    """A softly lit wall (size, size, 3): a gradient, sometimes two-tone, sometimes with out-of-focus lights."""
    n = 64
    y, x = np.mgrid[0:n, 0:n] / n - 0.5
    first = rng.uniform(0.06, 0.7) * (0.75 + 0.35 * rng.random(3))
    second = np.clip(first * rng.uniform(0.65, 1.35) + rng.normal(0, 0.025, 3), 0.01, 1)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * x + np.sin(angle) * y + 0.5
    kind = rng.random()
    if kind < 0.25:
        ramp = smooth(0.35, 0.65, ramp + rng.normal(0, 0.15))
    image = first + (second - first) * ramp[..., None]
    if kind > 0.8:
        for _ in range(rng.integers(6, 16)):
            cx, cy, r = rng.uniform([-0.55, -0.55, 0.05], [0.55, 0.4, 0.16])
            disc = smooth(r * 1.15, r * 0.85, np.hypot(x - cx, y - cy))[..., None]
            image = image + disc * (first * 0.6 + 0.12 * rng.random(3)) * rng.uniform(0.2, 1)
    soft = vec(gaussian_filter(image, (1.5, 1.5, 0)))
    channels = [Image.fromarray(c).resize((size, size), Image.Resampling.BILINEAR) for c in soft.transpose(2, 0, 1)]
    large: F32 = np.stack([np.asarray(c) for c in channels], -1)
    return large.clip(0.005, 1)
