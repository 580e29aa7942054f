"""Animations and snapshots through the command."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.pipeline import pipeline
from repaint.sampler import Callback, Step
from tests.helpers.command import manifest
from tests.helpers.pictures import fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import make_run


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_animations_and_snapshots(tmp_path: Path, kind: str) -> None:
    make_run(tmp_path, 2)
    still = tmp_path / "still"
    make_run(still, 2)
    out = fill(tmp_path, animation=kind, animation_frames=5, snapshot_interval=3)
    assert sorted(path.name for path in (tmp_path / "out/animations").iterdir()) == [f"00.{kind}", f"01.{kind}"]
    assert (tmp_path / f"out/animations/00.{kind}").stat().st_size > 500
    snapshots = sorted(path.name for path in (tmp_path / "out/snapshots/01").iterdir())
    assert snapshots == ["000003.png", "000006.png"]
    assert (out / "00.png").read_bytes() == (fill(still) / "00.png").read_bytes()
    assert not (still / "out/animations").exists()


def test_every_window_has_its_animation(tmp_path: Path) -> None:
    known = two_holes(90, 60)
    prepare_run(tmp_path, known, refine="auto", refine_from=0.4)
    Image.fromarray(smooth(90, 60)).save(tmp_path / "gt/a.png")
    fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), animation="gif", animation_frames=3)
    films = tmp_path / "out/animations"
    names = {str(path.relative_to(films)) for path in films.rglob("*.gif")}
    further = [f"a/window1_candidate{number}.gif" for number in range(3)]
    assert names == {"a/window0.gif", "a/window1.gif", "a/window1_level1_area0.gif", *further}


def test_a_refined_picture_has_the_animation_of_the_whole_and_of_its_areas(tmp_path: Path) -> None:
    prepare_run(tmp_path, two_holes(30, 30), refine="auto", refine_from=0.5, refine_spacing=1)
    Image.fromarray(smooth(30, 30)).save(tmp_path / "gt/a.png")
    mask = str(tmp_path / "mask.png")
    fill(tmp_path, fit="pad", mask_path=mask, animation="gif", animation_frames=3, snapshot_interval=3)
    films, shots = tmp_path / "out/animations", tmp_path / "out/snapshots"
    names = {str(path.relative_to(films)) for path in films.rglob("*.gif")}
    areas = [f"a/level1_area{number}.gif" for number in range(len(names) - 4)]
    assert areas
    assert names == {"a.gif", *areas, *(f"a/candidate{number}.gif" for number in range(3))}
    assert {path.name for path in (shots / "a/level1_area0").iterdir()} == {"000003.png"}
    assert {path.name for path in (shots / "a").glob("*.png")} == {"000003.png", "000006.png"}


def test_films_of_pictures_named_like_windows_do_not_replace_each_other(tmp_path: Path) -> None:
    prepare_run(tmp_path)
    places = {"a": two_holes(90, 60), "a_window0": two_holes(30, 30), "a/window0": two_holes(30, 30)}
    for name, known in places.items():
        for folder, pixels in (("gt", smooth(*known.shape)), ("masks", np.where(known, 255, 0).astype(np.uint8))):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    fill(tmp_path, fit="window", refine="none", animation="gif", animation_frames=2, snapshot_interval=7)
    calls = sum(line["nfe"] for line in manifest(tmp_path))
    assert calls >= (2 + 1 + 1) * 7
    assert len(list((tmp_path / "out/animations").rglob("*.gif"))) == calls // 7
    assert len(list((tmp_path / "out/snapshots").rglob("*.png"))) == calls // 7


def test_snapshots_are_on_disk_when_a_run_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, 2)
    real = pipeline.p_sample_loop

    def interrupted(*arguments: Any, callback: Callback, **options: Any) -> torch.Tensor:
        def watch(step: Step) -> None:
            callback(step)
            if step.nfe == 5:
                raise KeyboardInterrupt

        return real(*arguments, callback=watch, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", interrupted)
    fill(tmp_path, code=130, snapshot_interval=2)
    for name in ("00", "01"):
        shots = sorted(path.name for path in (tmp_path / "out/snapshots" / name).iterdir())
        assert shots == ["000002.png", "000004.png"]
