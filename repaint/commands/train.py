"""`repaint train`: train or fine-tune a diffusion model on a folder of pictures."""

import argparse
from collections.abc import Sequence

from repaint.commands.errors import guard
from repaint.commands.options import add_run_options, path_argument
from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.training.trainer import Trainer
from repaint.workers.rendezvous import join_workers, process_group


def main(arguments: Sequence[str] | None = None, prog: str = "train.py") -> int:
    """Parse the command line and train; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Train a diffusion model on a folder of pictures.")
    parser.add_argument("--conf_path", type=path_argument, required=True, help="YAML configuration")
    parser.add_argument("--stop", type=int, metavar="STEP", help="stop at this step, to be resumed later")
    add_run_options(parser)
    args = parser.parse_args(arguments)
    return guard(lambda: _train(args), args.debug)


def _train(args: argparse.Namespace) -> int:
    config = load_config(TrainConfig, args.conf_path, args.set)
    worker = join_workers(args.device)
    with process_group(worker):
        trainer = Trainer(config, worker)
        if worker.is_main:
            print(
                f"training on {len(trainer.dataset)} pictures of {config.image_size}x{config.image_size}, "
                f"steps {trainer.step} to {trainer.last_step(args.stop)}, "
                f"{worker.world_size} x {worker.device}; results in {config.out}"
            )
        trainer.run(args.stop)
    return 0
