"""Host memory of a run over many tiny pictures: python -m tests.programs.memory --pictures 1000"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.tiny import make_run

ROOT = Path(__file__).parents[2]
SETTLED = 100  # pictures after which nothing should grow any more


def resident_mb(process: int) -> float:
    """Memory of a process in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    """Print memory after the first 100 pictures and the most of it afterwards; 1 if it grows by 50 MB or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        conf = make_run(folder, args.pictures)
        run = subprocess.Popen(
            [sys.executable, "test.py", "--conf_path", str(conf), "--device", "cpu"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        manifest = folder / "out/manifest.jsonl"
        first = most = 0.0
        while run.poll() is None:
            done = manifest.read_bytes().count(b"\n") if manifest.exists() else 0
            now = resident_mb(run.pid)
            if done >= SETTLED:
                first = first or now
                most = max(most, now)
            time.sleep(0.1)
        done = manifest.read_bytes().count(b"\n")
    print(f"{done} pictures: {first:.1f} MB after {SETTLED}, at most {most:.1f} MB later ({most - first:+.1f} MB)")
    return int(run.returncode != 0 or done != args.pictures or most - first >= 50)


if __name__ == "__main__":
    sys.exit(main())
