"""Draw jump schedules side by side and print what they cost.

python scripts/plot_schedule.py --t_T 100 --jump_n_sample 5 --out r5.png
python scripts/plot_schedule.py --conf_path confs/face_example.yml --schedule t_T=50,jump_length=5,jump_n_sample=5
"""

import inspect
from collections.abc import Sequence
from typing import Any

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_figure_options, path_argument
from repaint.config.presets import PRESETS
from repaint.schedule import get_schedule_jump

FIGURE = "schedule.png"
_PUBLISHED = {"t_T": 250, "jump_length": 10, "jump_n_sample": 10}
PAPER: dict[str, int] = {
    name: parameter.default for name, parameter in inspect.signature(get_schedule_jump).parameters.items()
} | _PUBLISHED


def main(arguments: Sequence[str] | None = None, prog: str = "plot_schedule.py") -> int:
    """Parse the command line, draw, print; returns the exit code."""
    parser = Parser(prog=prog, description="Draw jump schedules side by side.")
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--conf_path", **several, type=path_argument, metavar="YAML", help="configurations")
    texts = f"a preset ({', '.join(PRESETS)}) or parameters such as t_T=50,jump_length=5,jump_n_sample=5; repeatable"
    parser.add_argument("--schedule", action="append", default=[], metavar="NAME|KEY=VALUE,...", help=texts)
    for key, default in PAPER.items():
        parser.add_argument(f"--{key}", metavar="N", help=f"of a schedule from flags (default: {default})")
    add_figure_options(parser, FIGURE)
    args = parser.parse_args(arguments)
    return handle("schedule_plot", args)
