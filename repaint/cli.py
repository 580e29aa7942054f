"""The command lines: arguments in, exit code out. User errors become one line and exit code 2."""

import argparse
import sys
from collections.abc import Callable, Sequence

from repaint import distributed
from repaint.config import Config, TrainConfig, load_config
from repaint.errors import RepaintError

EXIT_USER_ERROR = 2
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130


def train_main(arguments: Sequence[str] | None = None) -> int:
    """`scripts/train.py`."""
    parser = argparse.ArgumentParser(prog="train.py", description="Train a diffusion model on a folder of pictures.")
    _add_common(parser, default_conf=None)
    parser.add_argument("--stop", type=int, metavar="STEP", help="stop at this step, to be resumed later")
    args = parser.parse_args(arguments)
    return _guard(lambda: _train(args), args.debug)


def _train(args: argparse.Namespace) -> int:
    from repaint.training import Trainer

    config = load_config(TrainConfig, args.conf_path, args.set)
    process = distributed.start(args.device)
    try:
        trainer = Trainer(config, process)
        if process.is_main:
            print(
                f"training on {len(trainer.dataset)} pictures of {config.image_size}x{config.image_size}, "
                f"steps {trainer.step} to {min(args.stop or config.steps, config.steps)}, "
                f"{process.world_size} x {process.device}; results in {config.out}"
            )
        trainer.run(args.stop)
    finally:
        distributed.stop()
    return 0


def _add_common(parser: argparse.ArgumentParser, default_conf: str | None) -> None:
    parser.add_argument("--conf_path", default=default_conf, required=default_conf is None, help="YAML configuration")
    parser.add_argument("--set", action="append", default=[], metavar="key.path=value", help="override a key; repeatable")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1|mps", help="default: the best one at hand")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _guard(job: Callable[[], int], debug: bool) -> int:
    try:
        return job()
    except RepaintError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
