"""The command line `repaint`: one subcommand for each job."""

from collections.abc import Sequence

from repaint.commands.console import with_safe_output
from repaint.commands.dispatch import run_subcommand

_COMMANDS = {
    "fill": ("fill", "fill the holes in pictures"),
    "train": ("train", "train or fine-tune a diffusion model"),
    "evaluate": ("evaluate", "measure filled pictures and compare methods"),
    "schedule": ("schedule", "plot or design jump schedules"),
    "masks": ("masks", "write mask files made by rule"),
    "benchmark": ("benchmark", "time the sampler on this machine"),
    "demo": ("demo", "fill holes in the browser"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit code, 2 if there is none of that name."""
    summary = "Inpainting with unconditional diffusion models."
    return with_safe_output(lambda: run_subcommand("repaint", summary, _COMMANDS, arguments))
