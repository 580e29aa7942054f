"""Cut a deterministic set of training crops out of the photographs. See README.md."""

import math
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from sources import Parser, PhotosError, Source, read_list, some_names, whole
from tqdm import tqdm

Image.MAX_IMAGE_PIXELS = None  # the sources are known, and some are large

FULL_RESOLUTION = 0.3  # share of windows that are taken as they are: what scratches and text leave to see
TRIES = 6  # windows that are looked at for a crop; the last one is taken whatever it shows
PLAIN = 4.0  # windows whose neighbouring pixels differ by less than this on average are thinned out
KEPT_PLAIN = 0.12  # the share of perfectly plain windows that stays
AS_IT_IS = 0.3  # share of crops whose first window is taken: without them the model believes that nothing is ever plain
TONED = 0.4  # share of crops with another exposure, white balance and saturation
STOPS = 1.2  # exposure is changed by up to so many powers of two, which clips skies to white and shadows to black
BALANCE = 0.2  # standard deviation of the powers of two between the channels
SATURATION = 0.3  # standard deviation of the natural logarithm of the saturation
RECOLOURED = 0.25  # share of crops in the colours of other things: few photographs have a magenta or a pure yellow wall
VIVIDNESS = 0.6  # scale of the natural logarithm by which those are more saturated
PER_FOLDER = 1000
SEED_FILE = "seed.txt"  # in the folder of a set, whose crops do not show which set they are of


@dataclass(frozen=True)
class Job:
    """What is the same for all crops of a run."""

    sources: Path
    out: Path
    size: int
    seed: int

    def target(self, index: int) -> Path:
        """File of crop number `index`."""
        return self.out / f"{index // PER_FOLDER:03d}" / f"{index:06d}.png"

    def cut_picture(self, task: tuple[Source, list[int]]) -> int:
        """Cut the crops of these numbers out of one photograph; return how many."""
        source, indices = task
        picture = load(self.sources / source.file, source.shrink)
        for index in indices:
            crop = cut(picture, self.size, random.Random(f"{self.seed} {index} window"))  # noqa: S311 - no secret
            crop = change_tone(crop, random.Random(f"{self.seed} {index} tone"))  # noqa: S311
            crop = change_colours(crop, random.Random(f"{self.seed} {index} colours"))  # noqa: S311
            target = self.target(index)
            part = target.with_suffix(f".{os.getpid()}.part")
            try:
                crop.save(part, "png")
                part.replace(target)  # makes interrupted runs safe
            finally:
                part.unlink(missing_ok=True)
        return len(indices)


def load(path: Path, shrink: int) -> Image.Image:
    """The photograph, upright, in colour, made smaller by a whole factor."""
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError) as error:
        raise PhotosError(f"{path}: cannot be read as a picture ({error})") from None
    return upright.reduce(shrink) if shrink > 1 else upright


def side_of_window(shorter: int, size: int, rng: random.Random) -> int:
    """Draw the side of a square window: often the crop's own size, else any up to the whole picture alike."""
    if rng.random() < FULL_RESOLUTION:
        return size
    return round(size * math.exp(rng.random() * math.log(shorter / size)))


def cut_window(picture: Image.Image, size: int, rng: random.Random) -> Image.Image:
    """One random window of a photograph, scaled to the crop's size."""
    side = side_of_window(min(picture.size), size, rng)
    left, top = rng.randint(0, picture.width - side), rng.randint(0, picture.height - side)
    box = (left, top, left + side, top + side)
    if side == size:
        return picture.crop(box)
    # Whole factors by averaging areas, the rest with a filter that neither blurs nor rings.
    return picture.resize((size, size), Image.Resampling.HAMMING, box, reducing_gap=2.0)


def detail(crop: Image.Image) -> float:
    """Mean difference of neighbouring pixels, in grey levels."""
    grey = np.asarray(crop.convert("L"), np.float32)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2


def cut(picture: Image.Image, size: int, rng: random.Random) -> Image.Image:
    """One crop: plain windows are mostly passed over, for there is little to learn from them; but not always."""
    if rng.random() < AS_IT_IS:
        return cut_window(picture, size, rng)
    for _ in range(TRIES):
        crop = cut_window(picture, size, rng)
        if rng.random() < max(KEPT_PLAIN, detail(crop) / PLAIN):
            break
    return crop


def change_tone(crop: Image.Image, rng: random.Random) -> Image.Image:
    """A crop as another exposure, white balance and saturation would show it, or as it is."""
    if rng.random() >= TONED:
        return crop
    exposure = rng.uniform(-STOPS, STOPS)
    gains = [2 ** (exposure + rng.gauss(0, BALANCE)) for _ in crop.getbands()]
    return saturate(np.asarray(crop, np.float32) * np.asarray(gains, np.float32), math.exp(rng.gauss(0, SATURATION)))


def change_colours(crop: Image.Image, rng: random.Random) -> Image.Image:
    """A crop whose channels have changed places and whose colours are stronger, or as it is."""
    if rng.random() >= RECOLOURED:
        return crop
    channels = rng.sample(range(3), 3)
    return saturate(np.asarray(crop, np.float32)[..., channels], math.exp(abs(rng.gauss(0, VIVIDNESS))))


def saturate(pixels: np.ndarray, factor: float) -> Image.Image:
    """The picture whose colours are so many times as far from grey."""
    grey = pixels.mean(axis=2, keepdims=True)
    return Image.fromarray(np.clip(np.rint(grey + (pixels - grey) * factor), 0, 255).astype(np.uint8))


def usable(folder: Path, size: int) -> list[Source]:
    """The photographs of the list that are there and large enough."""
    listed = read_list()
    present = [source for source in listed if (folder / source.file).exists()]
    if not present:
        raise PhotosError(f"{folder}: none of the photographs is there; run fetch_sources.py")
    if len(present) < len(listed):
        names = [source.file for source in listed if source not in present]
        print(f"note: not in {folder}, so other crops than with all: {some_names(names)}", file=sys.stderr)
    large = []
    for source in present:
        with Image.open(folder / source.file) as picture:
            if min(picture.size) // source.shrink >= size:
                large.append(source)
    if not large:
        raise PhotosError(f"no photograph has {size} pixels on its shorter side")
    return large


def share_out(sources: Sequence[Source], indices: Sequence[int], seed: int) -> list[tuple[Source, list[int]]]:
    """Give each crop its photograph, by weight; a crop's photograph depends on its number and the seed alone."""
    sums = list(accumulate(source.weight for source in sources))
    tasks: dict[Source, list[int]] = defaultdict(list)
    for index in indices:
        rng = random.Random(f"{seed} {index} picture")  # noqa: S311 - no secret
        tasks[rng.choices(sources, cum_weights=sums)[0]].append(index)
    return sorted(tasks.items(), key=lambda task: task[0].file)


def cut_all(job: Job, tasks: Sequence[tuple[Source, list[int]]], workers: int) -> Iterator[int]:
    """Cut all crops in `workers` processes; yield how many at a time."""
    if workers == 1:
        yield from map(job.cut_picture, tasks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(job.cut_picture, tasks)


def check_seed(job: Job) -> None:
    """Refuse the folder of a set of another seed; those of earlier versions do not tell theirs."""
    file = job.out / SEED_FILE
    seed = file.read_text(errors="replace").strip() if file.exists() else str(job.seed)
    if seed != str(job.seed):
        raise PhotosError(f"{job.out} has crops of --seed {seed}, not {job.seed}; choose another folder")


def write_seed(job: Job) -> None:
    """Let a new set tell its seed."""
    job.out.mkdir(parents=True, exist_ok=True)
    part = job.out / f"{SEED_FILE}.{os.getpid()}.part"
    try:
        part.write_text(f"{job.seed}\n")
        part.replace(job.out / SEED_FILE)
    finally:
        part.unlink(missing_ok=True)


def run(job: Job, count: int, workers: int) -> None:
    """Cut what is missing of the set."""
    check_seed(job)
    missing = [index for index in range(count) if not job.target(index).exists()]
    if len(missing) < count:
        present = next(index for index in range(count) if job.target(index).exists())
        with Image.open(job.target(present)) as crop:
            if crop.size != (job.size, job.size):
                raise PhotosError(f"{job.out} has crops of {crop.width} pixels, not {job.size}; choose another folder")
    if not missing:
        return
    tasks = share_out(usable(job.sources, job.size), missing, job.seed)
    if len(missing) == count:  # crops that are there may be of another seed if there is no such file
        write_seed(job)
    for folder in {job.target(index).parent for index in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    with tqdm(initial=count - len(missing), total=count, unit="crop") as progress:
        for done in cut_all(job, tasks, workers):
            progress.update(done)


def main(arguments: list[str] | None = None) -> int:
    """Parse, cut, and turn the user's mistakes into one line; return the exit code."""
    parser = Parser("cut_crops.py", __doc__)
    parser.add_argument("--sources", type=Path, default=Path("data/photo_sources"), help="folder of fetch_sources.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for the crops")
    parser.add_argument("--count", type=whole(1), default=60000, help="number of crops")
    parser.add_argument("--size", type=whole(16, 1024), default=64, help="side of the crops in pixels")
    parser.add_argument("--seed", type=whole(0), default=0, help="seed of the set")
    parser.add_argument("--workers", type=whole(1), default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args(arguments)
    try:
        run(Job(args.sources, args.out, args.size, args.seed), args.count, args.workers)
    except (PhotosError, OSError) as error:
        print(f"cut_crops.py: error: {error}", file=sys.stderr)
        return 2
    except BrokenProcessPool:
        print("cut_crops.py: error: a worker died (out of memory? try fewer --workers)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
