"""What only a GPU can show; skipped without one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from repaint.cli import inpaint_main
from tests.tiny import make_run, read_pixels

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def fill(conf: Path, *arguments: str) -> np.ndarray:
    assert inpaint_main(["--conf_path", str(conf), "--overwrite", *arguments]) == 0
    return read_pixels(conf.parent / "out/inpainted/01.png").astype(int)


def test_noise_from_the_cpu_gives_the_cpus_picture(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    on_cpu = fill(conf, "--device", "cpu")
    on_gpu = fill(conf, "--device", "cuda", "--set", "noise_device=cpu")
    assert np.abs(on_cpu - on_gpu).max() <= 2


def test_fp16_on_the_gpu_stays_close(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    exact = fill(conf, "--device", "cuda")
    assert np.abs(exact - fill(conf, "--device", "cuda", "--set", "use_fp16=true")).max() <= 12
