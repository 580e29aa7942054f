"""The main job: pictures and masks in, filled pictures out."""

import sys
from collections.abc import Sequence
from typing import Any

import torch
import yaml

from repaint import __version__, build
from repaint.animation import require_codec
from repaint.config import Config, no_effect_keys
from repaint.data import storage
from repaint.data.dataset import Pair
from repaint.filling import Engine, Filling, Tally, Target, counted
from repaint.noise import picture_seed
from repaint.outputs import Results
from repaint.overview import write_sheets
from repaint.schedule import count_network_calls

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130


def run(config: Config, device: torch.device, overwrite: bool = False) -> int:
    """Inpaint all pictures of a configuration.

    Returns:
        Exit code: 0, 3 if some pictures could not be done, 130 after Ctrl-C.

    Raises:
        RepaintError: nothing could be started.
    """
    if config.model != "auto":
        _check(config)  # before gigabytes are read
    pairs, pairing_note = build.build_pairs(config)
    weights = build.read_weights(config.model_path)
    config = build.apply_weights_to_config(config, weights)
    if config.model == "auto":
        _check(config)  # its flags are known only now
    labels, labels_note = build.build_labels(config, pairs)
    classifier = build.read_classifier_weights(config)
    engine = _build_engine(config, weights, classifier, device)
    digest = build.config_digest(config, weights, classifier, device)
    targets = _targets(config, pairs)
    build.check_results(config, pairs, [target.name for target in targets])
    results = Results(build.build_folders(config), digest, _wanted(config, targets, labels), overwrite)
    _say_notes(config, pairing_note, labels_note)
    print(summary(config, len(pairs), engine.times, device))
    tally = Tally(skipped=len(results.finished))
    if tally.skipped:
        already = f"{tally.skipped} of {len(targets)} {counted(config)} are finished already"
        print(f"{already} (--overwrite does them again)")
    try:
        Filling(engine, targets, results, _common_record(engine, weights.digest), tally).run()
        code = EXIT_SOME_FAILED if tally.failed else EXIT_OK
    except KeyboardInterrupt:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        code = EXIT_INTERRUPTED
    _say_results(config, targets, results, tally)
    return code


def _check(config: Config) -> None:
    """Raise ConfigError for anything in the configuration, or not installed, that keeps it from working."""
    build.check(config)
    if config.animation:
        require_codec(config.animation)


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
    fills = config.num_samples_per_image
    batches = -(-pictures * fills // config.eval_data.batch_size)
    size = f"{config.image_size}x{config.image_size}"
    each = f", {fills} fills each" if fills > 1 else ""
    if config.eval_data.fit == "window":  # how many there are is known only when the masks are read
        work, total = f"pictures through windows of {size}{each}, {config.eval_data.batch_size} at a time", "or more"
    else:
        work, total = f"pictures of {size}{each}{',' if each else ''} in {batches} batches", "in all"
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
    sheet, diversity = write_sheets(build.build_reading(config), targets, results)
    if diversity is not None:
        print(f"diversity: two fills of a picture differ by {diversity:.3f} in the hole (0 to 1)")
    if tally.flattened:
        print(f"format: jpg has no transparency; that of {len(tally.flattened)} pictures is left out (png keeps it)")
    contact = f", contact sheet {sheet}" if sheet else ""
    failures = len(tally.failed)
    if config.num_samples_per_image == 1:
        done, failed = f"{tally.done} pictures filled", f", {failures} could not be done"
    else:
        done, failed = f"{tally.done} fills made", f", {failures} pictures could not be done in full"
    print(f"{done}{failed if failures else ''}; results in {results.folders.inpainted}{contact}")


def dry_run(config: Config, device: torch.device) -> int:
    """Print what `run` would do. Files that are not there yet are named at the end; all else that is wrong raises."""
    data = config.eval_data
    inputs = [config.model_path, config.classifier_path if config.guided else None, data.gt_path, data.mask_path]
    missing = [path for path in inputs if path and not storage.exists(path)]
    if config.model_path in missing:
        _check(config)
    else:
        weights = build.read_weights(config.model_path)
        config = build.apply_weights_to_config(config, weights)
        _check(config)
        build.check_weights(config, weights)
    print(yaml.safe_dump(config.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True).rstrip())
    pairs: list[Pair] = []
    notes: list[str | None] = []
    if data.gt_path not in missing and data.mask_path not in missing:
        pairs, pairing_note = build.build_pairs(config)
        notes = [pairing_note, build.build_labels(config, pairs)[1]]
    targets = _targets(config, pairs)
    build.check_results(config, pairs, [target.name for target in targets])
    for target in targets:
        mask = target.pair.mask or build.describe_mask(config)
        print(f"{target.pair.picture} + {mask} -> {storage.join(data.paths.srs, target.name)}")
    _say_notes(config, *notes)
    print(summary(config, len(pairs), build.build_times(config), device))
    parameters, activations = build.estimate_memory(config)
    print(f"memory: about {parameters / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    for path in missing:
        print(f"missing: {path}")
    return EXIT_OK
