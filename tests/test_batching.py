from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from repaint import batching
from repaint.batching import largest_batch
from tests.test_command import run
from tests.tiny import make_run, read_pixels


@pytest.mark.parametrize(
    ("most", "fitting", "expected"), [(1, 99, 1), (7, 99, 4), (64, 99, 64), (64, 5, 4), (64, 0, 1)]
)
def test_the_largest_power_of_two_that_fits(
    monkeypatch: pytest.MonkeyPatch, most: int, fitting: int, expected: int
) -> None:
    engine = SimpleNamespace(device=torch.device("cpu"), config=None)
    monkeypatch.setattr(batching.build, "estimate_memory", lambda _config, batch: (0, 1000 * batch))
    monkeypatch.setattr(batching, "_free_host_memory", lambda: int(1000 * fitting / batching.HOST_SHARE) + 1)
    assert largest_batch(engine, most) == expected  # type: ignore[arg-type]


def test_free_memory_of_this_machine_is_plausible() -> None:
    assert 2**26 < batching._free_host_memory() < 2**45


def test_auto_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, 5)
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    assert "5 pictures of 16x16 in 2 batches" in capsys.readouterr().out
    fills = [read_pixels(tmp_path / f"out/inpainted/{i:02d}.png") for i in range(5)]
    assert run(conf, "--overwrite") == 0
    for i, fill in enumerate(fills):
        assert abs(fill.astype(int) - read_pixels(tmp_path / f"out/inpainted/{i:02d}.png")).max() <= 1


def test_auto_in_a_dry_run_and_with_drop_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    assert run(conf, "--dry_run", "--set", "data.eval.tiny.batch_size=auto") == 0
    assert "3 pictures of 16x16, auto at a time" in capsys.readouterr().out
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto", "--set", "data.eval.tiny.drop_last=true") == 2
    assert "drop_last needs to know the batch_size" in capsys.readouterr().err
