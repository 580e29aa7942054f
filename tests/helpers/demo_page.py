"""The value that the page's editor gives."""

from typing import Any

import numpy as np
from PIL import Image

SIDE = 64
PAINTED = np.zeros((SIDE, SIDE), bool)
PAINTED[20:40, 20:40] = True


def painted_value(alpha: int = 255, painted: bool = True, scale: int = 1) -> dict[str, Any]:
    """A picture of noise with a painted square, or nothing painted; `scale` times as large as SIDE."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., 3] = alpha
    layer = np.zeros((SIDE, SIDE, 4), np.uint8)
    layer[PAINTED, 3] = 1 if painted else 0
    background, painting = (Image.fromarray(each.repeat(scale, 0).repeat(scale, 1)) for each in (pixels, layer))
    return {"background": background, "layers": [painting], "composite": None}
