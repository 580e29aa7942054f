"""Time a network call of the sampler beside the published way of doing it, all in one run.

python scripts/benchmark.py --model faces64 --batch 1 8
python scripts/benchmark.py --model c256 --calls 1 --rounds 3 --json c256.json

Sides take turns, each in a process of its own, and medians are told. Weights are untrained: time does not depend on
them.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from repaint import build
from repaint.cli import guard
from repaint.config import Config, load_config
from repaint.data.storage import write_bytes
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.distributed import pick_device
from repaint.models.blocks import PointwiseConv1d, PointwiseConv2d
from repaint.models.runtime import prepare
from repaint.models.unet import UNet
from repaint.noise import PictureNoise
from repaint.sampler import p_sample_loop

ROOT = Path(__file__).resolve().parents[1]
CONFS = {"faces64": "quickstart", "c256": "test_c256_thick", "inet256": "test_inet256_thick", "p256": "test_p256_thick"}
COLUMNS = (
    "batch", "side", "ms a call and picture", "times as fast", "outside the network", "of convolution rate", "GiB",
)  # fmt: skip
SIDES = ("published way", "plain", "ours")


@dataclass
class Timing:
    """What one side took.

    Attributes:
        side: of SIDES.
        batch: pictures at a time.
        call: seconds of the sampler's loop per network call and picture, median over the rounds.
        network: those of the network alone.
        peak_bytes: most memory that the side's process had (on a GPU: that its tensors had).
    """

    side: str
    batch: int
    call: float
    network: float
    peak_bytes: int


class CopyingDiffusion(GaussianDiffusion):
    """Fetches constants as the published code does: the whole table goes to the device each time."""

    def at(self, table: str, t: int | Tensor) -> Tensor:
        """See `GaussianDiffusion.at`."""
        values = torch.from_numpy(getattr(self, table).cpu().double().numpy()).to(self.betas.device)
        return values[t].float()


def load(model: str) -> Config:
    """The configuration of a model, with the architecture of the bundled weights where it is theirs."""
    config = load_config(Config, ROOT / "confs" / f"{CONFS[model]}.yml")
    if config.model != "auto":
        return config
    return build.apply_weights_to_config(config, build.read_weights(str(ROOT / config.model_path)))


def make_published(network: UNet, diffusion: GaussianDiffusion) -> None:
    """Undo, in place, what the product does in another way than the published code."""
    diffusion.__class__ = CopyingDiffusion
    for module in network.modules():
        if isinstance(module, PointwiseConv1d | PointwiseConv2d):
            module.__class__ = nn.Conv1d if isinstance(module, PointwiseConv1d) else nn.Conv2d


def serve(side: str, model: str, device_name: str, calls: int, orders: Connection) -> None:
    """Run one side in a process of its own: takes batch sizes, answers (loop, network) seconds and peak memory."""
    device, config = torch.device(device_name), load(model)
    network = build.build_unet(build.build_unet_config(config)).to(device).eval().requires_grad_(False)
    diffusion = build.build_diffusion(config, str(calls), config.clip_denoised).to(device)
    if side == "published way":
        make_published(network, diffusion)
    if side == "ours":
        prepare(network, device)
    kernels = [SDPBackend.MATH] if side == "published way" else list(SDPBackend.__members__.values())
    while batch := orders.recv():
        # The published code tells the network a timestep for each picture, of which it cannot see that they are equal.
        own_timesteps = side == "published way"
        with sdpa_kernel(kernels), torch.no_grad():
            orders.send(
                _measure(network, diffusion, (batch, 3, config.image_size, config.image_size), calls, own_timesteps)
            )


def _measure(
    network: UNet, diffusion: GaussianDiffusion, shape: tuple[int, ...], calls: int, own_timesteps: bool
) -> tuple[float, float, int]:
    device = diffusion.betas.device
    x0, mask = torch.zeros(shape, device=device), torch.ones(shape, device=device)
    mask[..., shape[-1] // 2 :] = 0

    def model(x: Tensor, timesteps: Tensor, _y: Tensor | None = None) -> Tensor:
        return network(x, timesteps.clone() if own_timesteps else timesteps)

    noise = PictureNoise(range(shape[0]), shape[1:], device)
    loop = _seconds(lambda: p_sample_loop(model, diffusion, x0, mask, range(calls - 1, -2, -1), noise), device)
    timesteps = diffusion.timesteps(0, shape[0])
    alone = _seconds(lambda: [model(x0, timesteps) for _ in range(calls)], device)
    return loop / calls / shape[0], alone / calls / shape[0], _peak_bytes(device)


def _seconds(job: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    job()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_sides(model: str, device: torch.device, batches: list[int], calls: int, rounds: int) -> list[Timing]:
    """Let the sides take turns; the first round warms up and does not count."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for side in SIDES:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(side, model, str(device), calls, theirs), daemon=True)
        process.start()
        workers[side] = ours
    timings = []
    for batch in batches:
        answers: dict[str, list[tuple[float, float, int]]] = {side: [] for side in SIDES}
        for _ in range(rounds + 1):
            for side, worker in workers.items():
                worker.send(batch)
                answers[side].append(worker.recv())
        for side, answer in answers.items():
            loops, networks, peaks = zip(*answer[1:], strict=True)
            timings.append(Timing(side, batch, statistics.median(loops), statistics.median(networks), peaks[-1]))
    for worker in workers.values():
        worker.send(0)
    return timings


def machine_rates(device: torch.device) -> dict[str, float]:
    """What the machine does at best in float32, in floating-point operations per second: a matrix product, a 3x3
    convolution."""
    a = torch.randn(2048, 2048, device=device)
    conv = nn.Conv2d(256, 256, 3, padding=1, device=device).to(memory_format=torch.channels_last)
    x = torch.randn(4, 256, 64, 64, device=device).to(memory_format=torch.channels_last)
    jobs: dict[str, tuple[Callable[[], Tensor], float]] = {
        "matrix product": (lambda: a @ a, 2 * 2048**3),
        "convolution": (partial(conv, x), 2 * 9 * 256 * 256 * 64 * 64 * 4),
    }
    with torch.no_grad():
        return {name: work / min(_seconds(job, device) for _ in range(8)) for name, (job, work) in jobs.items()}


def count_flops(config: Config) -> int:
    """Floating-point operations of one network call for one picture."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build.build_unet(build.build_unet_config(config))
        network(torch.empty(1, 3, config.image_size, config.image_size), torch.empty(1))
    return int(counter.get_total_flops())


def benchmark(args: argparse.Namespace) -> int:
    """Print the table; returns 0."""
    device = pick_device(args.device)
    rates, flops = machine_rates(device), count_flops(load(args.model))
    timings = run_sides(args.model, device, args.batch, args.calls, args.rounds)
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"{args.model}, {flops / 1e9:,.1f} GFLOP a call and picture; {name}{threads}, PyTorch {torch.__version__}")
    print("float32 at best: " + ", ".join(f"{what} {rate / 1e9:,.0f} GFLOP/s" for what, rate in rates.items()))
    print(f"\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    slowest = {timing.batch: timing.call for timing in timings if timing.side == SIDES[0]}
    for timing in timings:
        cells = [
            str(timing.batch),
            timing.side,
            f"{1000 * timing.call:,.1f}",
            f"{slowest[timing.batch] / timing.call:.2f}",
            f"{1 - timing.network / timing.call:.1%}",
            f"{flops / timing.call / rates['convolution']:.0%}",
            f"{timing.peak_bytes / 2**30:.2f}",
        ]
        print(f"| {' | '.join(cells)} |")
    if args.json:
        result = {"model": args.model, "flops": flops, "rates": rates, "timings": [asdict(each) for each in timings]}
        write_bytes(args.json, json.dumps(result, indent=1).encode())
    return 0


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=CONFS, default="faces64", help="architecture (default: faces64)")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1", help="default: the best one at hand")
    parser.add_argument("--batch", type=int, nargs="+", default=[1], help="pictures at a time (default: 1)")
    parser.add_argument("--calls", type=int, default=10, help="network calls of a round (default: 10)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    args = parser.parse_args()
    return guard(lambda: benchmark(args))


if __name__ == "__main__":
    raise SystemExit(main())
