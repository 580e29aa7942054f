"""The main job: pictures and masks in, filled pictures out."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from repaint import __version__, build
from repaint.animation import Recorder, draw_frames, draw_pair, encode_animation, require_codec
from repaint.config import Config, no_effect_keys
from repaint.data import storage
from repaint.data.canvas import Canvas
from repaint.data.dataset import Pair, load_example
from repaint.data.images import encode_png, to_tensor, to_uint8, to_unit
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model
from repaint.errors import DataError
from repaint.noise import PictureNoise, picture_seed
from repaint.outputs import Results
from repaint.sampler import Callback, Step, p_sample_loop
from repaint.schedule import count_network_calls
from repaint.sheets import contact_sheet, masked_pixels

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130

CONTACT_SHEET = "contact_sheet.png"
SHEET_PICTURES = 60  # most pictures on a contact sheet
SHEET_FILLS = 6  # most fills of each


@dataclass(frozen=True)
class Engine:
    """All that turns a batch of examples into filled pictures."""

    config: Config
    model: Model
    diffusion: GaussianDiffusion
    cond_fn: CondFn | None
    times: list[int]
    device: torch.device

    @property
    def nfe(self) -> int:
        """Network calls per batch."""
        return count_network_calls(self.times)

    def fill(self, canvases: Sequence[Canvas], labels: Sequence[int | None], callback: Callback) -> Tensor:
        """Fill the next window of each canvas: float32 [B, 3, size, size]."""
        config = self.config
        views = [canvas.look(config.image_size) for canvas in canvases]
        x0 = torch.stack([to_unit(to_tensor(pixels)) for pixels, _ in views]).to(self.device)
        keep_mask = torch.stack([torch.tensor(known)[None].float() for _, known in views]).to(self.device)
        seeds = [
            picture_seed(config.seed, canvas.example.pair.index, canvas.sample, canvas.position) for canvas in canvases
        ]
        return p_sample_loop(
            self.model,
            self.diffusion,
            x0,
            keep_mask,
            self.times,
            PictureNoise(seeds, x0.shape[1:], self.device, config.noise_device),
            y=None if None in labels else torch.tensor(labels, device=self.device),
            cond_fn=self.cond_fn,
            ddim_eta=config.ddim_eta if config.use_ddim else None,
            inject=config.inpa_inj_sched_prev,
            paste_known=config.paste_known,
            callback=callback,
        )


@dataclass(frozen=True)
class Target:
    """One picture to make: fill number `sample` of a pair, under a name of its own."""

    name: str
    pair: Pair
    sample: int


@dataclass
class Tally:
    """How the pictures of a run fared."""

    done: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)


def run(config: Config, device: torch.device, overwrite: bool = False) -> int:
    """Inpaint all pictures of a configuration.

    Returns:
        Exit code: 0, 3 if some pictures could not be done, 130 after Ctrl-C.

    Raises:
        RepaintError: nothing could be started.
    """
    if config.animation:
        require_codec(config.animation)
    if config.model != "auto":
        build.check(config)  # before gigabytes are read
    pairs, pairing_note = build.build_pairs(config)
    weights = build.read_weights(config.model_path)
    config = build.apply_weights_to_config(config, weights)
    if config.model == "auto":
        build.check(config)  # its flags are known only now
    labels, labels_note = build.build_labels(config, pairs)
    classifier = build.read_classifier_weights(config)
    engine = _build_engine(config, weights, classifier, device)
    digest = build.config_digest(config, weights, classifier, device)
    targets = _targets(config, pairs)
    results = Results(build.build_folders(config), digest, _wanted(config, targets, labels), overwrite)
    _say_notes(config, pairing_note, labels_note)
    print(summary(config, len(targets), engine.times, device))
    tally = Tally(skipped=len(results.finished))
    if tally.skipped:
        print(f"{tally.skipped} of {len(targets)} pictures are finished already (--overwrite does them again)")
    try:
        Filling(engine, targets, results, _common_record(engine, weights.digest), tally).run()
        code = EXIT_SOME_FAILED if tally.failed else EXIT_OK
    except KeyboardInterrupt:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        code = EXIT_INTERRUPTED
    _say_results(config, targets, results, tally)
    return code


def _build_engine(
    config: Config, weights: build.Weights, classifier: build.Weights | None, device: torch.device
) -> Engine:
    diffusion = build.build_diffusion(config, config.timestep_respacing, config.clip_denoised).to(device)
    model = build.load_network(config, weights, device)
    cond_fn = build.load_cond_fn(config, classifier, device)
    return Engine(config, model, diffusion, cond_fn, build.build_times(config), device)


def _targets(config: Config, pairs: Sequence[Pair]) -> list[Target]:
    """All pictures of a run: `photo.png`, or with several fills of each `photo_0.png`, `photo_1.png` ..."""
    count, ending = config.num_samples_per_image, config.eval_data.format
    targets = []
    for pair in pairs:
        stem = pair.name.removesuffix(".png")
        for sample in range(count):
            number = f"_{sample}" if count > 1 else ""
            targets.append(Target(f"{stem}{number}.{ending}", pair, sample))
    return targets


def _wanted(config: Config, targets: Sequence[Target], labels: Sequence[int] | None) -> dict[str, dict[str, Any]]:
    """What is each target's own, by its name: it decides whether an earlier result still stands."""
    return {
        target.name: {
            "picture": target.pair.picture,
            "mask": target.pair.mask,
            "seed": picture_seed(config.seed, target.pair.index, target.sample),
        }
        | ({} if labels is None else {"y": labels[target.pair.index]})
        for target in targets
    }


class Filling:
    """A run in progress: canvases come in one by one, are filled together window by window, and go out when done.

    A batch takes windows of any pictures and samples, so it is full as long as there is enough to do.
    """

    def __init__(
        self, engine: Engine, targets: Sequence[Target], results: Results, record: dict[str, object], tally: Tally
    ) -> None:
        self.engine, self.results, self.record, self.tally = engine, results, record, tally
        self.batch_size = engine.config.eval_data.batch_size
        todo = [target for target in targets if target.name not in results.finished]
        self.waiting = len(todo)
        self.queue = self._open(todo)
        self.active: list[tuple[Target, Canvas]] = []
        self.pictures = len(targets)

    def run(self) -> None:
        """Fill all there is to fill."""
        with tqdm(total=self._calls_left(), unit="call", disable=not self.engine.config.show_progress) as bar:
            while self._refill():
                bar.total = bar.n + self._calls_left()
                bar.set_postfix_str(f"{self.tally.done + self.tally.skipped}/{self.pictures} pictures")
                self._fill_batch(bar.update)
            bar.total = bar.n
            bar.refresh()

    def _calls_left(self) -> int:
        """Network calls still to come, as far as is known: a picture that is not read yet counts as one window."""
        windows = self.waiting + sum(len(canvas.example.windows) - canvas.position for _, canvas in self.active)
        return -(-windows // self.batch_size) * self.engine.nfe

    def _open(self, targets: Sequence[Target]) -> Iterator[tuple[Target, Canvas]]:
        """Canvases of the readable pictures; each picture is read once for all its samples."""
        reading = build.build_reading(self.engine.config)
        for pair, group in groupby(targets, key=lambda target: target.pair):
            samples = list(group)
            self.waiting -= len(samples)
            try:
                example = load_example(pair, reading)
            except DataError as error:
                _fail(self.tally, pair, str(error))
                continue
            for target in samples:
                yield target, Canvas(example, target.sample)

    def _refill(self) -> bool:
        """Top the batch up; False when nothing is left. A picture without a hole is written as it is."""
        while len(self.active) < self.batch_size:
            entry = next(self.queue, None)
            if entry is None:
                break
            if self.engine.config.inpa_inj_sched_prev and entry[1].example.known.all():
                self._write(*entry)
            else:
                self.active.append(entry)
        return bool(self.active)

    def _fill_batch(self, on_call: Callable[[], object]) -> None:
        labels = [self.results.wanted[target.name].get("y") for target, _ in self.active]
        started = time.perf_counter()
        recorder = self._recorder()

        def watch(step: Step) -> None:
            if step.s < step.t:
                on_call()
            if recorder is not None:
                recorder(step)

        filled = self.engine.fill([canvas for _, canvas in self.active], labels, watch)
        share = (time.perf_counter() - started) / len(self.active)
        unfinished = []
        for number, ((target, canvas), x) in enumerate(zip(self.active, filled, strict=True)):
            if not x.isfinite().all():
                reason = "the result is not finite; if use_fp16 is on, switch it off, else look at the weights"
                _fail(self.tally, target.pair, f"{target.pair.picture}: {reason}")
                continue
            pixels = to_uint8(x)
            if recorder is not None:
                self._write_film(recorder, number, target, canvas, pixels)
            canvas.take(pixels)
            canvas.nfe += self.engine.nfe
            canvas.seconds += share
            if canvas.finished:
                self._write(target, canvas)
            else:
                unfinished.append((target, canvas))
        self.active = unfinished

    def _recorder(self) -> Recorder | None:
        config = self.engine.config
        frames = config.animation_frames if config.animation else 0
        if not frames and not config.snapshot_interval:
            return None
        return Recorder(self.engine.times, frames, config.snapshot_interval)

    def _write_film(
        self, recorder: Recorder, number: int, target: Target, canvas: Canvas, pixels: NDArray[np.uint8]
    ) -> None:
        """Animation and snapshots of one window's fill."""
        config, log = self.engine.config, self.results.folders.log
        stem = target.name.rpartition(".")[0]
        if len(canvas.example.windows) > 1:
            stem = f"{stem}_window{canvas.position}"
        if config.animation:
            pages = draw_frames(recorder.frames, number, self.engine.times, pixels)
            path = storage.join(log, f"animations/{stem}.{config.animation}")
            storage.write_bytes(path, encode_animation(pages, config.animation))
        for frame in recorder.snapshots:
            path = storage.join(log, f"snapshots/{stem}/{frame.nfe:06d}.png")
            storage.write_bytes(path, encode_png(draw_pair(frame, number)))

    def _write(self, target: Target, canvas: Canvas) -> None:
        record = self.record | {"nfe": canvas.nfe, "seconds": round(canvas.seconds, 3)}
        self.results.write(target.name, canvas, record)
        self.tally.done += 1


def _fail(tally: Tally, pair: Pair, message: str) -> None:
    tally.failed.append(pair.picture)
    tqdm.write(f"skipped: {message}", file=sys.stderr)


def _common_record(engine: Engine, digest: str) -> dict[str, object]:
    schedule = engine.config.schedule_jump_params.model_dump() | {"t_T": engine.diffusion.num_timesteps}
    return {
        "schedule": schedule | {"timestep_respacing": engine.config.timestep_respacing},
        "checkpoint": engine.config.model_path,
        "checkpoint_sha256": digest,
        "device": str(engine.device),
        "versions": {"repaint": __version__, "torch": torch.__version__},
    }


def summary(config: Config, pictures: int, times: Sequence[int], device: torch.device | str) -> str:
    """The one line printed before a run."""
    params = config.schedule_jump_params
    calls = count_network_calls(times)
    batches = -(-pictures // config.eval_data.batch_size)
    return (
        f"{config.name or 'inpainting'}: {pictures} pictures of {config.image_size}x{config.image_size} in {batches} "
        f"batches, T={max(times) + 1} j={params.jump_length} r={params.jump_n_sample}, "
        f"{calls} network calls a batch ({calls * batches} in all), on {device}"
    )


def _say_notes(config: Config, *notes: str | None) -> None:
    idle = no_effect_keys(config)
    if idle:
        print(f"keys without effect: {', '.join(idle)}")
    for note in notes:
        if note:
            print(note)


def _say_results(config: Config, targets: Sequence[Target], results: Results, tally: Tally) -> None:
    sheet = _write_contact_sheet(config, targets, results)
    failed = f", {len(tally.failed)} could not be done" if tally.failed else ""
    contact = f", contact sheet {sheet}" if sheet else ""
    print(f"{tally.done} pictures filled{failed}; results in {results.folders.inpainted}{contact}")


def _write_contact_sheet(config: Config, targets: Sequence[Target], results: Results) -> str | None:
    """Write truth, masked picture and fills of the first finished pictures; the path, or None if there are none."""
    reading = build.build_reading(config)
    shown = min(config.num_samples_per_image, SHEET_FILLS)
    rows = []
    for pair, group in islice(groupby(targets, key=lambda target: target.pair), SHEET_PICTURES):
        names = [target.name for target in group][:shown]
        if not results.finished.issuperset(names):
            continue
        try:
            example = load_example(pair, reading)
        except DataError:
            continue  # changed since it was filled
        fills = [results.read_filled(name, example) for name in names]
        present = [pixels for pixels in fills if pixels is not None]
        if len(present) == shown:
            rows.append((pair.name, [example.pixels, masked_pixels(example), *present]))
    if not rows:
        return None
    words = ["Filled"] if shown == 1 else [f"Fill {number + 1}" for number in range(shown)]
    path = storage.join(results.folders.log, CONTACT_SHEET)
    storage.write_bytes(path, encode_png(contact_sheet(rows, ["Truth", "Masked", *words])))
    return path


def dry_run(config: Config, device: torch.device) -> int:
    """Print what `run` would do. Files that are not there yet are named at the end; all else that is wrong raises."""
    data = config.eval_data
    inputs = [config.model_path, config.classifier_path if config.guided else None, data.gt_path, data.mask_path]
    missing = [path for path in inputs if path and not storage.exists(path)]
    if config.model_path in missing:
        build.check(config)
    else:
        weights = build.read_weights(config.model_path)
        config = build.apply_weights_to_config(config, weights)
        build.check(config)
        build.check_weights(config, weights)
    print(yaml.safe_dump(config.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True).rstrip())
    pairs: list[Pair] = []
    notes: list[str | None] = []
    if data.gt_path not in missing and data.mask_path not in missing:
        pairs, pairing_note = build.build_pairs(config)
        notes = [pairing_note, build.build_labels(config, pairs)[1]]
    targets = _targets(config, pairs)
    for target in targets:
        mask = target.pair.mask or build.describe_mask(config)
        print(f"{target.pair.picture} + {mask} -> {storage.join(data.paths.srs, target.name)}")
    _say_notes(config, *notes)
    print(summary(config, len(targets), build.build_times(config), device))
    parameters, activations = build.estimate_memory(config)
    print(f"memory: about {parameters / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    for path in missing:
        print(f"missing: {path}")
    return EXIT_OK
