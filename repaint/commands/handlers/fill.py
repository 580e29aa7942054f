"""Fill the holes in pictures, by a configuration or straight from the command line."""

import argparse

from repaint.commands.console import is_main_process
from repaint.commands.errors import EXIT_USER_ERROR
from repaint.commands.handlers import photo
from repaint.commands.options import QUICKSTART
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.data.bundled import locate
from repaint.errors import ConfigError, RepaintError
from repaint.inference import runner
from repaint.inference.dry_run import dry_run
from repaint.inference.inputs import locate_inputs
from repaint.inference.runner import VERDICT
from repaint.workers.devices import pick_device
from repaint.workers.rendezvous import join_workers


def handle(args: argparse.Namespace) -> int:
    """Fill; returns the exit code."""
    return _fill_pictures(args) if args.pictures else _run_configuration(args)


def _fill_pictures(args: argparse.Namespace) -> int:
    if args.conf_path is not None:
        raise ConfigError("--conf_path names its own pictures; leave out the configuration, or the pictures")
    return photo.fill(args)


def _run_configuration(args: argparse.Namespace) -> int:
    photo.refuse_options(args)
    if args.dry_run:
        if is_main_process():
            dry_run(_load(args), pick_device(args.device), args.overwrite)
        return runner.EXIT_OK
    worker = join_workers(args.device)
    verdict = worker.load_persisted(VERDICT)
    if verdict is not None:  # trying again would end like it
        return int(verdict)
    try:
        return runner.run(_load(args), worker, args.overwrite)
    except RepaintError:
        if worker.is_main:
            worker.persist(VERDICT, str(EXIT_USER_ERROR))
        raise


def _load(args: argparse.Namespace) -> Config:
    """The configuration; inputs of bundled files are found from any folder."""
    path = locate(QUICKSTART) if args.conf_path is None else locate(args.conf_path)
    return locate_inputs(load_config(Config, path, args.set))
