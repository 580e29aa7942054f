"""Options that contradict each other or the data end the command with one line."""

from pathlib import Path

import pytest

from tests.helpers.command import run
from tests.helpers.pictures import TOP_LEVEL, fill
from tests.helpers.tiny import make_run


@pytest.mark.parametrize(
    ("base", "without"),
    [
        ({"refine": "auto", "refine_from": 0.4, "fit": "pad"}, {"refine": "none", "fit": "crop"}),
        (
            {"mask_feather": 3, "mask_polarity": "hole_white", "fit": "pad"},
            {"mask_feather": 0, "mask_polarity": "known_white", "mask_path": "null", "extend": "25%"},
        ),
        ({"animation": "gif", "animation_frames": 9}, {"animation": "null"}),
        ({"mask_soft": True, "fit": "pad"}, {"mask_soft": "false", "mask_path": "null", "extend": "25%"}),
    ],
)
def test_what_a_base_file_wants_can_be_set_to_nothing(tmp_path: Path, base: dict, without: dict) -> None:
    make_run(tmp_path)
    fill(tmp_path, **base)
    changes = [f"{key if key in TOP_LEVEL else f'data.eval.tiny.{key}'}={value}" for key, value in without.items()]
    assert run(tmp_path / "conf.yml", "--dry_run", "--overwrite", *(f"--set={change}" for change in changes)) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mask_path": None}, "there are no masks; give mask_path"),
        ({"mask": {"kind": "thick"}}, "the masks come from 'mask' and from elsewhere too"),
        ({"mask_path": None, "mask": {"kind": "thick", "side": "left"}}, "masks of the kind thick have no side"),
        ({"mask_path": None, "mask": {"kind": "blob"}}, "mask.kind: input should be 'thin', 'medium'"),
        ({"mask_channel": "alpha", "mask_color": "red"}, "exclude each other"),
        ({"mask_polarity": "hole_white", "mask_color": "red"}, "is about grey mask files"),
        ({"mask_polarity": "hole_white", "mask_path": None, "mask": {"kind": "box"}}, "is about grey mask files"),
        ({"window_context": 1}, "window_context has no meaning without fit: window"),
        ({"refine": "auto"}, "refine has no meaning with fit: crop, which enlarges no fill; leave it out"),
        ({"refine_from": 0.4}, "refine_from has no meaning with refine: none"),
        ({"fit": "pad", "refine": "none", "refine_from": 0.4}, "refine_from has no meaning with refine: none"),
        ({"fit": "window", "refine_step_size": 1}, "refine_step_size has no meaning with refine: none"),
        (
            {"fit": "window", "refine": "auto", "refine_from": 0.4, "refine_step_size": 1},
            "refine_step_size has no meaning with method: repaint, only with langevin; leave it out",
        ),
        ({"fit": "window", "refine": 0}, "should be auto, none, or a number of levels from 1 to 16, not 0"),
        ({"fit": "window", "refine": True}, "should be auto, none, or a number of levels"),
        ({"fit": "window", "refine": "fine"}, "should be auto, none, or a number of levels"),
        ({"fit": "window", "refine_from": -0.1}, "refine_from: input should be greater than or equal to 0"),
        (
            {"fit": "window", "refine": "auto", "refine_references": 2},
            "refine_references has no meaning without refine_from, which is 0; leave it out",
        ),
        (
            {"fit": "window", "refine": "auto", "refine_from": 0, "refine_patch_size": 0},
            "refine_patch_size: 0 and refine_from: 0 refine nothing; give one of them a value above 0",
        ),
        ({"animation_frames": 9}, "animation_frames has no meaning without animation"),
        ({"animation": "avi"}, "animation: input should be 'gif', 'webp' or 'mp4'"),
        ({"num_samples_per_image": 0}, "num_samples_per_image: input should be greater than or equal to 1"),
        ({"format": "bmp"}, "format: input should be 'png', 'jpg' or 'webp'"),
        (
            {"mask_path": None, "mask": {"kind": "box", "width": 2}},
            "width: input should be less than or equal to 1",
        ),
        ({"mask_color": "blurple"}, "a colour such as '#00f'"),
        ({"fit": "window", "paste_known": False}, "only fit: crop can show it"),
        ({"fit": "window", "inpa_inj_sched_prev": False}, "inpa_inj_sched_prev: false ignores the picture"),
        ({"fit": "pad", "inpa_inj_sched_prev": False}, "only fit: crop allows it"),
        ({"fit": "window", "drop_last": True}, "drop_last: how many windows there are"),
        ({"batch_size": 5, "drop_last": True}, "drop_last: there are fewer than 5 pictures, which full batches of"),
        ({"extend": "25%"}, "extend is about the whole picture, but fit: crop gives its middle"),
        ({"mask_soft": True}, "mask_soft is about the whole picture, but fit: crop gives its middle"),
        ({"mask_feather": 3}, "mask_feather is about the whole picture, but fit: crop gives its middle"),
        ({"fit": "pad", "mask_soft": True, "mask_feather": 3}, "mask_soft and mask_feather exclude each other"),
        ({"fit": "pad", "mask_soft": True, "mask_color": "red"}, "mask_soft is about grey levels, which mask_color"),
        (
            {"fit": "pad", "mask_soft": True, "mask_path": None, "mask": {"kind": "box"}},
            "mask_soft is about grey levels, which masks by rule have not",
        ),
        (
            {"fit": "pad", "mask_feather": 3, "mask_path": None, "extend": "25%"},
            "mask_feather is about masks, but there are none beside extend",
        ),
        (
            {"fit": "pad", "mask_polarity": "hole_white", "mask_path": None, "extend": "25%"},
            "mask_polarity is about masks, but there are none beside extend",
        ),
        ({"fit": "pad", "extend": "0%"}, "extend: a number of pixels from 1 to 65,536, or per cent such as 25%"),
        ({"fit": "stretch"}, "fit: input should be 'crop', 'window', 'pad' or 'resize'"),
    ],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: dict, message: str) -> None:
    make_run(tmp_path)
    fill(tmp_path, code=2, **data)
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
