"""Write mask files (255 = known, 0 = hole) of one of the paper's kinds.

python scripts/make_masks.py thick --size 256 --count 100 --seed 0 --out data/masks/thick
"""

import argparse

from repaint.cli import guard
from repaint.data import storage
from repaint.data.images import encode_png
from repaint.data.masks import GENERATORS, generate_mask, mask_pixels
from repaint.errors import ConfigError


def main() -> int:
    """Parse arguments and write the masks `000000.png`, ...; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(GENERATORS))
    parser.add_argument("--size", type=int, default=256, help="height and width (default 256)")
    parser.add_argument("--count", type=int, default=1, help="number of masks (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="mask number i is drawn from seed + i (default 0)")
    parser.add_argument("--out", required=True, help="folder of the masks")
    args = parser.parse_args()
    return guard(lambda: write_masks(args.kind, args.size, args.count, args.seed, args.out))


def write_masks(kind: str, size: int, count: int, seed: int, out: str) -> int:
    """Write `count` masks of a kind into a folder; returns 0."""
    if size < 8 or count < 1 or seed < 0:
        raise ConfigError("--size must be at least 8, --count at least 1, --seed at least 0")
    for i in range(count):
        known = generate_mask(kind, size, seed + i)
        storage.write_bytes(storage.join(out, f"{i:06d}.png"), encode_png(mask_pixels(known)))
    print(f"{count} {kind} masks of {size}x{size} in {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
