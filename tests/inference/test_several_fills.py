"""Several fills of a picture through the command: seeds, failures, batches, contact sheets, resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.data.examples import Example, ReadSettings, load_example
from repaint.data.pairing import Pair
from repaint.diffusion.reverse_steps import ReverseStep
from repaint.inference import sheets
from repaint.pipeline import pipeline
from repaint.visual.contact_sheets import contact_sheet
from tests.helpers.command import manifest
from tests.helpers.pictures import FAST, fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import make_run, read_pixels


def test_several_fills_have_seeds_of_their_own_and_do_not_depend_on_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, 2)
    out = fill(tmp_path, num_samples_per_image=3, batch_size=4)
    printed = capsys.readouterr().out
    assert "tiny: 2 pictures of 16x16, 3 fills each, in 2 batches," in printed
    assert "6 fills made; results in" in printed
    assert "diversity: two fills of a picture differ by 0." in printed
    names = [f"0{i}_{k}.png" for i in range(2) for k in range(3)]
    assert sorted(path.name for path in out.iterdir()) == names
    fills = {name: read_pixels(out / name) for name in names}
    assert len({fill.tobytes() for fill in fills.values()}) == 6
    seeds = {line["name"]: line["seed"] for line in manifest(tmp_path)}
    assert seeds == {f"0{i}_{k}.png": i + k * 1_000_003 for i in range(2) for k in range(3)}
    assert sorted(path.name for path in (tmp_path / "out/sheets").iterdir()) == ["00.png", "01.png"]
    single = tmp_path / "single"
    make_run(single, 2)
    alone = read_pixels(fill(single, seed=1_000_003) / "00.png").astype(int)
    assert np.abs(alone - fills["00_1.png"]).max() <= 1


def test_a_failing_fill_costs_itself_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path, 2)
    (tmp_path / "gt/01.png").write_bytes(b"damaged")
    real, calls = pipeline.p_sample_loop, []

    def once_broken(step: ReverseStep, *arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(1)
        factor = float("nan") if len(calls) == 1 else 1
        return real(lambda *inputs: tuple(x * factor for x in step(*inputs)), *arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", once_broken)
    out = fill(tmp_path, code=3, num_samples_per_image=3, batch_size=1)
    captured = capsys.readouterr()
    assert captured.err.count("skipped: ") == 2  # one line for each of the pictures, not for each of the fills
    assert "2 fills made, 2 pictures could not be done in full; results in" in captured.out
    assert sorted(path.name for path in out.iterdir()) == ["00_1.png", "00_2.png"]
    for folder in ("gt", "gt_masked", "gt_keep_mask"):
        assert [path.name for path in (tmp_path / "out" / folder).iterdir()] == ["00.png"]


def test_drop_last_keeps_pictures_whose_fills_make_full_batches(tmp_path: Path) -> None:
    for fills, batch_size, kept in ((3, 2, 4), (4, 2, 5), (2, 4, 4), (1, 3, 3)):
        folder = tmp_path / f"{fills}_{batch_size}"
        make_run(folder, 5, **FAST)
        fill(folder, num_samples_per_image=fills, batch_size=batch_size, drop_last=True)
        names = {line["name"] for line in manifest(folder)}
        assert len(names) == kept * fills
        assert {name[:2] for name in names} == {f"0{i}" for i in range(kept)}


def test_sheets_read_each_picture_once_and_hold_it_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_run(tmp_path, two_holes(320, 256), **FAST)
    for name in ("a", "b"):
        Image.fromarray(smooth(320, 256)).save(tmp_path / f"gt/{name}.png")
    read, rows = [], []

    def spy_read(pair: Pair, reading: ReadSettings) -> Example:
        read.append(pair.name)
        return load_example(pair, reading)

    def spy_sheet(shown: list, columns: list) -> np.ndarray:
        rows.extend(shown)
        return contact_sheet(shown, columns)

    monkeypatch.setattr(sheets, "load_example", spy_read)
    monkeypatch.setattr(sheets, "contact_sheet", spy_sheet)
    fill(tmp_path, fit="pad", mask_path=str(tmp_path / "mask.png"), num_samples_per_image=2)
    assert read == ["a.png", "b.png"]
    assert [name for name, _ in rows] == ["a.png", "b.png"]
    assert {pixels.shape for _, pictures in rows for pixels in pictures} == {(256, 205, 3)}
    assert len(list((tmp_path / "out/sheets").iterdir())) == 2


def test_interrupted_samples_are_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, 2)
    out = fill(tmp_path, num_samples_per_image=2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "01_1.png").unlink()
    fill(tmp_path)
    out_text = capsys.readouterr().out
    assert "3 of 4 fills are finished already" in out_text
    assert "1 fills made; results in" in out_text
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
