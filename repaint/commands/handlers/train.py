"""Train or fine-tune a diffusion model on a folder of pictures."""

import argparse

from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.training.trainer import Trainer
from repaint.workers.rendezvous import join_workers, process_group


def handle(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    config = load_config(TrainConfig, args.conf_path, args.set)
    worker = join_workers(args.device)
    with process_group(worker):
        trainer = Trainer(config, worker)

        def announce(first: int, last: int) -> None:
            if not worker.is_main:
                return
            size = trainer.dataset.size
            print(
                f"training on {len(trainer.dataset)} pictures of {size}x{size}, steps {first} to {last}, "
                f"{worker.world_size} x {worker.device}; results in {config.out}"
            )

        trainer.run(args.stop, announce)
    return 0
