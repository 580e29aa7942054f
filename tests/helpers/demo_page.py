"""The value that the page's editor gives."""

from typing import Any

import numpy as np
from PIL import Image

SIDE = 64


def editor_value(alpha: int = 255, painted: bool = True) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., 3] = alpha
    layer = np.zeros((SIDE, SIDE, 4), np.uint8)
    layer[20:40, 20:40, 3] = 1 if painted else 0
    return {"background": Image.fromarray(pixels), "layers": [Image.fromarray(layer)], "composite": None}
