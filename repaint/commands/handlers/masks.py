"""Write mask files made by rule: square ones, or one for each picture of a folder."""

import argparse
import math
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from repaint.commands.masks import SIZE
from repaint.data import storage
from repaint.data.decoding import decode
from repaint.data.encoding import encode_png
from repaint.data.mask_generators import Shape, make_generator
from repaint.data.masks import mask_pixels
from repaint.data.pairing import list_pictures
from repaint.errors import ConfigError, DataError


def handle(args: argparse.Namespace) -> int:
    """Write the masks that the command line asks for; returns 0."""
    _check(args)
    options = {key: value for key in ("side", "width", "text") if (value := getattr(args, key)) is not None}
    generator = make_generator(args.kind, **options)
    count = 0
    for name, shape in _from_pictures(args.pictures, args.out) if args.pictures else _square(args.size, args.count):
        try:
            known = generator(shape, np.random.default_rng(args.seed + count))
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        if known.all():
            height, width = shape
            raise ConfigError(f"{name}: a mask of the kind {args.kind} has no hole at {width}x{height}; make it larger")
        storage.write_bytes(storage.join(args.out, name), encode_png(mask_pixels(known)))
        count += 1
    print(f"{count} {args.kind} masks in {args.out}")
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.pictures and (args.size is not None or args.count is not None):
        raise ConfigError("--size and --count are those of the pictures; leave them out, or --pictures")
    if (args.size is not None and args.size < 8) or (args.count is not None and args.count < 1) or args.seed < 0:
        raise ConfigError("--size must be at least 8, --count at least 1, --seed at least 0")
    limit = Image.MAX_IMAGE_PIXELS
    if args.size is not None and limit is not None and args.size**2 > limit:
        raise ConfigError(f"--size {args.size}: a mask has at most {limit:,} pixels; give at most {math.isqrt(limit)}")
    if args.width is not None and not 0 < args.width <= 1:
        raise ConfigError(f"--width {args.width}: a share of the picture's side, above 0 and at most 1")
    if args.text is not None and not args.text.strip():
        raise ConfigError("--text must have a letter")


def _square(size: int | None, count: int | None) -> Iterator[tuple[str, Shape]]:
    side = SIZE if size is None else size
    for i in range(1 if count is None else count):
        yield f"{i:06d}.png", (side, side)


def _from_pictures(folder: str, out: str) -> Iterator[tuple[str, Shape]]:
    """Name of the mask and shape of each picture; ConfigError if a mask would replace a picture, or another mask."""
    pictures: dict[str, str] = {}
    for picture in list_pictures(folder):
        mask = str(PurePosixPath(picture).with_suffix(".png"))
        if storage.lists(folder, storage.join(out, mask)):
            raise ConfigError(f"--out {out}: {mask} would lie among the pictures in {folder}; give another folder")
        twin = pictures.setdefault(mask, picture)
        if twin != picture:
            raise ConfigError(f"{folder}: {twin} and {picture} would share the mask {mask}; rename one")
    for mask, name in pictures.items():
        decoded = decode(storage.join(folder, name))
        yield mask, (decoded.height, decoded.width)
