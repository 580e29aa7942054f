"""Steps of the report of a GPU machine that run whole programs: fills beside the CPU's, and training."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repaint.benchmarking.report import Settings
from repaint.benchmarking.report_steps import TINY_NETWORK
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.config.training import TrainConfig
from repaint.data.bundled import locate
from repaint.data.decoding import decode
from repaint.data.encoding import encode_png
from repaint.data.storage import write_bytes
from repaint.inference import runner
from repaint.inference.inputs import locate_inputs
from repaint.training.trainer import Trainer
from repaint.workers.worker import single_worker

CONFIGURATIONS = ("quickstart", "faces64_genhalf", "faces64_nn2", "faces64_thick")
FORMATS = ("fp32", "auto")
TRAINING_BATCHES = (64, 256)
TRAINING_PICTURES = 2048
_SECONDS_OF_TRAINING = 12.0  # of each of the combinations
_WARM_UP_STEPS = 4


def pictures(settings: Settings) -> Mapping[str, Any]:
    """Fills of the bundled faces on the device, with noise of the CPU, beside the CPU's: differences in grey levels."""
    found: dict[str, Any] = {}
    for name in CONFIGURATIONS[-1:] if settings.tiny else CONFIGURATIONS:
        reference, seconds = _fill(name, "cpu", "fp32", settings)
        found[name] = {"cpu seconds": seconds}
        for precision in FORMATS:
            filled, seconds = _fill(name, settings.device, precision, settings)
            difference = np.abs(filled - reference)
            found[name][precision] = {
                "seconds": seconds,
                "most": int(difference.max()),
                "mean": float(difference.mean()),
                "share above 2": float((difference > 2).mean()),
            }
    return found


def _fill(name: str, device: str, precision: str, settings: Settings) -> tuple[np.ndarray, float]:
    """The pictures of a bundled configuration as int [N, H, W, 3], and the seconds that the run took."""
    folder = Path(settings.folder, "pictures", name, f"{device}_{precision}".replace(":", "_"))
    changes = {"paths.srs": folder / "filled", "paths.log": folder, "paths.lrs": "null", "paths.gts": "null"}
    changes |= {"paths.gt_keep_masks": "null"} | ({"max_len": 1, "batch_size": 1} if settings.tiny else {})
    overrides = [f"data.eval.faces.{key}={value}" for key, value in changes.items()]
    overrides += ["noise_device=cpu", f"precision={precision}", "show_progress=false"]
    overrides += ["timestep_respacing='2'"] if settings.tiny else []
    config = locate_inputs(load_config(Config, locate(f"confs/{name}.yml"), overrides))
    started = time.perf_counter()
    runner.run(config, single_worker(torch.device(device)), overwrite=True)
    seconds = time.perf_counter() - started
    files = sorted((folder / "filled").iterdir())
    return np.stack([np.asarray(decode(str(file)).convert("RGB"), int) for file in files]), seconds


def training(settings: Settings) -> Mapping[str, Any]:
    """Pictures a second in training the bundled architecture, for each number format and batch size."""
    folder = Path(settings.folder, "training_pictures")
    rng = np.random.default_rng(0)
    for number in range(8 if settings.tiny else TRAINING_PICTURES):
        if not (folder / f"{number:05d}.png").exists():
            write_bytes(str(folder / f"{number:05d}.png"), encode_png(rng.integers(0, 256, (64, 64, 3), np.uint8)))
    found = {}
    for precision, batch_size in _training_combinations(settings):
        config = _training_config(settings, precision, batch_size, str(folder))
        trainer = Trainer(config, single_worker(torch.device(settings.device)))
        trainer.run(_WARM_UP_STEPS)
        per_step = _seconds_to(trainer, 2 * _WARM_UP_STEPS) / _WARM_UP_STEPS
        steps = 2 if settings.tiny else max(10, round(_SECONDS_OF_TRAINING / per_step))
        seconds = _seconds_to(trainer, trainer.step + steps)
        found[f"{precision}, {batch_size} pictures a step"] = {
            "steps": steps, "seconds": seconds, "pictures a second": steps * batch_size / seconds,
        }  # fmt: skip
    return found


def _training_combinations(settings: Settings) -> Iterator[tuple[str, int]]:
    for precision in ("fp32",) if settings.tiny else ("fp32", "bf16"):
        for batch_size in (2,) if settings.tiny else TRAINING_BATCHES:
            yield precision, batch_size


def _training_config(settings: Settings, precision: str, batch_size: int, data: str) -> TrainConfig:
    out = Path(settings.folder, "training", f"{precision}_{batch_size}")
    overrides = [f"data_path={data}", f"out={out}", "init_path=null", f"precision={precision}"]
    overrides += [f"batch_size={batch_size}", "steps=1000000", "save_interval=1000000", "sample_interval=1000000"]
    config = load_config(TrainConfig, locate("confs/train_photos64.yml"), overrides)
    return config.model_copy(update=TINY_NETWORK if settings.tiny else {})


def _seconds_to(trainer: Trainer, step: int) -> float:
    """Seconds to train up to a step, saving at the end included."""
    started = time.perf_counter()
    trainer.run(step)
    return time.perf_counter() - started
