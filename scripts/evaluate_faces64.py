"""Measure the bundled model on held-out faces: the tables of its model card. Interrupted, it goes on where it stopped.

python examples/faces/render.py --out data/held_out --count 100 --size 64 --seed 90001
python examples/faces/render.py --out data/reference --count 4000 --size 64 --seed 90002
python scripts/evaluate_faces64.py --held_out data/held_out --reference data/reference --out log/evaluation
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from repaint.commands.errors import guard
from repaint.commands.options import add_run_options
from repaint.config.loading import load_config, override
from repaint.config.run import Config
from repaint.data.images import decode, encode_png
from repaint.data.mask_generators import generate_mask
from repaint.data.masks import mask_pixels
from repaint.data.pairing import list_pictures
from repaint.data.storage import write_bytes
from repaint.errors import ConfigError
from repaint.evaluation.baselines import bicubic, biharmonic, telea
from repaint.evaluation.distances import Features, FeatureSpace, frechet_distance, kernel_distance
from repaint.evaluation.metrics import mirrored_half_difference
from repaint.evaluation.report import markdown_table, mean_fill, score
from repaint.inference import runner
from repaint.visual.contact_sheets import enlarge, tile
from repaint.workers.devices import pick_device
from repaint.workers.worker import single_worker

Pictures = list[NDArray[np.uint8]]
Results = dict[str, dict[str, dict[str, float]]]  # part, method, measure
KINDS = ("genhalf", "thick", "thin", "nn2", "ev2li", "box", "ex64")
GRIDS = ("nn2", "ev2li")  # masks that bicubic interpolation can fill
OPEN = ("ex64",)  # nearly all is hole: the mean of several fills estimates nothing
CONFS = Path(__file__).resolve().parents[1] / "confs"
SEED_STEP = 100_000  # between fills of one picture, as neighbours in a run differ by 1


def read_folder(folder: Path) -> Pictures:
    """All pictures of a folder, uint8 [H, W, 3], in the order of their names."""
    return [np.asarray(decode(str(folder / name)).convert("RGB")) for name in list_pictures(str(folder))]


@dataclass
class Evaluation:
    """What is measured, and where the results go."""

    held_out: Path
    reference: Path
    out: Path
    fills: int
    device: torch.device
    overrides: list[str]

    @cached_property
    def truths(self) -> Pictures:
        """The held-out faces."""
        return read_folder(self.held_out)

    @cached_property
    def references(self) -> tuple[Pictures, Pictures]:
        """Two disjoint sets of renders of equal size."""
        pictures = read_folder(self.reference)
        half = len(pictures) // 2
        return pictures[:half], pictures[half : 2 * half]

    @cached_property
    def space(self) -> FeatureSpace:
        """Fitted on the set that nothing is compared with but the floor."""
        return FeatureSpace(self.references[1])

    @cached_property
    def reference_features(self) -> Features:
        """Of the set that all others are compared with."""
        return self.space(self.references[0])

    def write_masks(self, kind: str) -> list[NDArray[np.bool_]]:
        """The masks of a kind, one for each held-out face, in files of the same names."""
        masks = [generate_mask(kind, 64, seed) for seed in range(len(self.truths))]
        for name, known in zip(list_pictures(str(self.held_out)), masks, strict=True):
            write_bytes(str(self.out / "masks" / kind / name), encode_png(mask_pixels(known)))
        return masks

    def fill(self, kind: str, number: int) -> Pictures:
        """Fill number `number` of all held-out faces under masks of a kind, by the published route."""
        srs = self.out / kind / str(number)
        self._run(kind, self.held_out, self.out / "masks" / kind, srs, number * SEED_STEP, [])
        return read_folder(srs / "pictures")

    def sample(self, steps: int) -> Pictures:
        """As many unconditional samples as there are renders to compare them with."""
        mask, srs = self.out / "masks/nothing.png", self.out / f"unconditional_{steps}"
        write_bytes(str(mask), encode_png(mask_pixels(np.zeros((64, 64), bool))))
        plain = [
            "inpa_inj_sched_prev=false",
            f"timestep_respacing='{steps}'",
            "schedule_jump_params.jump_n_sample=1",
            f"data.eval.faces.max_len={len(self.references[0])}",
        ]
        self._run("genhalf", self.reference, mask, srs, 0, plain)
        return read_folder(srs / "pictures")

    def write_sheet(self, name: str, pictures: Pictures) -> None:
        """The first 50 of some pictures as one."""
        sheet = tile([enlarge(pixels) for pixels in pictures[:50]], columns=10)
        write_bytes(str(self.out / f"{name}.png"), encode_png(sheet))

    def _run(self, kind: str, pictures: Path, masks: Path, srs: Path, seed: int, changes: list[str]) -> None:
        conf = CONFS / f"faces64_{'genhalf' if kind == 'box' else kind}.yml"
        data = {"gt_path": pictures, "mask_path": masks, "paths.srs": srs / "pictures", "batch_size": 25}
        unwanted = [f"data.eval.faces.paths.{key}=null" for key in ("lrs", "gts", "gt_keep_masks")]
        values = [override(f"data.eval.faces.{key}", value) for key, value in data.items()] + unwanted
        config = load_config(Config, conf, [*values, f"seed={seed}", *changes, *self.overrides])
        if runner.run(config, single_worker(self.device)) != runner.EXIT_OK:
            raise ConfigError(f"{srs}: not all pictures could be filled; run the same command again")


def measure_kind(evaluation: Evaluation, kind: str) -> Results:
    """All numbers of one kind of mask."""
    truths, masks = evaluation.truths, evaluation.write_masks(kind)
    classical = {"Telea": telea, "biharmonic": biharmonic} | ({"bicubic": bicubic} if kind in GRIDS else {})
    sets = {
        name: [method(truth, known) for truth, known in zip(truths, masks, strict=True)]
        for name, method in classical.items()
    }
    fills = [evaluation.fill(kind, number) for number in range(1 if kind in OPEN else evaluation.fills)]
    sets["one fill"] = fills[0]
    quality = {name: vars(score(truths, pictures, masks)) for name, pictures in sets.items()}
    if len(fills) > 1:
        means = [mean_fill(several) for several in zip(*fills, strict=True)]
        quality["mean fill"] = vars(score(truths, means, masks))
    results: Results = {"quality": quality, "distance": distances(evaluation, sets | {"truth": truths})}
    evaluation.write_sheet(kind, fills[0])
    if kind == "genhalf":
        results["mirrored"] = {"fills": mirrored([p for several in fills for p in several]), "truth": mirrored(truths)}
    return results


def mirrored(pictures: Pictures) -> dict[str, float]:
    """Mean over pictures of the difference between their halves."""
    return {"difference": float(np.mean([mirrored_half_difference(pixels) for pixels in pictures]))}


def distances(evaluation: Evaluation, sets: Mapping[str, Pictures]) -> dict[str, dict[str, float]]:
    """Of each set of pictures to the first reference set."""
    reference = evaluation.reference_features
    features = {name: evaluation.space(pictures) for name, pictures in sets.items()}
    return {
        name: {"kernel": kernel_distance(values, reference), "frechet": frechet_distance(values, reference)}
        for name, values in features.items()
    }


def tables(results: Mapping[str, Results]) -> str:
    """The results in Markdown: against the truth (PSNR / SSIM), then between sets (kernel / Frechet distance)."""
    return "\n".join(
        [
            _table(results, "quality", ["Telea", "biharmonic", "bicubic", "one fill", "mean fill"], "{:.2f} / {:.3f}"),
            _table(results, "distance", ["Telea", "biharmonic", "one fill", "truth", "samples"], "{:.3f} / {:.2f}"),
        ]
    )


def _table(results: Mapping[str, Results], part: str, columns: Sequence[str], form: str) -> str:
    rows = []
    for kind, numbers in results.items():
        cells = [form.format(*numbers[part][c].values()) if c in numbers.get(part, {}) else "" for c in columns]
        rows += [[kind, *cells]] if any(cells) else []
    return markdown_table(["", *columns], rows)


def evaluate(evaluation: Evaluation, kinds: Sequence[str], steps: int) -> int:
    """Measure all that is asked for, write `results.json` and `tables.md`, print the tables; returns 0."""
    results = {kind: measure_kind(evaluation, kind) for kind in kinds}
    if steps:
        sets = {"samples": evaluation.sample(steps), "truth": evaluation.references[1]}
        evaluation.write_sheet("unconditional", sets["samples"])
        results["unconditional"] = {"distance": distances(evaluation, sets)}
    write_bytes(str(evaluation.out / "results.json"), json.dumps(results, indent=1).encode())
    text = tables(results)
    write_bytes(str(evaluation.out / "tables.md"), text.encode())
    print(text)
    return 0


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held_out", type=Path, required=True, help="faces to fill")
    parser.add_argument("--reference", type=Path, required=True, help="other renders, for the distances")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS, help="masks (default: all)")
    parser.add_argument("--fills", type=int, default=5, help="fills of each face, for ex64 one (default 5)")
    parser.add_argument(
        "--steps", type=int, default=50, help="of unconditional samples; 0 leaves them out (default 50)"
    )
    add_run_options(parser)
    args = parser.parse_args()

    def job() -> int:
        device = pick_device(args.device)
        evaluation = Evaluation(args.held_out, args.reference, args.out, args.fills, device, args.set)
        return evaluate(evaluation, args.kinds, args.steps)

    return guard(job, args.debug)


if __name__ == "__main__":
    raise SystemExit(main())
