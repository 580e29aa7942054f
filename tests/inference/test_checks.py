"""Results never replace inputs or each other."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from repaint.errors import ConfigError
from tests.helpers.command import run, user_error
from tests.helpers.pictures import smooth
from tests.helpers.tiny import make_run
from tests.inference.test_refinement import painter


def test_pictures_in_a_folder_of_the_runs_own_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "gt").rename(tmp_path / "out/manifest_parts")
    code = run(conf, "--set", f"data.eval.tiny.gt_path={tmp_path}/out/manifest_parts")
    user_error(capsys, code, "manifest_parts would go to", "another paths.log")
    assert len(list((tmp_path / "out/manifest_parts").iterdir())) == 3


@pytest.mark.parametrize(
    ("key", "place", "message"),
    [
        ("srs", "gt", "paths.srs {}/gt is or lies inside gt_path"),
        ("lrs", "masks/x", "paths.lrs {}/masks/x is or lies inside mask_path"),
        ("srs", "gt/link/x", "paths.srs {}/gt/link/x is or lies inside gt_path"),
        ("gts", "out/inpainted", "paths.srs and paths.gts are the same folder"),
        ("log", "gt", "paths.log {}/gt is or lies inside gt_path"),
        ("log", "masks/x", "paths.log {}/masks/x is or lies inside mask_path"),
    ],
)
def test_results_never_land_on_inputs_or_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, place: str, message: str
) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "gt/link").symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "gt/00.png").read_bytes()
    user_error(capsys, run(conf, "--set", f"data.eval.tiny.paths.{key}={tmp_path}/{place}"), message.format(tmp_path))
    assert (tmp_path / "gt/00.png").read_bytes() == before


def test_the_contact_sheet_replaces_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it would where the pictures are those of an earlier run, whose log lay beside them."""
    conf = make_run(tmp_path)
    for folder in ("gt", "masks"):
        (tmp_path / folder / "00.png").rename(tmp_path / folder / "contact_sheet.png")
    for key, place in (("log", "out/inpainted"), ("lrs", "out")):
        for mode in ([], ["--dry_run"]):
            code = run(conf, "--set", f"data.eval.tiny.paths.{key}={tmp_path}/{place}", *mode)
            user_error(capsys, code, f"{place}/contact_sheet.png: the contact sheet would replace this result")
    assert run(conf) == 0


EXTRAS = [
    ("sheets", "num_samples_per_image=2"),
    ("animations", "animation=gif"),
    ("snapshots", "snapshot_interval=3"),
]


@pytest.mark.parametrize(("extra", "setting"), EXTRAS)
def test_what_a_run_adds_to_its_log_folder_lands_on_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: str, setting: str
) -> None:
    place = tmp_path / "out" / extra
    conf = make_run(tmp_path)
    shutil.copytree(tmp_path / "gt", place)
    for setup, key in ((f"gt_path={place}", "gt_path"), (f"gt_path={place}/00.png", "gt_path"),
                       (f"paths.lrs={place}", "paths.lrs")):  # fmt: skip
        arguments = ("--set", f"data.eval.tiny.{setup}", "--set", "data.eval.tiny.paths.gts=null")
        for mode in ([], ["--dry_run"]):
            code = run(conf, *arguments, "--set", setting, *mode)
            user_error(capsys, code, f"{extra} would go to {place}, where {key} {place}", "another paths.log")
        assert run(conf, *arguments, "--dry_run") == 0  # without the feature nothing goes there
        capsys.readouterr()
    for path in (tmp_path / "gt").iterdir():
        assert (place / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("settings", "victim"),
    [
        (["gt_path={}/gt/00.png", "paths.srs={}/gt", "mask_path={}/masks/00.png"], "gt/00.png"),
        (["mask_path={}/masks/00.png", "paths.lrs={}/masks"], "masks/00.png"),
        (["gt_path={}/gt/contact_sheet.png", "paths.log={}/gt", "mask_path={}/masks/00.png"], "gt/contact_sheet.png"),
        (["gt_path={}/gt", "paths.gts={}"], "gt/00.png"),
        (["gt_path={}/link/00.png", "paths.srs={}/link", "mask_path={}/masks/00.png"], "link/00.png"),
    ],
)
def test_no_result_replaces_a_single_file_or_one_in_a_sub_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], victim: str
) -> None:
    conf = make_run(tmp_path)
    for folder in ("gt", "masks"):
        (tmp_path / folder / "gt").mkdir()
        shutil.copy(tmp_path / folder / "00.png", tmp_path / folder / "gt/00.png")
    (tmp_path / "link").mkdir()
    (tmp_path / "link/00.png").symlink_to(tmp_path / "gt/01.png")
    shutil.copy(tmp_path / "gt/00.png", tmp_path / "gt/contact_sheet.png")
    shutil.copy(tmp_path / "masks/00.png", tmp_path / "masks/contact_sheet.png")
    before = (tmp_path / victim).read_bytes()
    arguments = [part for each in settings for part in ("--set", f"data.eval.tiny.{each.format(tmp_path)}")]
    for mode in ([], ["--dry_run"]):
        user_error(capsys, run(conf, *arguments, *mode), f"{victim}: a result would replace this input")
    assert (tmp_path / victim).read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_results_may_stand_beside_the_pictures(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    places = {"srs": "inpainted", "lrs": "masked", "gts": "truth", "gt_keep_masks": "mask"}
    sets = [
        part for key, place in places.items() for part in ("--set", f"data.eval.tiny.paths.{key}={tmp_path}/{place}")
    ]
    assert run(conf, *sets, "--set", "num_samples_per_image=2") == 0
    assert {"gt", "masks", "inpainted", "contact_sheet.png", "sheets"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")
def test_a_variant_without_refinement_may_crop(tmp_path: Path) -> None:
    inpainter = painter(tmp_path)
    cropping = inpainter.with_settings(refine="none", fit="crop")
    assert cropping(smooth(16, 16), np.eye(16, dtype=bool))[0].size == (16, 16)
    with pytest.raises(ConfigError, match="refine has no meaning with fit: crop"):
        inpainter.with_settings(fit="crop")
    assert painter(tmp_path, fit="crop", refine="none").count_calls(smooth(16, 16), np.eye(16, dtype=bool)) == 7
