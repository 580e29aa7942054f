"""The command lines: arguments in, exit code out. User errors become one line and exit code 2."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from torch.distributed import DistError

from repaint.config.schema import Config, TrainConfig, load_config
from repaint.errors import RepaintError, is_out_of_memory
from repaint.inference import runner
from repaint.inference.dry_run import dry_run
from repaint.inference.runner import VERDICT
from repaint.training.trainer import Trainer
from repaint.workers.devices import pick_device
from repaint.workers.process_settings import optimize_process
from repaint.workers.rendezvous import join_workers, process_group

QUICKSTART = "confs/quickstart.yml"
EXIT_USER_ERROR = 2
GRACE_SECONDS = 10


def inpaint_main(arguments: Sequence[str] | None = None) -> int:
    """`test.py`: inpaint the pictures of a configuration."""
    parser = argparse.ArgumentParser(prog="test.py", description="Fill the holes in pictures with RePaint.")
    _add_common(parser, QUICKSTART)
    parser.add_argument("--dry_run", action="store_true", help="check everything and print the plan, run nothing")
    parser.add_argument("--overwrite", action="store_true", help="do finished pictures again")
    args = parser.parse_args(arguments)
    return guard(lambda: _inpaint(args), args.debug)


def _inpaint(args: argparse.Namespace) -> int:
    if args.dry_run:
        if not _is_main_process():
            return 0
        dry_run(load_config(Config, args.conf_path, args.set), pick_device(args.device))
        return 0
    worker = join_workers(args.device)
    verdict = worker.load_persisted(VERDICT)
    if verdict is not None:  # trying again would end like it
        return int(verdict)
    try:
        return runner.run(load_config(Config, args.conf_path, args.set), worker, args.overwrite)
    except RepaintError:
        if worker.is_main:
            worker.persist(VERDICT, str(EXIT_USER_ERROR))
        raise


def train_main(arguments: Sequence[str] | None = None) -> int:
    """`scripts/train.py`: train a model."""
    parser = argparse.ArgumentParser(prog="train.py", description="Train a diffusion model on a folder of pictures.")
    _add_common(parser, None)
    parser.add_argument("--stop", type=int, metavar="STEP", help="stop at this step, to be resumed later")
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


def _add_common(parser: argparse.ArgumentParser, default_conf: str | None) -> None:
    shown = f"YAML configuration (default: {default_conf})" if default_conf else "YAML configuration"
    parser.add_argument("--conf_path", default=default_conf, required=default_conf is None, help=shown)
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """The options `--set`, `--device` and `--debug` of every command that runs a configuration."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="override a key; repeatable"
    )
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1|mps", help="default: the best one at hand")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def guard(job: Callable[[], int], debug: bool = False) -> int:
    """Run a command; a `RepaintError` becomes one line on stderr and exit code 2, Ctrl-C exit code 130.

    The process is the command's own, so its settings are those for inference, see `optimize_process`.
    """
    optimize_process()
    try:
        try:
            return job()
        except (RepaintError, MemoryError, RuntimeError) as error:
            message = _told(error)
            if debug or message is None:
                raise
            if not _is_main_process():
                time.sleep(GRACE_SECONDS)  # if all fail alike, the main process tells it and ends the others
            print(f"error: {message}", file=sys.stderr)
            return EXIT_USER_ERROR
    except KeyboardInterrupt:
        if _is_main_process():
            print("interrupted", file=sys.stderr)
        return runner.EXIT_INTERRUPTED


def _told(error: Exception) -> str | None:
    """The line that tells a user of an error; None for a defect of the program, which deserves its traceback."""
    if isinstance(error, RepaintError):
        return str(error)
    detail = str(error).partition("\n")[0] or type(error).__name__
    if is_out_of_memory(error):
        return f"out of memory; lower batch_size ({detail})"
    if isinstance(error, DistError):
        return f"the other processes of this run cannot be reached any more; the same command goes on ({detail})"
    return None


def _is_main_process() -> bool:
    return os.environ.get("RANK", "0") == "0"
