"""Numba kernels: depth-buffered triangles and hair strands, soft shadow lookups, normals and noise.

Screen convention: x to the right, y down, both in pixels. `near` is any depth that grows towards the
viewer (the inverse distance for the camera, the height for a shadow map); an empty buffer holds zeros.
Single-threaded and without fast-math, so that results do not depend on the number of workers.
"""

import numpy as np
from numba import njit
from vectors import F32, I32

BLEND = 0.0008  # strands closer than this in inverse distance (8 mm at 10 dm) mix, which fills gaps between locks


@njit(cache=True)
def draw_triangles(x: F32, y: F32, near: F32, triangles: I32, size: int) -> tuple[F32, I32, F32]:
    """Rasterise a mesh given by its projected vertices.

    Returns the depth (size, size), the triangle seen or -1 (size, size), its barycentric weights (size, size, 3).
    """
    depth = np.zeros((size, size), np.float32)
    seen = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 3), np.float32)
    for t in range(len(triangles)):
        i, j, k = triangles[t]
        area = (y[j] - y[k]) * (x[i] - x[k]) + (x[k] - x[j]) * (y[i] - y[k])
        if abs(area) < 1e-9:
            continue
        left, right = max(0, int(min(x[i], x[j], x[k]) - 0.5)), min(size - 1, int(max(x[i], x[j], x[k]) + 0.5))
        top, bottom = max(0, int(min(y[i], y[j], y[k]) - 0.5)), min(size - 1, int(max(y[i], y[j], y[k]) + 0.5))
        for row in range(top, bottom + 1):
            dy = row + 0.5 - y[k]
            for col in range(left, right + 1):
                dx = col + 0.5 - x[k]
                a = ((y[j] - y[k]) * dx + (x[k] - x[j]) * dy) / area
                b = ((y[k] - y[i]) * dx + (x[i] - x[k]) * dy) / area
                c = 1 - a - b
                if min(a, b, c) < -1e-6:
                    continue
                z = a * near[i] + b * near[j] + c * near[k]
                if z > depth[row, col]:
                    depth[row, col], seen[row, col] = z, t
                    weights[row, col, 0], weights[row, col, 1], weights[row, col, 2] = a, b, c
    return depth, seen, weights


@njit(cache=True)
def draw_strands(
    x: F32, y: F32, near: F32, color: F32, width: float, opacity: float, solid: F32, hair: F32, image: F32
) -> None:
    """Draw polylines (strands, points) with colours (strands, points, 3) over `image`, in place.

    `width` in pixels tapers to 60 % at the tip, `opacity` to 50 %. `solid` is the depth of the scene (read only),
    `hair` the depth of the nearest strand so far (updated).
    """
    size = len(image)
    strands, points = x.shape
    for s in range(strands):
        for k in range(points - 1):
            dx, dy, dz = x[s, k + 1] - x[s, k], y[s, k + 1] - y[s, k], near[s, k + 1] - near[s, k]
            if dx == 0 and dy == 0:  # the strand was cut here
                break
            steps = int(max(abs(dx), abs(dy))) + 1
            along = k / points
            reach = max(0.0, (width * (1 - 0.4 * along) - 1) / 2)
            for q in range(steps):
                f = q / steps
                z = near[s, k] + f * dz
                cx, cy = x[s, k] + f * dx, y[s, k] + f * dy
                for row in range(max(0, int(np.floor(cy - reach))), min(size - 1, int(np.floor(cy + reach))) + 1):
                    for col in range(max(0, int(np.floor(cx - reach))), min(size - 1, int(np.floor(cx + reach))) + 1):
                        if z <= solid[row, col] or z <= hair[row, col] - BLEND:
                            continue
                        fade = min(1.0, 1 + (z - hair[row, col]) / BLEND)
                        alpha = opacity * (1 - 0.5 * along) * fade
                        hair[row, col] = max(hair[row, col], z)
                        for c in range(3):
                            new = color[s, k, c] + f * (color[s, k + 1, c] - color[s, k, c])
                            image[row, col, c] += alpha * (new - image[row, col, c])


@njit(cache=True)
def splat(x: F32, y: F32, near: F32, depth: F32) -> None:
    """Raise `depth` to `near` at the given pixels, in place."""
    size = len(depth)
    for n in range(len(x)):
        col, row = int(np.floor(x[n])), int(np.floor(y[n]))
        if 0 <= row < size and 0 <= col < size:
            depth[row, col] = max(depth[row, col], near[n])


@njit(cache=True)
def lit_share(x: F32, y: F32, near: F32, depth: F32, bias: float, reach: int) -> F32:
    """Share (n,) in 0..1 of the shadow-map pixels around each point that nothing nearer to the light covers."""
    size = len(depth)
    share = np.empty(len(x), np.float32)
    for n in range(len(x)):
        col, row = int(np.floor(x[n])), int(np.floor(y[n]))
        free = 0
        for r in range(row - reach, row + reach + 1):
            for c in range(col - reach, col + reach + 1):
                inside = 0 <= r < size and 0 <= c < size
                free += 0 if inside and depth[r, c] > near[n] + bias else 1
        share[n] = free / (2 * reach + 1) ** 2
    return share


@njit(cache=True)
def vertex_normals(vertices: F32, triangles: I32) -> F32:
    """Area-weighted unit normals (vertices, 3)."""
    normals = np.zeros_like(vertices)
    for t in range(len(triangles)):
        i, j, k = triangles[t]
        a, b = vertices[j] - vertices[i], vertices[k] - vertices[i]
        for c in range(3):
            d, e = (c + 1) % 3, (c + 2) % 3
            n = a[d] * b[e] - a[e] * b[d]
            normals[i, c] += n
            normals[j, c] += n
            normals[k, c] += n
    for v in range(len(normals)):
        normals[v] /= np.sqrt((normals[v] ** 2).sum()) + np.float32(1e-9)
    return normals


@njit(cache=True)
def value_noise(table: F32, points: F32, frequency: float, offset: F32) -> F32:
    """Noise (n,) in 0..1: trilinear lookup of points * frequency + offset in a periodic cube of random numbers."""
    wrap = len(table) - 1  # the length is a power of two
    out = np.empty(len(points), np.float32)
    for n in range(len(points)):
        x, y, z = (
            points[n, 0] * frequency + offset[0],
            points[n, 1] * frequency + offset[1],
            (points[n, 2] * frequency + offset[2]),
        )
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        total = 0.0
        for corner in range(8):
            a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
            weight = (x - i if a else 1 - x + i) * (y - j if b else 1 - y + j) * (z - k if c else 1 - z + k)
            total += weight * table[(i + a) & wrap, (j + b) & wrap, (k + c) & wrap]
        out[n] = total
    return out
