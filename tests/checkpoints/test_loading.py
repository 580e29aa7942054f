"""Host memory that loading takes, in a process of its own."""

from pathlib import Path

import pytest
import torch

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.models.unet import UNet, UNetConfig
from tests.helpers import processes
from tests.helpers.tiny import write_config

FLAGS = {"image_size": 64, "num_channels": 192, "num_res_blocks": 1, "channel_mult": "1,3", "attention_resolutions": ""}
CONFIG = UNetConfig(64, 192, 1, (1, 3), (), num_head_channels=16, resblock_updown=True)
SCRIPT = """
import sys
from pathlib import Path
import torch
from repaint.checkpoints.formats import read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.pipeline.network import load_network

def most():
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))

config, before = load_config(Config, Path(sys.argv[1])), most()
torch.randn(8, 8) @ torch.randn(8, 8)
model = load_network(config, read_weights(config.model_path), torch.device("cpu"))
print(most() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's accounts")
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_loading_takes_little_more_memory_than_the_file(tmp_path: Path, suffix: str) -> None:
    with torch.device("meta"):
        shapes = UNet(CONFIG).state_dict()
    state = {key: torch.zeros(value.shape) for key, value in shapes.items()}
    path = tmp_path / f"model.{suffix}"
    if suffix == "pt":
        torch.save(state, path)
    else:
        path.write_bytes(encode_checkpoint(state, {}))
    conf = write_config(tmp_path, **FLAGS, model_path=str(path))
    (tmp_path / "script.py").write_text(SCRIPT)
    done = processes.run(tmp_path / "script.py", conf)
    assert done.returncode == 0, done.stderr
    size = path.stat().st_size
    assert size > 100e6  # so that the program's own memory matters little
    assert int(done.stdout) < 1.3 * size
