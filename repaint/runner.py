"""The main job: pictures and masks in, filled pictures out."""

import sys
from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from repaint import __version__, build
from repaint.animation import require_codec
from repaint.config import Config, no_effect_keys
from repaint.data import storage
from repaint.data.dataset import Example, Pair, Reading, load_example
from repaint.data.images import encode_png
from repaint.errors import DataError
from repaint.filling import Engine, Filling, Tally, Target
from repaint.noise import picture_seed
from repaint.outputs import Results
from repaint.schedule import count_network_calls
from repaint.sheets import contact_sheet, diversity, masked_pixels, picture_sheet

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130

CONTACT_SHEET = "contact_sheet.png"
SHEET_PICTURES = 60  # most pictures on a contact sheet
SHEET_FILLS = 6  # most fills of each


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
    size = f"{config.image_size}x{config.image_size}"
    if config.eval_data.fit == "window":  # how many there are is known only when the masks are read
        work, total = f"pictures through windows of {size}, {config.eval_data.batch_size} at a time", "or more"
    else:
        work, total = f"pictures of {size} in {batches} batches", "in all"
    return (
        f"{config.name or 'inpainting'}: {pictures} {work}, T={max(times) + 1} j={params.jump_length} "
        f"r={params.jump_n_sample}, {calls} network calls a batch ({calls * batches} {total}), on {device}"
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
    if config.num_samples_per_image > 1:
        _write_fill_sheets(config, targets, results)
    failed = f", {len(tally.failed)} could not be done" if tally.failed else ""
    contact = f", contact sheet {sheet}" if sheet else ""
    print(f"{tally.done} pictures filled{failed}; results in {results.folders.inpainted}{contact}")


def _write_fill_sheets(config: Config, targets: Sequence[Target], results: Results) -> None:
    """For each finished picture a sheet of all its fills and of where they differ; prints how much they do."""
    reading = build.build_reading(config)
    spreads = []
    for pair, group in groupby(targets, key=lambda target: target.pair):
        names = [target.name for target in group]
        example, fills = _read_results(pair, names, reading, results)
        if example is None:
            continue
        spread, where = diversity(fills, example.known)
        spreads.append(spread)
        words = ["Truth", "Masked", *(f"Fill {number + 1}" for number in range(len(fills))), "Differences"]
        pictures = [example.pixels, masked_pixels(example), *fills, where]
        title = f"{pair.name}: two fills differ by {spread:.3f} on average"
        path = storage.join(results.folders.log, f"sheets/{pair.name}")
        storage.write_bytes(path, encode_png(picture_sheet(title, words, pictures)))
    if spreads:
        mean = sum(spreads) / len(spreads)
        print(f"diversity: two fills of a picture differ by {mean:.3f} in the hole (0 to 1)")


def _read_results(
    pair: Pair, names: Sequence[str], reading: Reading, results: Results
) -> tuple[Example | None, list[NDArray[np.uint8]]]:
    """A pair with its finished fills; (None, []) if they are not all there, or changed since."""
    if not results.finished.issuperset(names):
        return None, []
    try:
        example = load_example(pair, reading)
    except DataError:
        return None, []
    fills = [results.read_filled(name, example) for name in names]
    present = [pixels for pixels in fills if pixels is not None]
    return (example, present) if len(present) == len(names) else (None, [])


def _write_contact_sheet(config: Config, targets: Sequence[Target], results: Results) -> str | None:
    """Write truth, masked picture and fills of the first finished pictures; the path, or None if there are none."""
    reading = build.build_reading(config)
    shown = min(config.num_samples_per_image, SHEET_FILLS)
    rows = []
    for pair, group in islice(groupby(targets, key=lambda target: target.pair), SHEET_PICTURES):
        example, fills = _read_results(pair, [target.name for target in group][:shown], reading, results)
        if example is not None:
            rows.append((pair.name, [example.pixels, masked_pixels(example), *fills]))
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
