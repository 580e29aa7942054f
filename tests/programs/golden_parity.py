"""Distance to the published implementation on a device: python -m tests.programs.golden_parity --device cuda

Networks and trajectories of `tests/golden` in each number format; relative L2 distances, which the tests hold under
1e-5 in float32 on the CPU.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from repaint.diffusion.guidance import classifier_guidance
from repaint.models.optimize import Precision, place, prepare, with_settings
from tests.helpers.golden_inputs import (
    golden_arrays,
    golden_classifier,
    golden_network_input,
    golden_unet,
    manifest,
    relative_error,
)
from tests.helpers.golden_runs import trajectory_errors


def prepared(name: str, device: torch.device, precision: Precision) -> Callable[..., Tensor]:
    """A network of the manifest as a run has it."""
    return prepare(golden_unet(name), device, precision)


@torch.no_grad()
def network_error(name: str, device: torch.device, precision: Precision) -> float:
    """Distance of a network's output."""
    entry = manifest()["unet"][name]
    y = torch.tensor(entry["classes"], device=device) if entry["config"].get("class_cond") else None
    x, timesteps = golden_network_input(entry["seed"]).to(device), torch.tensor(entry["timesteps"], device=device)
    out = prepared(name, device, precision)(x, timesteps, y)
    return relative_error(out.float().cpu(), golden_arrays(f"unet_{name}")["out"])


def trajectory_error(name: str, device: torch.device, precision: Precision) -> float:
    """Largest distance along a trajectory."""
    entry = manifest()["sampler"][name]
    cond_fn = None
    if "guide" in entry:
        classifier = golden_classifier()
        place(classifier, device, precision)
        guidance = classifier_guidance(classifier, entry["guide"])
        cond_fn = with_settings(guidance, device, precision)
    errors = trajectory_errors(name, prepared(entry["unet"], device, precision), cond_fn, device)
    return max(errors.values())


def main() -> int:
    """Print the distances, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", nargs="+", default=["fp32"])
    parser.add_argument("--networks", action="store_true", help="leave out the trajectories, which take minutes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    device = torch.device(args.device)
    found = {}
    for precision in args.precision:
        errors = {f"network {name}": network_error(name, device, precision) for name in manifest()["unet"]}
        if not args.networks:
            names = manifest()["sampler"]
            errors |= {f"trajectory {name}": trajectory_error(name, device, precision) for name in names}
        found[precision] = errors
        print(precision, {name: f"{error:.1e}" for name, error in errors.items()}, flush=True)
    if args.json:
        args.json.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
