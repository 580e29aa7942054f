"""What only a GPU can show; skipped without one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from repaint.commands.fill import main as fill_command
from repaint.models.cuda_graph import Replay
from tests.helpers.networks import pictures, unet
from tests.helpers.tiny import make_run, read_pixels

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def fill(conf: Path, *arguments: str) -> np.ndarray:
    assert fill_command(["--conf_path", str(conf), "--overwrite", *arguments]) == 0
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


@pytest.mark.parametrize("precision", ["auto", "tf32", "bf16"])
def test_faster_formats_stay_close(tmp_path: Path, precision: str) -> None:
    conf = make_run(tmp_path)
    exact = fill(conf, "--device", "cuda", "--set", "precision=fp32")
    assert np.abs(exact - fill(conf, "--device", "cuda", "--set", f"precision={precision}")).max() <= 24


def test_replayed_calls_give_the_pictures_of_single_launches(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    options = ("--device", "cuda", "--set", "precision=bf16", "--set")
    assert np.abs(fill(conf, *options, "compile=false") - fill(conf, *options, "compile=true")).max() <= 24


@pytest.mark.parametrize("classes", [None, 5])
@torch.no_grad()
def test_a_recorded_network_answers_like_itself(classes: int | None) -> None:
    network = unet(num_classes=classes).cuda()
    replay = Replay(network)
    for call in range(4):
        x = pictures().cuda() + call
        t = torch.tensor(100 * call, device="cuda").expand(len(x))
        y = None if classes is None else (torch.arange(len(x), device="cuda") + call) % classes
        torch.testing.assert_close(replay(x, t, y), network(x, t, y), rtol=1e-4, atol=1e-4)
