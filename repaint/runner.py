"""The main job: pictures and masks in, filled pictures out."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
import yaml
from torch import Tensor
from tqdm import tqdm

from repaint import __version__, build
from repaint.config import Config, no_effect_keys
from repaint.data import storage
from repaint.data.dataset import Example, Pair, load_example
from repaint.data.images import to_uint8, to_unit
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

    def fill(self, examples: Sequence[Example], labels: Sequence[int] | None, on_call: Callable[[], object]) -> Tensor:
        """Run the sampler on a batch: float32 [B, 3, size, size]; `on_call` is called after each network call."""
        config = self.config
        x0 = torch.stack([to_unit(example.pixels) for example in examples]).to(self.device)
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
            y=None if labels is None else torch.tensor(labels, device=self.device),
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
        Exit code: 0, 3 if some pictures could not be read, 130 after Ctrl-C.

    Raises:
        RepaintError: nothing could be started.
    """
    weights = build.read_weights(config.model_path)
    config = build.apply_weights_to_config(config, weights)
    build.check(config)
    pairs, pairing_note = build.build_pairs(config)
    labels, labels_note = build.build_labels(config, pairs)
    engine = _build_engine(config, weights, device)
    results = Results(build.build_folders(config), build.config_digest(config, weights), overwrite)
    _say_notes(config, pairing_note, labels_note)
    print(summary(config, len(pairs), engine.times, device))
    tally = Tally(skipped=sum(pair.name in results.finished for pair in pairs))
    if tally.skipped:
        print(f"{tally.skipped} of {len(pairs)} pictures are finished already (--overwrite does them again)")
    record = _common_record(engine, weights.digest)
    try:
        _fill_all(engine, pairs, labels, results, record, tally)
        code = EXIT_SOME_FAILED if tally.failed else EXIT_OK
    except KeyboardInterrupt:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        code = EXIT_INTERRUPTED
    _say_results(config, pairs, results, tally)
    return code


def _build_engine(config: Config, weights: build.Weights, device: torch.device) -> Engine:
    diffusion = build.build_diffusion(config, config.timestep_respacing, config.clip_denoised).to(device)
    model = build.load_network(config, weights, device)
    return Engine(config, model, diffusion, build.load_cond_fn(config, device), build.build_times(config), device)


def _fill_all(
    engine: Engine,
    pairs: Sequence[Pair],
    labels: Sequence[int] | None,
    results: Results,
    record: dict[str, object],
    tally: Tally,
) -> None:
    batch_size = engine.config.eval_data.batch_size
    todo = [pair for pair in pairs if pair.name not in results.finished]
    batches = -(-len(todo) // batch_size)
    with tqdm(total=batches * engine.nfe, unit="call", disable=not engine.config.show_progress) as bar:
        for examples in _batches(engine.config, todo, tally):
            bar.set_postfix_str(f"{tally.done + tally.skipped}/{len(pairs)} pictures")
            started = time.perf_counter()
            batch_labels = None if labels is None else [labels[example.pair.index] for example in examples]
            if examples[0].known.all():
                filled, nfe = [example.pixels for example in examples], 0
            else:
                filled, nfe = [to_uint8(x) for x in engine.fill(examples, batch_labels, bar.update)], engine.nfe
            seconds = (time.perf_counter() - started) / len(examples)
            for i, example in enumerate(examples):
                label = {} if batch_labels is None else {"y": batch_labels[i]}
                seed = picture_seed(engine.config.seed, example.pair.index)
                mine = {"seed": seed, "nfe": nfe, "seconds": round(seconds, 3)} | label
                results.write(example, filled[i], record | mine)
                tally.done += 1
        bar.total = bar.n  # unreadable and all-known pictures needed no calls
        bar.refresh()


def _batches(config: Config, pairs: Sequence[Pair], tally: Tally) -> Iterator[list[Example]]:
    """Batches of readable examples; those with nothing to fill come alone, as they need no network call."""
    data = config.eval_data
    batch: list[Example] = []
    for pair in pairs:
        try:
            example = load_example(pair, config.image_size, data.mask_polarity == "hole_white")
        except DataError as error:
            tally.failed.append(pair.picture)
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            continue
        if example.known.all():
            yield [example]
            continue
        batch.append(example)
        if len(batch) == data.batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _common_record(engine: Engine, digest: str) -> dict[str, object]:
    params = engine.config.schedule_jump_params.model_dump(exclude_defaults=True)
    return {
        "schedule": params | {"timestep_respacing": engine.config.timestep_respacing},
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


def _say_results(config: Config, pairs: Sequence[Pair], results: Results, tally: Tally) -> None:
    shown = []
    for pair in [pair for pair in pairs if pair.name in results.finished][:SHEET_PICTURES]:
        try:
            shown.append(load_example(pair, config.image_size, config.eval_data.mask_polarity == "hole_white"))
        except DataError:
            continue  # changed since it was filled
    sheet = f", contact sheet {results.write_contact_sheet(shown)}" if shown else ""
    failed = f", {len(tally.failed)} could not be read" if tally.failed else ""
    print(f"{tally.done} pictures filled{failed}; results in {results.folders.inpainted}{sheet}")


def dry_run(config: Config, device: torch.device) -> int:
    """Print what `run` would do. Files that are not there yet are named at the end; all else that is wrong raises."""
    data = config.eval_data
    missing = [path for path in (config.model_path, config.classifier_path, data.gt_path, data.mask_path) if path]
    missing = [path for path in missing if not storage.exists(path)]
    if config.model_path not in missing:
        config = build.apply_weights_to_config(config, build.read_weights(config.model_path))
    build.check(config)
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
    weights, activations = build.estimate_memory(config)
    print(f"memory: about {weights / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    for path in missing:
        print(f"missing: {path}")
    return EXIT_OK
