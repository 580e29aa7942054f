"""download.sh, run against a local server with faults and a stand-in for gdown."""

import io
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

SCRIPT = Path(__file__).parents[1] / "download.sh"
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")

TOOLS = ("cat", "chmod", "dirname", "mkdir", "mv", "od", "rm", "tail", "wc")
CLASSIFIER, DIFFUSION = "256x256_classifier.pt", "256x256_diffusion.pt"
CELEBA, PLACES = "celeba256_250000.pt", "places256_300000.pt"
IDS = {
    CELEBA: "1norNWWGYP3EZ_o05DmoW1ryKuKMmhlCX",
    PLACES: "1QEl-btGbzQz6IwkXiFGd49uQNTUtTHsk",
    "data.zip": "1Q_dxuyI41AAmSv9ti3780BwaJQqwvwMv",
}
HTML = b"<!DOCTYPE html><title>Sign in</title>" + b" " * 2_000_000
SIZE = 1_200_000


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def checkpoint(seed: int) -> bytes:
    return zipped({"archive/data.pkl": random.Random(seed).randbytes(SIZE)})


NEW = checkpoint(0)
OTHER = checkpoint(1)
OLD = b"\x80\x02" + random.Random(2).randbytes(SIZE)
PICTURES = {"gts/face/0.png": b"picture", "gt_keep_masks/face/0.png": b"mask"}
EXAMPLE = {f"data/datasets/{name}": content for name, content in PICTURES.items()}
ON_DRIVE = {CELEBA: checkpoint(3), PLACES: checkpoint(4), "data.zip": zipped(EXAMPLE)}


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults` names what goes wrong with a file: 404, html, cut, stall or whole (no ranges)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{CLASSIFIER}": NEW, f"/{DIFFUSION}": OTHER}
        self.faults: dict[str, str] = {}
        self.log: list[tuple[str, int, int]] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def sent(self, name: str) -> list[tuple[int, int]]:
        """The answers for a file: status and how many bytes of body."""
        return [(status, size) for path, status, size in self.log if path == f"/{name}"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        fault = self.server.faults.get(self.path)
        content = HTML if fault == "html" else self.server.files[self.path]
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(ranged[1]) if ranged and fault not in {"html", "whole"} else 0
        if fault == "404":
            self.answer(404, b"<html>no such file</html>")
        elif 0 < len(content) <= start:
            self.answer(416, b"<html>no such range</html>", f"bytes */{len(content)}")
        elif start:
            self.answer(206, content[start:], f"bytes {start}-{len(content) - 1}/{len(content)}", fault)
        else:
            self.answer(200, content, fault=fault)

    def answer(self, status: int, body: bytes, content_range: str = "", fault: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if fault in {"cut", "stall"}:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.server.log.append((self.path, status, len(body)))
        self.wfile.write(body)
        if fault == "stall":
            self.server.closing.wait(20)

    def log_message(self, *_: object) -> None:
        pass


# As gdown 6 does: an existing output is skipped, a partial file of its own name is resumed and renamed at the end.
GDOWN = """
import os, sys
from pathlib import Path

here = Path(os.environ["FAKE_DRIVE"])
arguments = sys.argv[1:]
url = arguments.pop()
out = Path(arguments[arguments.index("-O") + 1])
name = url.removeprefix("https://drive.google.com/uc?id=")
assert "--continue" in arguments
if out.exists():
    sys.exit("output exists: gdown would call it complete")
if not (here / name).exists():
    sys.exit("Cannot retrieve the public link of the file.")
content = (here / name).read_bytes()
part = out.with_name(out.name + "abcd1234.part")
start = part.stat().st_size if part.exists() else 0
cut = here / (name + ".cut")
end = len(content) // 2 if cut.exists() else len(content)
with part.open("ab") as sink:
    sink.write(content[start:end])
with (here / "log").open("a") as log:
    log.write(f"{name} {end - start}\\n")
if cut.exists():
    sys.exit("Download is incomplete")
part.chmod(0o600)
part.rename(out)
"""


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class Place:
    """A folder with everything a run needs: the tools on PATH, a stand-in for Google Drive, and the data folder."""

    root: Path
    server: Server
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.bin, self.drive, self.root / "home"):
            folder.mkdir()
        for tool in (*TOOLS, "curl"):
            self.add_tool(tool)
        # -S: as if nothing was installed, gdown in particular.
        executable(self.bin / "python3", f'#!{BASH}\nexec "{sys.executable}" -S "$@"\n')
        gdown = executable(self.root / "fake gdown", f"#!{sys.executable} -IS\n{GDOWN}")
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(self.root / "home"),
            "no_proxy": "*",
            "REPAINT_DATA": str(self.data),
            "REPAINT_OPENAI_URL": self.server.url,
            "REPAINT_GDOWN": str(gdown),
            "FAKE_DRIVE": str(self.drive),
        }
        for name, content in ON_DRIVE.items():
            self.put_on_drive(name, content)

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def drive(self) -> Path:
        return self.root / "drive"

    @property
    def data(self) -> Path:
        return self.root / "my data"

    @property
    def pretrained(self) -> Path:
        return self.data / "pretrained"

    @property
    def drive_log(self) -> list[tuple[str, int]]:
        """What the stand-in for gdown transferred: id and bytes."""
        path = self.drive / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(name, int(size)) for name, size in (line.split() for line in lines)]

    def add_tool(self, tool: str) -> None:
        path = shutil.which(tool)
        if path is None:
            pytest.skip(f"needs {tool}")
        (self.bin / tool).symlink_to(path)

    def put_on_drive(self, name: str, content: bytes) -> None:
        (self.drive / IDS[name]).write_bytes(content)

    def put(self, name: str, content: bytes) -> Path:
        path = self.pretrained / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def start(self, *names: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(BASH), str(SCRIPT), *names],
            env=self.env,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A test run in the background ignores the signal, and bash would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *names: str, status: int = 0) -> str:
        """Runs the script, checks its exit status, and returns all it printed."""
        process = self.start(*names)
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == status, out + err
        assert "unbound variable" not in err
        assert "Traceback" not in err
        return out + err

    def files(self) -> set[str]:
        return {str(path.relative_to(self.data)) for path in self.data.rglob("*") if not path.is_dir()}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Place:
    return Place(tmp_path, server)


@pytest.fixture(params=["curl", "wget"])
def tool(request: pytest.FixtureRequest, place: Place) -> str:
    """Leaves one of the two programs on PATH."""
    (place.bin / "curl").unlink()
    place.add_tool(request.param)
    return str(request.param)


def test_usage(place: Place) -> None:
    for arguments, status in (((), 2), (("--help",), 0), (("-h",), 0)):
        text = place.run(*arguments, status=status)
        for word in ("all", "celeba", "imagenet", "places", "example"):
            assert re.search(rf"^  {word} ", text, re.MULTILINE)
        assert all(name in text for name in ("REPAINT_DATA", "REPAINT_OPENAI_URL", "REPAINT_GDOWN"))
    assert not place.data.exists()


def test_unknown_name_stops_before_anything_is_fetched(place: Place) -> None:
    assert "unknown name: imagnet" in place.run("imagenet", "imagnet", status=2)
    assert not place.data.exists()
    assert place.server.log == []


def test_fresh_download_then_skip(place: Place, tool: str) -> None:
    place.server.files[f"/{DIFFUSION}"] = OLD
    place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW
    assert (place.pretrained / DIFFUSION).read_bytes() == OLD
    assert place.files() == {f"pretrained/{CLASSIFIER}", f"pretrained/{DIFFUSION}"}
    place.server.log.clear()
    assert place.run("imagenet").count("already there") == 2
    assert place.server.log == []


def test_resume_transfers_only_the_rest(place: Place, tool: str) -> None:
    place.server.faults[f"/{CLASSIFIER}"] = "cut"
    assert "run again to resume" in place.run("imagenet", status=1)
    half = len(NEW) // 2
    assert place.files() == {f"pretrained/{CLASSIFIER}.part", f"pretrained/{DIFFUSION}"}
    assert (place.pretrained / f"{CLASSIFIER}.part").read_bytes() == NEW[:half]
    place.server.faults.clear()
    place.run("imagenet")
    assert place.server.sent(CLASSIFIER) == [(200, half), (206, len(NEW) - half)]
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW
    assert place.files() == {f"pretrained/{CLASSIFIER}", f"pretrained/{DIFFUSION}"}


def test_interrupt_keeps_what_came(place: Place, tool: str) -> None:
    place.server.faults[f"/{CLASSIFIER}"] = "stall"
    part = place.pretrained / f"{CLASSIFIER}.part"
    process = place.start("imagenet")
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    size = part.stat().st_size
    assert process.returncode == 130
    assert "run again to resume" in err
    assert place.files() == {f"pretrained/{CLASSIFIER}.part"}
    assert place.server.sent(DIFFUSION) == []
    place.server.faults.clear()
    place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW
    assert 0 < size < len(NEW)
    assert place.server.sent(CLASSIFIER)[-1] == (206, len(NEW) - size)


def test_server_without_ranges(place: Place, tool: str) -> None:
    place.server.faults[f"/{CLASSIFIER}"] = "whole"
    place.put(f"{CLASSIFIER}.part", NEW[:1000])
    place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW


def test_part_that_is_complete(place: Place, tool: str) -> None:
    place.put(f"{CLASSIFIER}.part", NEW)
    place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW
    assert [status for status, _ in place.server.sent(CLASSIFIER)] == [416]


def test_old_format_part_without_a_rest_is_not_trusted(place: Place, tool: str) -> None:
    """Nothing in the old format tells a complete file from one with something after its end."""
    place.server.files[f"/{CLASSIFIER}"] = OLD
    place.put(f"{CLASSIFIER}.part", OLD + b"more")
    place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == OLD


@pytest.mark.parametrize("left", [NEW + b"more", HTML[:5000]], ids=["longer", "html"])
def test_part_of_something_else_is_replaced(place: Place, left: bytes) -> None:
    place.put(f"{CLASSIFIER}.part", left)
    assert "starting over" in place.run("imagenet")
    assert (place.pretrained / CLASSIFIER).read_bytes() == NEW
    assert not (place.pretrained / f"{CLASSIFIER}.part").exists()


def test_html_is_refused(place: Place, tool: str) -> None:
    place.server.faults[f"/{CLASSIFIER}"] = "html"
    text = place.run("imagenet", status=1)
    assert "web page" in text
    assert f"open {place.server.url}/{CLASSIFIER} in a browser" in text
    assert f"save the file as {place.pretrained / CLASSIFIER}" in text
    assert place.files() == {f"pretrained/{DIFFUSION}"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (NEW[:-1000], "its end is missing"),
        (zipped({"a": b"b"}), "too small"),
        (b"\x80\x02short", "too small"),
        (b"\0" * SIZE, "does not start like"),
        (b"", "empty"),
    ],
    ids=["cut", "tiny zip", "tiny pickle", "zeros", "empty"],
)
def test_what_is_no_checkpoint_is_refused(place: Place, content: bytes, reason: str) -> None:
    place.server.files[f"/{CLASSIFIER}"] = content
    assert reason in place.run("imagenet", status=1)
    assert place.files() == {f"pretrained/{DIFFUSION}"}


def test_existing_file_that_is_no_checkpoint_is_reported_and_kept(place: Place) -> None:
    path = place.put(CLASSIFIER, HTML)
    text = place.run("imagenet", status=1)
    assert f"{path}: this is no checkpoint: it is a web page; remove it" in text
    assert path.read_bytes() == HTML
    assert place.server.sent(CLASSIFIER) == []


def test_http_error(place: Place, tool: str) -> None:
    """It leaves nothing, or what an earlier run brought."""
    place.server.faults |= {f"/{CLASSIFIER}": "404", f"/{DIFFUSION}": "404"}
    part = place.put(f"{DIFFUSION}.part", OTHER[:5000])
    text = place.run("imagenet", status=1)
    assert "404" in text
    assert text.count(f"download.sh: {place.server.url}/{CLASSIFIER}: ") == 1
    assert place.files() == {f"pretrained/{DIFFUSION}.part"}
    assert part.read_bytes() == OTHER[:5000]


def test_dead_link(place: Place, tool: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    place.env["REPAINT_OPENAI_URL"] = f"http://127.0.0.1:{port}/"
    text = place.run("imagenet", status=1)
    assert text.count(f"download.sh: http://127.0.0.1:{port}/{CLASSIFIER}: ") == 1
    assert place.files() == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_disk_full(place: Place, tool: str) -> None:
    place.pretrained.mkdir(parents=True)
    (place.pretrained / f"{CLASSIFIER}.part").symlink_to("/dev/full")
    text = place.run("imagenet", status=1)
    assert text.count("cannot write (disk full?)") == 1
    assert place.files() == {f"pretrained/{DIFFUSION}"}


def test_no_curl_and_no_wget(place: Place) -> None:
    (place.bin / "curl").unlink()
    assert "neither curl nor wget is installed" in place.run("imagenet", status=1)
    assert place.files() == set()


def test_data_folder_that_cannot_be_made(place: Place) -> None:
    place.data.write_text("a file")
    assert str(place.data) in place.run("imagenet", status=1)
    assert place.server.log == []


def test_data_folder_beside_the_script_by_default(place: Place) -> None:
    home = place.root / "checkout"
    home.mkdir()
    script = shutil.copy(SCRIPT, home)
    del place.env["REPAINT_DATA"]
    subprocess.run([str(BASH), script, "places"], env=place.env, cwd=place.root, check=True, timeout=60)
    assert (home / "data" / "pretrained" / PLACES).exists()


@pytest.mark.parametrize(("name", "file"), [("celeba", CELEBA), ("places", PLACES)])
def test_drive_weights(place: Place, name: str, file: str) -> None:
    content = ON_DRIVE[file]
    place.run(name)
    assert (place.pretrained / file).read_bytes() == content
    assert place.files() == {f"pretrained/{file}"}
    assert place.drive_log == [(IDS[file], len(content))]
    assert "already there" in place.run(name)
    assert len(place.drive_log) == 1
    # gdown's own file is for the user alone.
    other = place.root / "other"
    other.touch()
    assert (place.pretrained / file).stat().st_mode & 0o444 == other.stat().st_mode & 0o444


def test_drive_resume_transfers_only_the_rest(place: Place) -> None:
    content = ON_DRIVE[CELEBA]
    half = len(content) // 2
    cut = place.drive / f"{IDS[CELEBA]}.cut"
    cut.touch()
    assert "gdown failed" in place.run("celeba", status=1)
    assert not (place.pretrained / CELEBA).exists()
    cut.unlink()
    place.run("celeba")
    assert place.drive_log == [(IDS[CELEBA], half), (IDS[CELEBA], len(content) - half)]
    assert (place.pretrained / CELEBA).read_bytes() == content
    assert place.files() == {f"pretrained/{CELEBA}"}


def test_drive_part_that_is_complete_is_not_fetched_again(place: Place) -> None:
    content = ON_DRIVE[CELEBA]
    place.put(f"{CELEBA}.part", content)
    place.run("celeba")
    assert place.drive_log == []
    assert (place.pretrained / CELEBA).read_bytes() == content


def test_drive_part_that_is_not_complete_is_fetched_again(place: Place) -> None:
    content = ON_DRIVE[CELEBA]
    place.put(f"{CELEBA}.part", content[:-5000])
    place.run("celeba")
    assert (place.pretrained / CELEBA).read_bytes() == content


def test_drive_html_is_refused(place: Place) -> None:
    place.put_on_drive(CELEBA, HTML)
    text = place.run("celeba", status=1)
    assert "web page" in text
    assert f"open https://drive.google.com/uc?id={IDS[CELEBA]} in a browser" in text
    assert f"save the file as {place.pretrained / CELEBA}" in text
    assert place.files() == set()


def test_drive_refusal_tells_what_to_do_by_hand(place: Place) -> None:
    (place.drive / IDS[CELEBA]).unlink()
    text = place.run("celeba", status=1)
    assert "Cannot retrieve the public link" in text
    assert f"open https://drive.google.com/uc?id={IDS[CELEBA]} in a browser" in text
    assert place.files() == set()


def test_gdown_that_reports_success_without_a_file(place: Place) -> None:
    place.env["REPAINT_GDOWN"] = str(executable(place.root / "idle", f"#!{BASH}\nexit 0\n"))
    assert "gdown failed" in place.run("celeba", status=1)


@pytest.mark.parametrize("command", ["", "/nowhere/python -m gdown", "  "])
def test_missing_gdown(place: Place, command: str) -> None:
    place.env["REPAINT_GDOWN"] = command
    text = place.run("celeba", status=1)
    assert text.count("gdown is not installed; run: pip install .[download]") == 1
    assert place.files() == set()


def test_gdown_on_path(place: Place) -> None:
    (place.bin / "gdown").symlink_to(place.env.pop("REPAINT_GDOWN"))
    place.run("celeba")
    assert place.files() == {f"pretrained/{CELEBA}"}


@pytest.mark.parametrize("explicit", [False, True])
def test_gdown_as_a_module(place: Place, explicit: bool) -> None:
    package = place.root / "site" / "gdown"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(GDOWN)
    place.env |= {"PYTHONPATH": str(package.parent), "REPAINT_GDOWN": "python3 -m gdown" if explicit else ""}
    place.run("celeba")
    assert place.files() == {f"pretrained/{CELEBA}"}


@pytest.mark.parametrize("top", ["data/datasets/", "datasets/", "./data/datasets/"])
def test_example(place: Place, top: str) -> None:
    noise = {"__MACOSX/data/datasets/gts/face/._0.png": b"", f"{top}gts/face/._0.png": b"", f"{top}read.me": b""}
    place.put_on_drive("data.zip", zipped({f"{top}{name}": content for name, content in PICTURES.items()} | noise))
    place.run("example")
    assert place.files() == {f"datasets/{name}" for name in PICTURES}
    for name, content in PICTURES.items():
        assert (place.data / "datasets" / name).read_bytes() == content
    assert not (place.data / "datasets" / ".unpack").exists()
    assert "already there" in place.run("example")
    assert len(place.drive_log) == 1


def test_example_saved_by_hand(place: Place) -> None:
    place.data.mkdir()
    (place.data / "data.zip").write_bytes(zipped(EXAMPLE))
    place.run("example")
    assert place.drive_log == []
    assert place.files() == {f"datasets/{name}" for name in PICTURES}


def test_example_keeps_what_is_there(place: Place) -> None:
    """As after a run killed between the two folders, or with pictures of one's own."""
    face = place.data / "datasets" / "gts" / "face"
    face.mkdir(parents=True)
    (face / "0.png").write_bytes(b"mine")
    remains = place.data / "datasets" / ".unpack" / "gts"
    remains.mkdir(parents=True)
    (remains / "half.png").touch()
    place.put_on_drive("data.zip", zipped(EXAMPLE | {"data/datasets/gts/face/1.png": b"new"}))
    place.run("example")
    assert (face / "0.png").read_bytes() == b"mine"
    assert place.files() == {f"datasets/{name}" for name in (*PICTURES, "gts/face/1.png")}


def symlink_member() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("data/datasets/gts/link")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "member",
    [
        "../outside.png",
        "data/datasets/gts/../../../../outside.png",
        "/outside.png",
        "data\\..\\..\\outside.png",
        "C:/outside.png",
        symlink_member(),
    ],
    ids=["up", "up inside", "absolute", "backslash", "drive", "symlink"],
)
def test_malicious_archive_is_refused(place: Place, member: str | zipfile.ZipInfo) -> None:
    buffer = io.BytesIO(zipped(EXAMPLE))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(member, "/etc/passwd")
    place.put_on_drive("data.zip", buffer.getvalue())
    text = place.run("example", status=1)
    assert "data.zip refused" in text
    assert "by hand" in text
    assert place.files() == set()
    assert not list(place.root.rglob("outside.png"))


def test_archive_that_would_fill_the_disk_is_refused(place: Place) -> None:
    buffer = io.BytesIO(zipped(EXAMPLE))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("data/datasets/gts/bomb.png", b"0" * 100, zipfile.ZIP_DEFLATED)
        archive.infolist()[-1].file_size = 2**31
    place.put_on_drive("data.zip", buffer.getvalue())
    assert "refused: it would unpack to 21474" in place.run("example", status=1)
    assert place.files() == set()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ON_DRIVE["data.zip"][:-30], "refused"),
        (ON_DRIVE["data.zip"].replace(b"mask", b"musk", 1), "refused"),
        (zipped({"data/datasets/gts/face/0.png": b"picture"}), "lacks datasets/gt_keep_masks"),
        (HTML, "web page"),
    ],
    ids=["cut", "changed", "incomplete", "html"],
)
def test_broken_archive_leaves_nothing(place: Place, content: bytes, reason: str) -> None:
    place.put_on_drive("data.zip", content)
    assert reason in place.run("example", status=1)
    assert place.files() == set()


def test_archive_is_kept_when_there_is_no_room_to_unpack(place: Place) -> None:
    place.data.mkdir()
    (place.data / "datasets").write_text("a file where the folder should be")
    assert "cannot unpack" in place.run("example", status=1)
    assert place.files() == {"data.zip", "datasets"}


def test_example_without_python(place: Place) -> None:
    (place.bin / "python3").unlink()
    assert "python 3.8 or newer is needed" in place.run("example", status=1)
    assert place.drive_log == []


def test_all(place: Place) -> None:
    before = set(place.root.rglob("*"))
    place.run("all")
    weights = {f"pretrained/{name}" for name in (CELEBA, PLACES, CLASSIFIER, DIFFUSION)}
    assert place.files() == weights | {f"datasets/{name}" for name in PICTURES}
    outside = {path for path in place.root.rglob("*") if place.data not in path.parents}
    assert outside - before == {place.data, place.drive / "log"}


def test_all_goes_on_after_a_failure(place: Place) -> None:
    place.put_on_drive(CELEBA, HTML)
    place.server.faults[f"/{CLASSIFIER}"] = "404"
    text = place.run("all", status=1)
    assert text.endswith("failed: celeba imagenet\n")
    weights = {f"pretrained/{name}" for name in (PLACES, DIFFUSION)}
    assert place.files() == weights | {f"datasets/{name}" for name in PICTURES}


def test_several_names(place: Place) -> None:
    place.run("places", "celeba")
    assert place.files() == {f"pretrained/{PLACES}", f"pretrained/{CELEBA}"}
