"""What is loaded when a command starts, and what is set before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = """
import json, runpy, sys
from repaint.cli import main
lines, libraries = json.loads(sys.argv[1])
for words in lines:
    sys.argv, code = words, 0
    try:
        if words[0].endswith(".py"):
            runpy.run_path(words[0], run_name="__main__")
        else:
            code = main(words)
    except SystemExit as end:
        code = end.code
    print("exit code", code, file=sys.stderr)
print("loaded", *(name for name in libraries if name in sys.modules), file=sys.stderr)
"""
COMMANDS = ["fill", "train", "evaluate", "schedule plot", "schedule design", "masks", "benchmark", "demo"]
SCRIPTS = ["test.py", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "scripts").glob("*.py")))]
LIBRARIES = ["torch", "numpy", "scipy", "pydantic", "yaml", "PIL", "blobfile", "tqdm", "matplotlib", "gradio"]
NOT_IN_A_DRY_RUN = ["scipy.ndimage", "matplotlib", "gradio", "diffusers", "skimage", "cv2", "sympy", "torch._dynamo"]


def loaded(lines: list[list[str]], libraries: list[str]) -> tuple[list[str], list[str]]:
    """Exit codes of command lines, run in one new process, and which of these libraries it has loaded at its end."""
    command = [sys.executable, "-c", LOADED, json.dumps([lines, libraries])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    report = [line for line in done.stderr.splitlines() if line.startswith(("exit code", "loaded"))]
    assert (done.returncode, len(report)) == (0, len(lines) + 1), done.stderr
    return [line.removeprefix("exit code ") for line in report[:-1]], report[-1].split()[1:]


@pytest.mark.parametrize(("end", "code"), [("--help", "0"), ("--no-such-option", "2")])
def test_help_and_wrong_usage_load_no_library(end: str, code: str) -> None:
    lines = [[*command.split(), end] for command in [*SCRIPTS, *COMMANDS]]
    assert loaded([*lines, [end]], LIBRARIES) == ([code] * (len(lines) + 1), [])


def test_a_dry_run_loads_what_it_needs() -> None:
    line = ["test.py", "--conf_path", "confs/quickstart.yml", "--dry_run", "--device", "cpu"]
    assert loaded([line], ["torch", *NOT_IN_A_DRY_RUN]) == (["0"], ["torch"])


@pytest.mark.parametrize(
    ("own", "expected"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_spin_briefly_unless_the_user_decides(tmp_path: Path, own: dict[str, str], expected: str) -> None:
    (tmp_path / "torch.py").write_text("import os\nprint(os.environ.get('GOMP_SPINCOUNT'), flush=True)\nos._exit(0)\n")
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment |= own | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}  # PyTorch reads the variable when it is loaded
    command = [sys.executable, ROOT / "test.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr
