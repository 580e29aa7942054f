"""Steps of the report of a GPU machine: what the machine is, tests on it, and the speed of the sampler."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

import repaint
from repaint.benchmarking.device_names import processor_name
from repaint.benchmarking.processor import measure_processor
from repaint.benchmarking.report import Settings
from repaint.benchmarking.rounds import Work, time_variants
from repaint.benchmarking.timing import count_flops, machine_rates
from repaint.benchmarking.variants import DIFFUSERS, OURS, PUBLISHED, variant_names
from repaint.checkpoints.architecture import build_unet, build_unet_config
from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.resolve import resolve
from repaint.checkpoints.weights import Weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.data.bundled import locate
from repaint.inference.batch_size import largest_batch
from repaint.models.optimize import Precision
from repaint.pipeline.pipeline import build_pipeline
from repaint.pipeline.precision_choice import resolve_precision

TINY_NETWORK: dict[str, object] = {
    "image_size": 16, "num_channels": 32, "num_res_blocks": 1, "channel_mult": "1,1", "attention_resolutions": "8",
    "num_head_channels": 16,
}  # fmt: skip
_MOST_TO_FIT = 64  # of batch sizes that are tried


def large_config(settings: Settings, **changes: object) -> Config:
    """The configuration of CelebA-HQ's 256x256 network, or of a tiny one."""
    config = load_config(Config, locate("confs/test_c256_thick.yml"), [])
    update = {"class_cond": False, **(TINY_NETWORK if settings.tiny else {}), **changes}
    return config.model_copy(update=update)


def precisions(settings: Settings) -> tuple[Precision, ...]:
    """Number formats to compare on the device."""
    if settings.device.startswith("cuda"):
        return ("fp32", "tf32", "bf16", "fp16")
    return ("fp32",) if settings.tiny else ("fp32", "bf16")


def machine(settings: Settings) -> Mapping[str, Any]:
    """Names and versions, the peak rates in operations per second, and what the processor does without the device."""
    device = torch.device(settings.device)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processor": processor_name(),
        "cores": torch.get_num_threads(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "gpu": properties.name,
            "gpu memory": properties.total_memory,
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    found["rates"] = {name: machine_rates(device, name) for name in precisions(settings)}
    found["bundled network on the CPU"] = measure_processor(_bundled_config())
    return found


def _bundled_config() -> Config:
    config = load_config(Config, locate("confs/quickstart.yml"), [])
    return resolve(config, read_weights(locate(config.model_path))).config


def cuda_tests(settings: Settings) -> Mapping[str, Any]:
    """Counts of the tests that only a GPU can run; without one all of them are skipped."""
    result = Path(settings.folder, "cuda_tests.xml").resolve()
    command = ["-m", "pytest", "tests/test_cuda.py", "-q", "-n", "0", "-p", "no:cacheprovider", f"--junitxml={result}"]
    output = _run_in_checkout(command)
    suite = ElementTree.parse(result).getroot().find("testsuite")  # noqa: S314 - written just now
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    return counts | ({"output": output[-4000:]} if counts["failures"] + counts["errors"] else {})


def golden_parity(settings: Settings) -> Mapping[str, Any]:
    """Relative distance to the published implementation's values, for each number format."""
    result = Path(settings.folder, "golden_parity.json").resolve()
    names = ("fp32",) if settings.tiny else precisions(settings)
    arguments = ["--device", settings.device, "--json", str(result), "--precision", *names]
    output = _run_in_checkout(
        ["-m", "tests.programs.golden_parity", *arguments, *(["--networks"] if settings.tiny else [])]
    )
    if not result.exists():
        raise RuntimeError(output)
    values: dict[str, Any] = json.loads(result.read_text())
    return values


def _run_in_checkout(arguments: list[str]) -> str:
    """Output of a Python command in the checkout's folder, which has the tests that an installed package lacks."""
    root = Path(repaint.__file__).parents[1]
    if not (root / "tests").is_dir():
        raise RuntimeError(f"{root}: not a checkout of the repository, there are no tests")
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def uncompiled_speed(settings: Settings) -> Mapping[str, Any]:
    """Our sampler in each number format, the published way and the diffusers library, side by side."""
    plain = large_config(settings)
    variants = {name: (name, plain) for name in variant_names() if name in (PUBLISHED, DIFFUSERS)}
    for precision in precisions(settings):
        variants[f"ours, {precision}"] = (OURS, large_config(settings, precision=precision, compile=False))
    return compare_speed(settings, variants)


def compiled_speed(settings: Settings, *names: Precision) -> Mapping[str, Any]:
    """Our sampler with compiled blocks and, on a GPU, recorded calls."""
    variants = {
        f"ours, {name}, compiled": (OURS, large_config(settings, precision=name, compile=True)) for name in names
    }
    return compare_speed(settings, variants)


def compiled_first(settings: Settings) -> Mapping[str, Any]:
    """See `compiled_speed`: in the format that `precision: auto` takes on a recent GPU."""
    return compiled_speed(settings, _first_to_compile(settings))


def compiled_others(settings: Settings) -> Mapping[str, Any]:
    """See `compiled_speed`."""
    return compiled_speed(settings, *(name for name in precisions(settings) if name != _first_to_compile(settings)))


def _first_to_compile(settings: Settings) -> Precision:
    return "bf16" if "bf16" in precisions(settings) else "fp32"


def compare_speed(settings: Settings, variants: Mapping[str, tuple[str, Config]]) -> Mapping[str, Any]:
    """Times of variants side by side, with what some of them could not do.

    Args:
        settings: of the report.
        variants: see `time_variants`.

    Raises:
        RuntimeError: all of them failed.
    """
    config = large_config(settings)
    calls, rounds = (1, 1) if settings.tiny else (3, 3)
    works = [Work(config.image_size, batch, calls) for batch in ((1, 2) if settings.tiny else (1, 4, 16))]
    outcome = time_variants(variants, torch.device(settings.device), works, rounds)
    if outcome.failures and not outcome.timings:
        raise RuntimeError("\n".join(f"{failure.describe()}\n{failure.details}" for failure in outcome.failures))
    return {"flops": count_flops(config), **asdict(outcome)}


def batch_size(settings: Settings) -> Mapping[str, Any]:
    """What `batch_size: auto` finds for the 256x256 network, with the memory that it took."""
    device = torch.device(settings.device)
    config, _ = resolve_precision(large_config(settings, precision="auto"), None, device)
    untrained = Weights("untrained", dict(build_unet(build_unet_config(config)).state_dict()), {}, "")
    pipeline = build_pipeline(config, untrained, None, device)
    found: dict[str, Any] = {"largest": largest_batch(pipeline, 4 if settings.tiny else _MOST_TO_FIT)}
    if device.type == "cuda":
        found["peak bytes"] = torch.cuda.max_memory_allocated(device)
    return found
