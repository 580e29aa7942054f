"""`repaint schedule`: plot jump schedules, or design one of a given cost."""

from collections.abc import Sequence

from repaint.commands.dispatch import run_subcommand

_COMMANDS = {
    "plot": ("schedule_plot", "draw jump schedules and print their network calls"),
    "design": ("schedule_design", "search a schedule of a given number of network calls"),
}


def main(arguments: Sequence[str] | None = None, prog: str = "repaint schedule") -> int:
    """Run `plot` or `design`; returns the exit code."""
    return run_subcommand(prog, "Plot or design jump schedules.", _COMMANDS, arguments)
