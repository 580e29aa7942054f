from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from repaint.inference import batch_size
from repaint.inference.batch_size import largest_batch
from tests.helpers.command import manifest, run
from tests.helpers.tiny import make_run, read_pixels


@pytest.mark.parametrize(
    ("most", "fitting", "expected"), [(1, 99, 1), (7, 99, 4), (64, 99, 64), (64, 5, 4), (64, 0, 1)]
)
def test_the_largest_power_of_two_that_fits(
    monkeypatch: pytest.MonkeyPatch, most: int, fitting: int, expected: int
) -> None:
    pipeline = SimpleNamespace(device=torch.device("cpu"), config=None, weights=None)
    monkeypatch.setattr(batch_size, "estimate_memory", lambda _config, batch, _device, _weights: (0, 1000 * batch))
    monkeypatch.setattr(batch_size, "_free_host_memory", lambda: int(1000 * fitting / batch_size.HOST_SHARE) + 1)
    assert largest_batch(pipeline, most) == expected  # type: ignore[arg-type]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")  # as many processes share the memory
    assert largest_batch(pipeline, most) == min(expected, 16 if fitting == 99 else 1)  # type: ignore[arg-type]


def test_free_memory_of_this_machine_is_plausible() -> None:
    assert 2**26 < batch_size._free_host_memory() < 2**45


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_size, "CONTAINER", tmp_path)
    free = batch_size._free_host_memory()
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("100\n")
    assert batch_size._free_host_memory() == pytest.approx(free, rel=0.2)
    (tmp_path / "memory.max").write_text("1100\n")
    assert batch_size._free_host_memory() == 1000


def test_auto_goes_on_with_the_size_of_earlier_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_run(tmp_path, 5)
    assert run(conf, "--set", "data.eval.tiny.batch_size=3") == 0
    (tmp_path / "out/inpainted/04.png").unlink()
    monkeypatch.setattr(batch_size, "_free_host_memory", lambda: 0)
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    assert "5 pictures of 16x16 in 2 batches" in capsys.readouterr().out.splitlines()[-3]
    assert {line["batch_size"] for line in manifest(tmp_path)} == {3}


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
