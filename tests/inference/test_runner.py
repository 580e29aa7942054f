"""Runs of the command line on real files: pictures, masks, settings, resume."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.models.unet import UNet
from repaint.pipeline import pipeline
from tests.helpers.command import class_conditional_run, manifest, run, user_error
from tests.helpers.tiny import FLAGS, SIZE, make_run, read_pixels, tiny_unet, write_masks

ROOT = Path(__file__).parents[2]


def test_run_from_the_shell(tmp_path: Path) -> None:
    conf = make_run(tmp_path, show_progress=True)
    command = [sys.executable, "test.py", "--conf_path", str(conf), "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    summary, result = done.stdout.splitlines()
    assert summary == (
        "tiny: 3 pictures of 16x16 in 2 batches, RePaint T=4 j=1 r=2, 7 network calls a batch (14 in all), on cpu"
    )
    assert result.startswith(f"3 pictures filled; results in {tmp_path}/out/inpainted, contact sheet")
    assert "21/21" in done.stderr  # three pictures, seven calls each
    assert "call" in done.stderr
    for name in ("00.png", "01.png", "02.png"):
        truth, filled = read_pixels(tmp_path / "gt" / name), read_pixels(tmp_path / "out/inpainted" / name)
        np.testing.assert_array_equal(filled[:, : SIZE // 2], truth[:, : SIZE // 2])
        assert (filled[:, SIZE // 2 :] != truth[:, SIZE // 2 :]).mean() > 0.5
        np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt" / name), truth)
        assert read_pixels(tmp_path / "out/gt_masked" / name)[:, SIZE // 2 :].max() == 0
        assert (read_pixels(tmp_path / "out/gt_keep_mask" / name) == read_pixels(tmp_path / "masks" / name)).all()
    assert read_pixels(tmp_path / "out/contact_sheet.png").shape[1] > 3 * 128
    lines = manifest(tmp_path)
    assert [(line["name"], line["seed"], line["nfe"]) for line in lines] == [
        ("00.png", 0, 7),
        ("01.png", 1, 7),
        ("02.png", 2, 7),
    ]
    assert all(len(line["checkpoint_sha256"]) == 64 for line in lines)


def test_finished_pictures_are_skipped_and_overwrite_repeats_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = make_run(tmp_path)
    assert run(conf) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()}
    (tmp_path / "out/inpainted/01.png").unlink()
    stamp = (tmp_path / "out/inpainted/00.png").stat().st_mtime_ns
    assert run(conf) == 0
    assert "2 of 3 pictures are finished already" in capsys.readouterr().out
    assert (tmp_path / "out/inpainted/00.png").stat().st_mtime_ns == stamp
    assert sorted(line["name"] for line in manifest(tmp_path)) == ["00.png", "01.png", "02.png"]
    assert run(conf, "--set", "seed=5") == 2
    assert "holds results of another configuration" in capsys.readouterr().err
    assert run(conf, "--overwrite") == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()} == first


def test_pictures_do_not_depend_on_batch_order_or_neighbours(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    assert run(conf) == 0
    other = str(tmp_path / "other")
    one_by_one = ("--set", "data.eval.tiny.batch_size=1", "--set", f"data.eval.tiny.paths.srs={other}/inpainted")
    assert run(conf, *one_by_one) == 0
    for name in ("00.png", "01.png", "02.png"):
        one, two = (read_pixels(Path(folder) / "inpainted" / name).astype(int) for folder in (tmp_path / "out", other))
        assert np.abs(one - two).max() <= 1


def test_mask_of_the_same_ratio_at_another_size(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    write_masks(tmp_path / "masks", 3, size=(64, 64))
    assert run(conf) == 0
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/00.png")[0], [255] * 8 + [0] * 8)


def test_all_known_mask_is_copied_without_network_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = make_run(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        Image.new("L", (SIZE, SIZE), 255).save(path)
    monkeypatch.setattr(pipeline, "p_sample_loop", None)
    assert run(conf) == 0
    for path in (tmp_path / "gt").iterdir():
        np.testing.assert_array_equal(read_pixels(tmp_path / "out/inpainted" / path.name), read_pixels(path))
    assert [line["nfe"] for line in manifest(tmp_path)] == [0, 0, 0]


def test_all_known_mask_does_not_stop_plain_sampling(tmp_path: Path) -> None:
    conf = make_run(tmp_path, inpa_inj_sched_prev=False)
    for path in (tmp_path / "masks").iterdir():
        Image.new("L", (SIZE, SIZE), 255).save(path)
    assert run(conf) == 0
    assert [line["nfe"] for line in manifest(tmp_path)] == [7, 7, 7]


def test_all_unknown_mask_works(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        Image.new("L", (SIZE, SIZE), 0).save(path)
    assert run(conf) == 0
    assert (read_pixels(tmp_path / "out/inpainted/00.png") != read_pixels(tmp_path / "gt/00.png")).mean() > 0.8


def test_one_mask_for_all_with_white_holes(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    tree = yaml.safe_load(conf.read_text())
    tree["data"]["eval"]["tiny"] |= {"mask_path": str(tmp_path / "masks/00.png"), "mask_polarity": "hole_white"}
    conf.write_text(yaml.safe_dump(tree))
    assert run(conf) == 0
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/02.png")[0], [0] * 8 + [255] * 8)


def test_names_with_dots_unicode_and_folders(tmp_path: Path) -> None:
    conf = make_run(tmp_path, count=1)
    for name in ("ünï/a.b.c.png", "ünï/photo.v2.jpg"):
        for folder in ("gt", "masks"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.open(tmp_path / folder / "00.png").save((tmp_path / folder / name).with_suffix(".png"))
    (tmp_path / "gt/ünï/photo.v2.png").rename(tmp_path / "gt/ünï/photo.v2.webp")
    assert run(conf) == 0
    found = {str(path.relative_to(tmp_path / "out/inpainted")) for path in (tmp_path / "out/inpainted").rglob("*.png")}
    assert found == {"00.png", "ünï/a.b.c.png", "ünï/photo.v2.png"}


def test_offset_max_len_and_drop_last(tmp_path: Path) -> None:
    conf = make_run(tmp_path, count=6)
    data = "data.eval.tiny"
    settings = [f"{data}.offset=1", f"{data}.max_len=100", f"{data}.drop_last=true"]
    assert run(conf, *[part for setting in settings for part in ("--set", setting)]) == 0
    assert [(line["name"], line["seed"]) for line in manifest(tmp_path)] == [
        ("01.png", 0),
        ("02.png", 1),
        ("03.png", 2),
        ("04.png", 3),
    ]


def test_model_auto_reads_shapes_or_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    assert run(conf) == 0
    expected = (tmp_path / "out/inpainted/00.png").read_bytes()
    tree = yaml.safe_load(conf.read_text()) | {"model": "auto"}
    for key in ("num_channels", "num_res_blocks", "channel_mult", "attention_resolutions"):
        del tree[key]
    conf.write_text(yaml.safe_dump(tree))
    assert run(conf, "--overwrite") == 0
    assert (tmp_path / "out/inpainted/00.png").read_bytes() == expected
    metadata = {"network": FLAGS, "process": {"noise_schedule": "cosine"}}
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    assert run(conf, "--overwrite") == 0
    assert (tmp_path / "out/inpainted/00.png").read_bytes() != expected  # cosine betas, as the file specifies
    capsys.readouterr()
    user_error(capsys, run(conf, "--set", "noise_schedule=linear"), "noise_schedule linear (the file: cosine)")
    user_error(capsys, run(conf, "--set", "num_channels=64"), "num_channels 64 (the file: 32)")
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint({"w": torch.zeros(3)}, {}))
    user_error(capsys, run(conf), "finds no guided-diffusion UNet")


def test_ddim_and_sampling_without_merge(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    assert run(conf, "--set", "use_ddim=true", "--set", "ddim_eta=0.5") == 0
    ddim = read_pixels(tmp_path / "out/inpainted/00.png")
    assert run(conf, "--overwrite", "--set", "inpa_inj_sched_prev=false") == 0
    unconditional = read_pixels(tmp_path / "out/inpainted/00.png")
    truth = read_pixels(tmp_path / "gt/00.png")
    np.testing.assert_array_equal(ddim[:, :8], truth[:, :8])
    assert (unconditional[:, :8] != truth[:, :8]).mean() > 0.5


def test_raw_end_without_pasting(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    assert run(conf, "--set", "paste_known=false") == 0
    assert (read_pixels(tmp_path / "out/inpainted/00.png") != read_pixels(tmp_path / "gt/00.png"))[:, :8].mean() > 0.1


def test_fp16_runs_on_the_cpu_and_stays_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = class_conditional_run(tmp_path, cond_y=0)
    assert run(conf) == 0
    exact = read_pixels(tmp_path / "out/inpainted/00.png").astype(int)
    forward, types = UNet.forward, []

    def spy(network: UNet, *arguments: torch.Tensor) -> torch.Tensor:
        types.append(network.output_blocks[0][0].in_layers[2].weight.dtype)
        return forward(network, *arguments)

    monkeypatch.setattr(UNet, "forward", spy)
    assert run(conf, "--overwrite", "--set", "use_fp16=true") == 0
    assert set(types) == {torch.float16}
    half = read_pixels(tmp_path / "out/inpainted/00.png").astype(int)
    assert np.abs(exact - half).max() <= 12


@pytest.mark.parametrize(
    ("cond_y", "labels"),
    [(3, [3, 3, 3]), ([1, 2, 3, 4], [1, 2, 3]), ("labels.csv", [4, 5, 6]), ("random", None), (None, None)],
)
def test_class_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cond_y: object, labels: list[int] | None
) -> None:
    (tmp_path / "labels.csv").write_text("00.png,4\n01.png,5\n02.png,6\n")
    if cond_y == "labels.csv":
        cond_y = str(tmp_path / "labels.csv")
    conf = class_conditional_run(tmp_path, **({} if cond_y is None else {"cond_y": cond_y}))
    assert run(conf) == 0
    out = capsys.readouterr().out
    used = [line["y"] for line in manifest(tmp_path)]
    if labels is not None:
        assert used == labels
        assert f"classes: {', '.join(map(str, labels))}\n" in out
    else:
        assert f"classes: random (cond_y), drawn for each picture from its seed: {', '.join(map(str, used))}\n" in out
        assert set(used) <= set(range(7))
        assert run(conf, "--overwrite") == 0
        assert [line["y"] for line in manifest(tmp_path)] == used


def test_keys_without_effect_are_listed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_run(tmp_path, n_jobs=25, num_samples=100, cond_y=3)) == 0
    assert capsys.readouterr().out.startswith("keys without effect: num_samples, n_jobs, cond_y\n")


def test_a_preset_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, 1)
    assert run(conf, "--set", "schedule=preview") == 0
    assert "T=11 with 2 inner steps a level, 33 network calls a batch (33 in all)" in capsys.readouterr().out
    (line,) = manifest(tmp_path)
    assert line["nfe"] == 33
    assert line["method"] == {"name": "langevin", "inner_steps": 2, "strength": 1.0, "step_size": 4.0}
    assert line["schedule"]["t_T"] == 11


def test_a_new_picture_in_between_shifts_seeds_and_those_are_done_again(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    assert run(conf) == 0
    for folder in ("gt", "masks"):
        shutil.copy(tmp_path / folder / "01.png", tmp_path / folder / "00b.png")
    assert run(conf) == 0
    assert sorted((line["name"], line["seed"]) for line in manifest(tmp_path)) == [
        ("00.png", 0),
        ("00b.png", 1),
        ("01.png", 2),
        ("02.png", 3),
    ]
