"""Settings of the whole process: what `optimize_process` sets, and that the library alone sets nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.errors import guard
from repaint.workers import process_settings
from repaint.workers.process_settings import keep_freed_memory, limit_threads, release_freed_memory
from tests.helpers.tiny import SIZE, tiny_unet

ROOT = Path(__file__).parents[2]
GUEST = f"""
import ctypes, json, os, sys, warnings
import numpy as np
import torch

def settings():
    values = {{"environment": dict(os.environ), "threads": torch.get_num_threads()}}
    values |= {{"matmul": torch.get_float32_matmul_precision(), "grad": torch.is_grad_enabled()}}
    cudnn = torch.backends.cudnn
    values |= {{name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")}}
    values |= {{"dtype": str(torch.get_default_dtype()), "numpy": np.geterr(), "warnings": len(warnings.filters)}}
    values |= {{"seed": torch.initial_seed(), "random": torch.get_rng_state().sum().item()}}
    values |= {{"recompile": torch._dynamo.config.recompile_limit, "signals": str(sys.excepthook)}}
    return values

class Library:
    \"\"\"Refuses to set the allocator's options.\"\"\"
    def __init__(self, name): pass
    def mallopt(self, *arguments): raise AssertionError("mallopt")

ctypes.CDLL = Library
import torch._dynamo
states = [settings()]
import repaint
states.append(settings())
warnings.simplefilter("ignore")
states[:] = [state | {{"warnings": 0}} for state in states]
inpainter = repaint.Inpainter(
    sys.argv[1], image_size={SIZE}, schedule=None, timestep_respacing="3", schedule_jump_params={{}}, device="cpu",
    precision="fp32", num_head_channels=16
)
states.append(settings() | {{"warnings": 0}})
known = np.ones(({SIZE}, {SIZE}), bool)
known[4:9, 4:9] = False
inpainter(np.zeros(({SIZE}, {SIZE}, 3), np.uint8), known, num_samples=2)
states.append(settings() | {{"warnings": 0}})
print(json.dumps(states))
"""


def test_the_library_changes_no_setting_of_the_process(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    environment = {key: value for key, value in os.environ.items() if key not in ("MKL_CBWR", "OMP_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", GUEST, str(model)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, *after = json.loads(done.stdout)
    assert len(after) == 3
    for state in after:
        assert state == before


def test_the_command_line_applies_them_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "")  # put back afterwards
    del os.environ["MKL_CBWR"]
    seen: list[str | None] = []
    assert guard(lambda: seen.append(os.environ.get("MKL_CBWR")) or 0, debug=False) == 0
    assert seen == ["AUTO,STRICT"]


def test_c_libraries_without_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() in (True, False)
    assert release_freed_memory() in (True, False)

    class Other:
        pass

    monkeypatch.setattr(process_settings.ctypes, "CDLL", lambda _name: Other())
    assert keep_freed_memory() is False
    assert release_freed_memory() is False


@pytest.mark.parametrize(
    ("quota", "environment", "threads"),
    [("150000 100000", None, 2), ("max 100000", None, 4), ("100000 100000", "4", 4), ("900000 100000", None, 4)],
)
def test_no_more_threads_than_the_container_has_processors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, environment: str | None, threads: int
) -> None:
    taken = [4]
    monkeypatch.setattr(process_settings, "_CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(torch, "get_num_threads", lambda: taken[-1])
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    limit_threads()  # no such file
    assert taken[-1] == 4
    (tmp_path / "cpu.max").write_text(quota)
    limit_threads()
    assert taken[-1] == threads
