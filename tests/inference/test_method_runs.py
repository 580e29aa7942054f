"""Runs of the command and the library with conditioning methods other than RePaint."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import repaint
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main
from tests.helpers.command import manifest, run, user_error
from tests.helpers.pictures import smooth, two_holes
from tests.helpers.tiny import FLAGS, SIZE, make_run, tiny_unet

LANGEVIN: dict[str, Any] = {
    "method": "langevin",
    "langevin": {"inner_steps": [2, 1]},
    "timestep_respacing": "3",
    "schedule_jump_params": {},
}
CALLS = 3 + 2 + 2


def test_a_run_its_summary_its_manifest_and_its_resumption(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, animation="gif", snapshot_interval=3, show_progress=True, **LANGEVIN)
    assert run(conf) == 0
    shown = capsys.readouterr()
    summary = "Langevin T=3 with 1 to 2 inner steps a level, 7 network calls a batch (14 in all), on cpu"
    assert summary in shown.out
    assert "21/21" in shown.err
    lines = manifest(tmp_path)
    assert [line["nfe"] for line in lines] == [CALLS] * 3
    method = {"name": "langevin", "inner_steps": [2, 1], "strength": 1.0, "step_size": 4.0}
    assert lines[0]["method"] == method
    assert lines[0]["schedule"] == {"t_T": 3, "timestep_respacing": "3"}
    # Calls after each step: 2, 4, 7; the multiples of 3 are passed in the second and the third.
    assert sorted(path.name for path in (tmp_path / "out/snapshots/00").iterdir()) == ["000004.png", "000007.png"]
    assert (tmp_path / "out/animations/00.gif").exists()

    first = {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()}
    (tmp_path / "out/inpainted/01.png").unlink()
    assert run(conf) == 0
    assert "2 of 3 pictures are finished already" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()} == first
    user_error(capsys, run(conf, "--set", "langevin.step_size=1"), "holds results of another configuration")


@pytest.mark.parametrize("method", ["ddnm", "langevin", "dps"])
def test_windows(tmp_path: Path, method: str) -> None:
    """A library's fill through two windows in a batch, one of them refined from the schedule's half on.

    It is refined in two tiles at once, after two references where no gradients are needed. The fill keeps the known
    pixels, and counts the calls.
    """
    model = tmp_path / "tiny.safetensors"
    model.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    settings = {"image_size": SIZE, "num_head_channels": FLAGS["num_head_channels"], "timestep_respacing": "2"}
    settings |= {"refine": "auto", "refine_from": 0.6} | ({} if method == "dps" else {"refine_references": 2})
    jumps = {"schedule_jump_params": {"jump_n_sample": 1}} if method == "ddnm" else {}
    with pytest.warns(UserWarning, match="does not specify all flags"):
        inpainter = repaint.Inpainter(model, schedule=None, device="cpu", method=method, **settings, **jumps)
    picture, known = smooth(48, 64), two_holes(48, 64)
    calls: list[int] = []
    (filled,) = inpainter(picture, known, callback=lambda step: calls.append(step.calls))
    assert sum(calls) == inpainter.count_calls(picture, known) == {"ddnm": 4, "langevin": 16, "dps": 10}[method]
    np.testing.assert_array_equal(np.asarray(filled)[known], picture[known])
    assert (np.asarray(filled)[~known] != picture[~known]).any()


def test_option_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, 1)
    (mask,) = (tmp_path / "masks").iterdir()
    settings = [f"image_size={SIZE}", f"num_head_channels={FLAGS['num_head_channels']}", "timestep_respacing='2'"]
    command = [str(tmp_path / "gt/00.png"), "--mask", str(mask), "--model", str(tmp_path / "model.safetensors")]
    command += ["--device", "cpu", "--method", "dps", *(text for each in settings for text in ("--set", each))]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "does not specify all flags" in printed
    assert "(6 network calls)" in printed
    assert Image.open(tmp_path / "gt/00_filled.png").size == (SIZE, SIZE)
    assert main(["--method", "dps"]) == 2
    assert "--method goes with pictures on the command line" in capsys.readouterr().err
