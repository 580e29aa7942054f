"""Damaged inputs through the command: python -m tests.programs.fuzz --cases 2000 --seed 0

Every case takes a small run that works, damages one of its files, and runs it in this process. It must end with a
result (0), a one-line error (2) or a skipped picture (3), in time and without a traceback.
"""

import argparse
import contextlib
import io
import json
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from repaint.commands.fill import main as fill_command
from repaint.inference.manifest import MANIFEST
from tests.helpers.tiny import make_run, tiny_unet

KINDS = ("png", "jpg", "webp", "mask", "pt", "safetensors", "yaml", "labels", "manifest")
SECONDS = 30  # for one case
REGULAR_ENDS = {0: "filled", 2: "one-line error", 3: "picture skipped"}


class TooSlow(BaseException):
    """Raised by the alarm; no `except Exception` may swallow it."""


@dataclass(frozen=True)
class Setup:
    """A run that works, and the file of it that gets damaged."""

    conf: Path
    victim: Path
    content: bytes


def prepare(kind: str, folder: Path) -> Setup:
    """Make the run for a kind of victim."""
    changes: dict[str, object] = (
        {"class_cond": True, "num_classes": 5, "cond_y": "labels.csv"} if kind == "labels" else {}
    )
    conf = make_run(folder, 1, **changes)
    text = conf.read_text().replace(f"{folder}/", "")  # relative, so that damaged paths stay in the folder
    victim = folder / {"mask": "masks/00.png", "yaml": "conf.yml", "labels": "labels.csv"}.get(kind, f"gt/00.{kind}")
    if kind in ("jpg", "webp"):
        Image.open(folder / "gt/00.png").save(victim)
        (folder / "gt/00.png").unlink()
    if kind in ("pt", "safetensors"):
        victim = folder / f"model.{kind}"
        text = text.replace("model.safetensors", victim.name)
    if kind == "pt":
        torch.save(tiny_unet().state_dict(), victim)
    if kind == "labels":
        network = tiny_unet(num_classes=5)
        torch.save(network.state_dict(), folder / "model.pt")
        text = text.replace("model.safetensors", "model.pt")
        victim.write_text("00.png,3\n01.png,4\n")
    conf.write_text(text)
    if kind == "manifest":
        victim = folder / "out/manifest.jsonl"
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            fill_command(["--conf_path", "conf.yml", "--device", "cpu"])
    return Setup(conf, victim, victim.read_bytes())


def damage(content: bytes, chance: random.Random) -> bytes:
    """Flip bits, overwrite, cut out, double, or cut off."""
    data = bytearray(content)
    position = chance.randrange(len(data))
    length = chance.randint(1, max(1, min(len(data) - position, 64)))
    match chance.randrange(6):
        case 0 | 1:
            for _ in range(chance.randint(1, 16)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 2:
            data[position : position + length] = chance.randbytes(length)
        case 3:
            del data[position : position + length]
        case 4:
            data[position:position] = data[position : position + length]
        case _:
            del data[position:]
    return bytes(data)


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TooSlow in the block if it takes longer."""

    def ring(_signal: int, _frame: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def defect_of(setup: Setup, content: bytes) -> tuple[str, str]:
    """Run a damaged case; (how it ended, what is wrong about that, or an empty text)."""
    setup.victim.write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), time_limit(SECONDS):
            resuming = setup.victim.name == MANIFEST
            code = fill_command(["--conf_path", "conf.yml", "--device", "cpu", *([] if resuming else ["--overwrite"])])
    except TooSlow:
        return "too slow", f"not done in {SECONDS} s"
    except BaseException:  # noqa: BLE001 - whatever comes out is what is looked for
        return "traceback", traceback.format_exc()
    errors = [line for line in err.getvalue().splitlines() if line.startswith("error: ")]
    if code not in REGULAR_ENDS or (code == 2) != (len(errors) == 1) or "Traceback" in err.getvalue():
        return "wrong end", f"exit code {code}\n{out.getvalue()}{err.getvalue()}"
    if resuming and code == 0 and [json.loads(line)["name"] for line in setup.victim.open()] != ["00.png"]:
        return "wrong manifest", setup.victim.read_text()
    return REGULAR_ENDS[code], ""


def fuzz(kind: str, cases: int, seed: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Damage one kind of file so many times.

    Args:
        kind: of KINDS.
        cases: how many.
        seed: of the first case; the next ones follow.
        keep: folder for the files that showed a defect.

    Returns:
        (how the cases ended, what was wrong).
    """
    ends: Counter[str] = Counter()
    defects = []
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        setup = prepare(kind, Path(name))
        for number in range(seed, seed + cases):
            content = damage(setup.content, random.Random(f"{kind} {number}"))
            end, defect = defect_of(setup, content)
            ends[end] += 1
            if defect:
                defects.append(f"{kind}, case {number}: {end}: {defect}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{kind}_{number}{setup.victim.suffix}").write_bytes(content)
    return ends, defects


def main() -> int:
    """Print how all cases ended; 1 if there was a defect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="over all kinds of files (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first case of each kind (default 0)")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--keep", type=Path, help="folder for the files that showed a defect")
    args = parser.parse_args()
    all_defects = []
    for kind in args.kinds:
        ends, defects = fuzz(kind, -(-args.cases // len(args.kinds)), args.seed, args.keep)
        print(f"{kind:12} {sum(ends.values()):5} cases: {', '.join(f'{n} {end}' for end, n in sorted(ends.items()))}")
        all_defects += defects
    print(*all_defects, sep="\n")
    print(f"{len(all_defects)} defects")
    return int(bool(all_defects))


if __name__ == "__main__":
    sys.exit(main())
