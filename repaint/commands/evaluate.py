"""Measure filled pictures against their truth, and compare methods and masks in one table.

python scripts/evaluate.py --conf_path confs/faces64_thick.yml confs/faces64_thin.yml
python scripts/evaluate.py --truth gt --masks masks --results LaMa=lama/out MAT=mat/out
python scripts/evaluate.py --comparison all.yml --extra lpips_alex lpips_vgg fid --weights data/pretrained
"""

import argparse
from collections.abc import Sequence
from typing import Any

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_run_options, path_argument
from repaint.evaluation.choices import EXTRAS, WEIGHTS

FILES = f"""{__doc__}
Methods are the rows and masks the columns of the tables. A configuration's method is called after its schedule and its
mask after the kind or folder of the masks; folders are called after themselves. NAME= names a method, --mask the mask
of all that is given by options. For anything else there is --comparison, a YAML file:

  entries:
    - {{method: Telea, mask: wide, conf_path: confs/test_c256_thick.yml, baseline: telea}}
    - {{method: RePaint, mask: wide, conf_path: confs/test_c256_thick.yml}}
    - {{method: fast, mask: wide, conf_path: confs/test_c256_thick.yml, set: [schedule=fast]}}
    - {{method: LaMa, mask: wide, truth: gt, masks: masks/wide, results: lama/wide, calls: 1}}

Several fills of a picture are photo_0.png, photo_1.png ..., or of equal names in a list of results folders. Calls and
seconds come from the manifest.jsonl in or beside the results. With --extra, the weights folder holds:
{"".join(f"{chr(10)}  {name}  ({key}, from {source})" for key, (name, source) in WEIGHTS.items())}
"""


def main(arguments: Sequence[str] | None = None, prog: str = "evaluate.py") -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = Parser(prog=prog, description=FILES, formatter_class=argparse.RawDescriptionHelpFormatter)
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--conf_path", **several, metavar="[NAME=]YAML", help="configurations of runs")
    parser.add_argument("--comparison", type=path_argument, metavar="YAML", help="file that lists what to compare")
    parser.add_argument("--only", **several, metavar="NAME", help="methods and masks of --comparison, no others")
    parser.add_argument("--truth", type=path_argument, metavar="DIR", help="true pictures")
    parser.add_argument("--masks", type=path_argument, metavar="FILE|DIR", help="their masks, or one for all")
    parser.add_argument("--results", **several, metavar="[NAME=]DIR", help="pictures filled by any methods")
    parser.add_argument("--mask_polarity", choices=["known_white", "hole_white"], help="of --masks")
    parser.add_argument("--mask", metavar="NAME", help="name of the masks in the tables")
    parser.add_argument("--extra", nargs="+", choices=EXTRAS, default=[], help="more metrics; most need weights")
    parser.add_argument(
        "--reference", type=path_argument, metavar="DIR", help="real pictures, for kernel and Frechet distance to them"
    )
    parser.add_argument(
        "--weights", type=path_argument, default="data/pretrained", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--against", metavar="NAME", help="method: write differences to it, picture by picture")
    parser.add_argument("--run", action="store_true", help="first run, or finish, the configurations")
    parser.add_argument("--allow_missing", action="store_true", help="leave out pictures without all their results")
    parser.add_argument(
        "--out", type=path_argument, default="log/evaluation", metavar="DIR", help="results (default: %(default)s)"
    )
    add_run_options(parser)
    args = parser.parse_args(arguments)
    return handle("evaluate", args)
