"""The main job: pictures and masks in, filled pictures out."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import yaml
from torch import Tensor
from tqdm import tqdm

from repaint import __version__, build
from repaint.config import Config, no_effect_keys
from repaint.data import storage
from repaint.data.dataset import Example, Pair, load_example
from repaint.data.images import to_tensor, to_uint8, to_unit
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model
from repaint.errors import DataError
from repaint.noise import PictureNoise, picture_seed
from repaint.outputs import Results
from repaint.sampler import Step, p_sample_loop
from repaint.schedule import count_network_calls

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130

SHEET_PICTURES = 60  # most pictures on a contact sheet


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

    def fill(self, examples: Sequence[Example], labels: Sequence[int | None], on_call: Callable[[], object]) -> Tensor:
        """Run the sampler on a batch: float32 [B, 3, size, size]; `on_call` is called after each network call."""
        config = self.config
        x0 = torch.stack([to_unit(to_tensor(example.pixels)) for example in examples]).to(self.device)
        keep_mask = torch.stack([torch.tensor(example.known)[None].float() for example in examples]).to(self.device)
        seeds = [picture_seed(config.seed, example.pair.index) for example in examples]

        def count(step: Step) -> None:
            if step.s < step.t:
                on_call()

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
            callback=count,
        )


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
    results = Results(build.build_folders(config), digest, _wanted(config, pairs, labels), overwrite)
    _say_notes(config, pairing_note, labels_note)
    print(summary(config, len(pairs), engine.times, device))
    tally = Tally(skipped=len(results.finished))
    if tally.skipped:
        print(f"{tally.skipped} of {len(pairs)} pictures are finished already (--overwrite does them again)")
    record = _common_record(engine, weights.digest)
    try:
        _fill_all(engine, pairs, results, record, tally)
        code = EXIT_SOME_FAILED if tally.failed else EXIT_OK
    except KeyboardInterrupt:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        code = EXIT_INTERRUPTED
    _say_results(config, pairs, results, tally)
    return code


def _build_engine(
    config: Config, weights: build.Weights, classifier: build.Weights | None, device: torch.device
) -> Engine:
    diffusion = build.build_diffusion(config, config.timestep_respacing, config.clip_denoised).to(device)
    model = build.load_network(config, weights, device)
    cond_fn = build.load_cond_fn(config, classifier, device)
    return Engine(config, model, diffusion, cond_fn, build.build_times(config), device)


def _wanted(config: Config, pairs: Sequence[Pair], labels: Sequence[int] | None) -> dict[str, dict[str, Any]]:
    """What is each picture's own, by its name: it decides whether an earlier result still stands."""
    return {
        pair.name: {"picture": pair.picture, "mask": pair.mask, "seed": picture_seed(config.seed, pair.index)}
        | ({} if labels is None else {"y": labels[pair.index]})
        for pair in pairs
    }


def _fill_all(engine: Engine, pairs: Sequence[Pair], results: Results, record: dict[str, object], tally: Tally) -> None:
    config = engine.config
    todo = [pair for pair in pairs if pair.name not in results.finished]
    calls = _count_batches(config, len(todo)) * engine.nfe
    with tqdm(total=calls, unit="call", disable=not config.show_progress) as bar:
        for examples, left in _batches(config, todo, tally):
            bar.set_postfix_str(f"{tally.done + tally.skipped}/{len(pairs)} pictures")
            started = time.perf_counter()
            if _nothing_to_fill(config, examples[0]):
                filled, nfe = [to_unit(to_tensor(example.pixels)) for example in examples], 0
            else:
                # Counted anew for each batch: pictures that could not be read, or had no hole, cost no calls.
                bar.total = bar.n + engine.nfe * (1 + _count_batches(config, left))
                labels = [results.wanted[example.pair.name].get("y") for example in examples]
                filled, nfe = list(engine.fill(examples, labels, bar.update)), engine.nfe
            seconds = round((time.perf_counter() - started) / len(examples), 3)
            _write_batch(examples, filled, results, record | {"nfe": nfe, "seconds": seconds}, tally)
        bar.total = bar.n
        bar.refresh()


def _write_batch(
    examples: Sequence[Example], filled: Sequence[Tensor], results: Results, record: dict[str, object], tally: Tally
) -> None:
    for example, x in zip(examples, filled, strict=True):
        if x.isfinite().all():
            results.write(example, to_uint8(x), record)
            tally.done += 1
        else:
            reason = "the result is not finite; if use_fp16 is on, switch it off, else look at the weights"
            _fail(tally, example.pair, f"{example.pair.picture}: {reason}")


def _fail(tally: Tally, pair: Pair, message: str) -> None:
    tally.failed.append(pair.picture)
    tqdm.write(f"skipped: {message}", file=sys.stderr)


def _count_batches(config: Config, pictures: int) -> int:
    return -(-pictures // config.eval_data.batch_size)


def _nothing_to_fill(config: Config, example: Example) -> bool:
    return config.inpa_inj_sched_prev and bool(example.known.all())


def _load(config: Config, pair: Pair) -> Example:
    return load_example(pair, config.image_size, config.eval_data.mask_polarity == "hole_white")


def _batches(config: Config, pairs: Sequence[Pair], tally: Tally) -> Iterator[tuple[list[Example], int]]:
    """Batches of readable examples, each with the number of pictures still to come.

    Pictures with nothing to fill come alone, as they need no network call.
    """
    batch: list[Example] = []
    for position, pair in enumerate(pairs):
        try:
            example = _load(config, pair)
        except DataError as error:
            _fail(tally, pair, str(error))
            continue
        if _nothing_to_fill(config, example):
            yield [example], len(pairs) - position - 1
            continue
        batch.append(example)
        if len(batch) == config.eval_data.batch_size:
            yield batch, len(pairs) - position - 1
            batch = []
    if batch:
        yield batch, 0


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
    batches = _count_batches(config, pictures)
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


def _say_results(config: Config, pairs: Sequence[Pair], results: Results, tally: Tally) -> None:
    shown = []
    for pair in [pair for pair in pairs if pair.name in results.finished][:SHEET_PICTURES]:
        try:
            shown.append(_load(config, pair))
        except DataError:
            continue  # changed since it was filled
    sheet = results.write_contact_sheet(shown)
    failed = f", {len(tally.failed)} could not be done" if tally.failed else ""
    contact = f", contact sheet {sheet}" if sheet else ""
    print(f"{tally.done} pictures filled{failed}; results in {results.folders.inpainted}{contact}")


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
    for pair in pairs:
        print(f"{pair.picture} + {pair.mask} -> {storage.join(data.paths.srs, pair.name)}")
    _say_notes(config, *notes)
    print(summary(config, len(pairs), build.build_times(config), device))
    parameters, activations = build.estimate_memory(config)
    print(f"memory: about {parameters / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    for path in missing:
        print(f"missing: {path}")
    return EXIT_OK
