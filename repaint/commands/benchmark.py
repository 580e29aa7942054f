"""Time a network call of the sampler beside the published way of doing it, all in one run.

python scripts/benchmark.py --model faces64 --batch 1 8
python scripts/benchmark.py --model c256 --calls 1 --rounds 3 --json c256.json
python scripts/benchmark.py --model faces64 --growth
python scripts/benchmark.py --model c256 --batch 1 16 --set precision=auto --set compile=true

Variants take turns, each in a process of its own, and medians are reported. Weights are untrained: time does not depend
on them. If the diffusers library is installed, its RePaint pipeline is one of the variants, with its own network of
equal widths and depths.
"""

import argparse
from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, path_argument

CONFS = {"faces64": "quickstart", "c256": "test_c256_thick", "inet256": "test_inet256_thick", "p256": "test_p256_thick"}


def main(arguments: Sequence[str] | None = None, prog: str = "benchmark.py") -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = Parser(prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=CONFS, default="faces64", help="architecture (default: faces64)")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1", help="default: the best one available")
    parser.add_argument("--batch", type=int, nargs="+", default=[1], help="pictures at a time (default: 1)")
    parser.add_argument("--calls", type=int, default=10, help="network calls of a round (default: 10)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--growth", action="store_true", help="time ours over batches, sizes and numbers of calls")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="key of our variant's configuration; repeatable"
    )
    parser.add_argument("--json", type=path_argument, metavar="FILE", help="write the numbers there too")
    args = parser.parse_args(arguments)
    return handle("benchmark", args)
