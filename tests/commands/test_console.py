"""What happens to a command when its output cannot be printed, and when it is interrupted while its modules load."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repaint.commands.launch import script
from tests.helpers.tiny import make_run

ROOT = Path(__file__).parents[2]
PRINTER = """
import sys
from repaint.commands.console import with_safe_output

def job():
    print({text})
    sys.stdout.flush()
    print("more")
    open("done", "w").close()
    return 0

raise SystemExit(with_safe_output(job))
"""


def start(*command: str | Path, folder: Path, **options: object) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits that it is ignored
    try:
        return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=environment, text=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)


def closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_cannot_be_encoded_is_escaped(tmp_path: Path, encoding: str) -> None:
    text = r'"caf\u00e9 \u6f22 \udce9"'
    process = start(
        "-c", PRINTER.format(text=text), folder=tmp_path, env={"PYTHONIOENCODING": encoding}, encoding=encoding
    )
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert (
        out
        == {
            "ascii": "caf\\xe9 \\u6f22 \\udce9\nmore\n",
            "cp1252": "café \\u6f22 \\udce9\nmore\n",
            "utf-8": "café 漢 \\udce9\nmore\n",
        }[encoding]
    )


@pytest.mark.parametrize("text", ["1", "'x' * 100_000"])
def test_a_closed_pipe_ends_quietly_after_the_work(tmp_path: Path, text: str) -> None:
    process = start("-c", PRINTER.format(text=text), folder=tmp_path, stdout=closed_pipe())
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_is_one_line_after_the_work(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("-c", PRINTER.format(text="1"), folder=tmp_path, stdout=full)
        err = process.communicate()[1]
    assert err == "error: standard output: No space left on device; a part of the output is lost\n"
    assert process.returncode == 2
    assert (tmp_path / "done").exists()


def test_a_process_without_streams(tmp_path: Path) -> None:
    without = "import sys\nsys.stdout = sys.stderr = None\n"
    process = start("-c", without + PRINTER.format(text="1"), folder=tmp_path)
    process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "done").exists()


def test_a_run_does_not_depend_on_printing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = make_run(tmp_path, count=1)
    (tmp_path / "gt/00.png").rename(tmp_path / "gt/é漢.png")
    (tmp_path / "masks/00.png").rename(tmp_path / "masks/é漢.png")
    command = (ROOT / "test.py", "--conf_path", conf, "--device", "cpu", "--set", "show_progress=true")
    pipe = closed_pipe()
    process = start(*command, folder=tmp_path, stdout=pipe, stderr=pipe, env={"PYTHONIOENCODING": "ascii"})
    assert process.wait() == 0
    assert (tmp_path / "out/inpainted/é漢.png").exists()
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    assert script("fill")([*map(str, command[1:]), "--dry_run"]) == 0
    assert rb"gt/\xe9\u6f22.png" in out.getvalue()


def test_help_into_a_closed_pipe(tmp_path: Path) -> None:
    command = "import sys; from repaint.cli import main; sys.exit(main(['--help']))"
    process = start("-c", command, folder=tmp_path, stdout=closed_pipe())
    assert process.communicate()[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["test.py", "-m repaint.cli fill", "scripts/train.py --conf_path run.yml"])
def test_an_interrupt_while_modules_load(tmp_path: Path, command: str) -> None:
    (tmp_path / "torch").mkdir()
    slow = "import pathlib, time\npathlib.Path('loading').touch()\ntime.sleep(60)\n"
    (tmp_path / "torch/__init__.py").write_text(slow)
    if command.startswith("-m"):
        command = "-c import sys;from repaint.cli import main;sys.exit(main(['fill']))"
    else:
        command = f"{ROOT}/{command}"
    words = command.split(" ", 1 if command.startswith("-c") else -1)
    process = start(*words, folder=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    deadline = time.monotonic() + 60
    while not (tmp_path / "loading").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
