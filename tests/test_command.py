"""The real command line, on real files: `python test.py ...` and the mistakes its users make."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from repaint import cli
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.cli import inpaint_main
from repaint.errors import ConfigError
from repaint.inference import batch_loop
from repaint.models.unet import UNet
from repaint.pipeline import pipeline
from repaint.schedule import count_network_calls, get_schedule_jump
from tests.helpers.tiny import FLAGS, SIZE, make_run, read_pixels, tiny_unet, write_masks, write_pictures

ROOT = Path(__file__).parents[1]


def run(conf: Path, *arguments: str) -> int:
    return inpaint_main(["--conf_path", str(conf), "--device", "cpu", *arguments])


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out/manifest.jsonl").read_text().splitlines()]


def test_run_from_the_shell(tmp_path: Path) -> None:
    conf = make_run(tmp_path, show_progress=True)
    command = [sys.executable, "test.py", "--conf_path", str(conf), "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    summary, result = done.stdout.splitlines()
    assert summary == (
        "tiny: 3 pictures of 16x16 in 2 batches, T=4 j=1 r=2, 7 network calls a batch (14 in all), on cpu"
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
    assert "tells of results of another configuration" in capsys.readouterr().err
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


def test_dry_run_prints_the_plan_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    assert run(conf, "--dry_run", "--set", "seed=3") == 0
    out = capsys.readouterr().out
    resolved = yaml.safe_load(out[: out.index(f"{tmp_path}/gt/00.png +")])
    assert resolved["seed"] == 3
    assert resolved["schedule_jump_params"]["jump_n_sample"] == 2
    assert f"{tmp_path}/gt/02.png + {tmp_path}/masks/02.png -> {tmp_path}/out/inpainted/02.png" in out
    assert "7 network calls a batch (14 in all)" in out
    assert "memory: about" in out
    assert "missing" not in out
    assert not (tmp_path / "out").exists()


def test_dry_run_shows_betas_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, betas=[0.001, 0.5] * 100)
    assert run(conf, "--dry_run") == 0
    out = capsys.readouterr().out
    assert "betas: 200 numbers from 0.001 to 0.5\n" in out
    assert "diffusion_steps: 200\n" in out
    assert "noise_schedule" not in out


ALL_CONFS = sorted(path for path in (ROOT / "confs").glob("*.yml") if not path.name.startswith(("train", "eval")))


@pytest.mark.parametrize("conf", ALL_CONFS, ids=lambda path: path.stem)
def test_dry_run_resolves_every_configuration(
    conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(conf, "--dry_run") == 0
    out = capsys.readouterr().out
    if conf.stem == "quickstart" or conf.stem.startswith("faces64_"):
        assert "missing" not in out
        assert "8 pictures of 64x64" in out
    elif conf.stem == "wall":
        assert "1 pictures through windows of 64x64" in out
    elif conf.stem == "held_out":
        assert "T=20 j=1 r=4, 77 network calls a batch" in out
        assert "missing: data/held_out" in out or "100 pictures of 64x64" in out
    else:
        assert "T=250 j=10 r=10, 2410 network calls a batch" in out


def test_all_masks_of_the_paper_have_their_configurations() -> None:
    kinds = {"thin", "thick", "ev2li", "nn2", "ex64", "genhalf"}
    families = {"test_c256", "test_inet256", "test_p256", "faces64"}
    names = {f"{family}_{kind}" for family in families for kind in kinds}
    assert {path.stem for path in ALL_CONFS} == names | {"quickstart", "face_example", "wall", "held_out"}


def user_error(capsys: pytest.CaptureFixture[str], code: int, *says: str) -> None:
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for text in says:
        assert text in err


def test_missing_model_names_the_download_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, model_path=str(tmp_path / "nowhere.pt"))
    user_error(capsys, run(conf), "nowhere.pt", "download.sh")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"<!DOCTYPE html><html></html>", "a web page"), (None, "damaged or incomplete"), (b"PK\x03\x04", "damaged")],
)
def test_bad_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str) -> None:
    path = tmp_path / "model.pt"
    conf = make_run(tmp_path, model_path=str(path))
    torch.save(tiny_unet().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-3000] if content is None else content)
    user_error(capsys, run(conf), "model.pt", says)
    assert not (tmp_path / "out").exists()


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


def test_malicious_pickle_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.pt"
    conf = make_run(tmp_path, model_path=str(path))
    torch.save({"w": Malicious(tmp_path / "executed")}, path)
    user_error(capsys, run(conf), "refused, because it holds more than plain weights")
    assert not (tmp_path / "executed").exists()


def test_wrong_architecture_names_keys_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(
        capsys,
        run(conf, "--set", "num_channels=64", "--set", "use_scale_shift_norm=false"),
        "num_channels is 32, not 64",
        "use_scale_shift_norm is True, not False",
        "model: auto",
        "of another shape: time_embed.0.weight [128, 32] instead of [256, 64]",
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_chanels": 3}, "unknown key 'num_chanels'; did you mean 'num_channels'?"),
        ({"num_channels": "wide"}, "num_channels: input should be a valid integer, not 'wide'"),
        ({"schedule_jump_params": {"t_T": 5}}, "t_T is 5, but timestep_respacing '4' of 1000 diffusion steps gives 4"),
        ({"timestep_respacing": "ddim7x"}, "'ddim' must be followed by a number"),
        ({"timestep_respacing": "2000"}, "cannot take 2000 of the 1000 steps"),
        ({"image_size": 24, "channel_mult": "1,1,1,1,1"}, "image_size 24 is not divisible by 16"),
        ({"image_size": 48, "channel_mult": ""}, "image_size 48 has no default channel_mult"),
        ({"num_channels": 40}, "group normalisation needs a multiple of 32"),
        ({"num_head_channels": 24}, "attention over 32 channels cannot be split"),
        ({"attention_resolutions": "5"}, "attention_resolutions: 5 is not a feature-map size"),
        ({"ddim_eta": 0.5}, "ddim_eta has no meaning without use_ddim"),
        (
            {
                "use_ddim": True,
                "classifier_path": "c.pt",
                "classifier_scale": 1,
                "image_size": 64,
                "channel_mult": "1,1",
            },
            "use_ddim cannot be combined with a classifier",
        ),
        ({"diffusion_steps": 10, "timestep_respacing": ""}, "linear betas need more than 20 diffusion steps"),
        ({"schedule_jump_params": {"jump_n_sample": 10**9}}, "4 steps x 1000000000 passes: more than 10,000,000"),
        ({"num_channels": 2**62}, "num_channels: input should be less than or equal to 65536"),
        ({"channel_mult": "1e300,1"}, "group normalisation needs a multiple of 32 up to 65536"),
        ({"attention_resolutions": "8" * 400}, "is not a list of sizes"),
        ({"classifier_scale": float("inf")}, "classifier_scale: input should be a finite number"),
        (
            {"classifier_path": "c.pt", "classifier_scale": 1},
            "a classifier exists for pictures of 64, 128, 256, 512 only",
        ),
    ],
)
def test_configurations_that_cannot_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, says: str
) -> None:
    user_error(capsys, run(make_run(tmp_path, **changes)), says)
    assert not (tmp_path / "out").exists()


def test_data_set_size_must_be_the_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--set", "data.eval.tiny.image_size=32"), "the data set's image_size is 32")


def test_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, count=0)
    user_error(capsys, run(conf), "gt: no pictures in this folder")


def test_picture_without_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "masks/01.png").unlink()
    user_error(capsys, run(conf), "01.png: no mask of this name")


def test_mask_of_another_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    write_masks(tmp_path / "masks", 3, size=(24, 16))
    user_error(capsys, run(conf), "24x16 has another aspect ratio than its picture")


def test_mask_of_the_same_ratio_at_another_size(tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    write_masks(tmp_path / "masks", 3, size=(64, 64))
    assert run(conf) == 0
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/00.png")[0], [255] * 8 + [0] * 8)


def test_a_pipe_among_the_pictures_keeps_nobody_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    os.mkfifo(tmp_path / "gt/zz.png")
    shutil.copy(tmp_path / "masks/00.png", tmp_path / "masks/zz.png")
    assert run(conf) == 3
    assert "zz.png: not a regular file" in capsys.readouterr().err
    assert len(manifest(tmp_path)) == 3


def test_pictures_in_a_folder_of_the_runs_own_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "gt").rename(tmp_path / "out/manifest_parts")
    code = run(conf, "--set", f"data.eval.tiny.gt_path={tmp_path}/out/manifest_parts")
    user_error(capsys, code, "manifest_parts would go to", "another paths.log")
    assert len(list((tmp_path / "out/manifest_parts").iterdir())) == 3


def test_ctrl_c_while_a_process_leaves_the_word_to_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise ConfigError("wrong")

    def ring(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(cli.time, "sleep", ring)
    assert cli.guard(fail) == 130
    assert capsys.readouterr().err == ""


def test_a_job_whose_other_processes_cannot_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "0")
    user_error(capsys, run(make_run(tmp_path)), "RANK is set, but the job's other processes cannot be found")


def test_unreadable_pictures_are_reported_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = make_run(tmp_path, count=4)
    (tmp_path / "gt/01.png").write_bytes(b"damaged")
    assert run(conf) == 3
    captured = capsys.readouterr()
    assert "skipped: " in captured.err
    assert "01.png: not a readable picture" in captured.err
    assert "3 pictures filled, 1 could not be done" in captured.out
    assert sorted(path.name for path in (tmp_path / "out/inpainted").iterdir()) == ["00.png", "02.png", "03.png"]
    assert [line["seed"] for line in manifest(tmp_path)] == [0, 2, 3]


def test_unwritable_output_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "out").write_text("a file where the folder should be")
    user_error(capsys, run(conf), "results cannot be written there")


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
    assert (tmp_path / "out/inpainted/00.png").read_bytes() != expected  # cosine betas, as the file says
    capsys.readouterr()
    user_error(capsys, run(conf, "--set", "noise_schedule=linear"), "noise_schedule linear (the file: cosine)")
    user_error(capsys, run(conf, "--set", "num_channels=64"), "num_channels 64 (the file: 32)")
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint({"w": torch.zeros(3)}, {}))
    user_error(capsys, run(conf), "finds no guided-diffusion UNet")


def test_metadata_that_contradicts_explicit_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    metadata = {"network": FLAGS, "process": {"noise_schedule": "cosine"}}
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    user_error(capsys, run(conf), "was trained otherwise than configured: noise_schedule linear (the file: cosine)")


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


def class_conditional_run(folder: Path, **changes: object) -> Path:
    conf = make_run(folder, class_cond=True, num_classes=7, **changes)
    state = tiny_unet(num_classes=7).state_dict()
    (folder / "model.safetensors").write_bytes(encode_checkpoint(state, {}))
    return conf


def test_fp16_runs_on_the_cpu_and_stays_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = class_conditional_run(tmp_path, cond_y=0)
    assert run(conf) == 0
    exact = read_pixels(tmp_path / "out/inpainted/00.png").astype(int)
    real, types = pipeline.p_sample_loop, []

    def spy(model: UNet, *arguments: object, **options: object) -> torch.Tensor:
        types.append(model.output_blocks[0][0].in_layers[2].weight.dtype)
        return real(model, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "p_sample_loop", spy)
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


@pytest.mark.parametrize(
    ("cond_y", "says"),
    [(7, "class 7 is not in 0..6"), ([1], "lists 1 classes for 3 pictures"), ("nowhere.csv", "no such file")],
)
def test_bad_class_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str], cond_y: object, says: str) -> None:
    user_error(capsys, run(class_conditional_run(tmp_path, cond_y=cond_y)), says)


def test_keys_without_effect_are_listed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_run(tmp_path, n_jobs=25, num_samples=100, cond_y=3)) == 0
    assert capsys.readouterr().out.startswith("keys without effect: num_samples, n_jobs, cond_y\n")


@pytest.mark.parametrize(
    ("key", "place", "says"),
    [
        ("srs", "gt", "paths.srs {}/gt is or lies inside gt_path"),
        ("lrs", "masks/x", "paths.lrs {}/masks/x is or lies inside mask_path"),
        ("gts", "out/inpainted", "paths.srs and paths.gts are the same folder"),
        ("log", "gt", "paths.log {}/gt is or lies inside gt_path"),
        ("log", "masks/x", "paths.log {}/masks/x is or lies inside mask_path"),
    ],
)
def test_results_never_land_on_inputs_or_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, place: str, says: str
) -> None:
    conf = make_run(tmp_path)
    before = (tmp_path / "gt/00.png").read_bytes()
    user_error(capsys, run(conf, "--set", f"data.eval.tiny.paths.{key}={tmp_path}/{place}"), says.format(tmp_path))
    assert (tmp_path / "gt/00.png").read_bytes() == before


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
    ],
)
def test_no_result_replaces_a_single_file_or_one_in_a_sub_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], victim: str
) -> None:
    conf = make_run(tmp_path)
    for folder in ("gt", "masks"):
        (tmp_path / folder / "gt").mkdir()
        shutil.copy(tmp_path / folder / "00.png", tmp_path / folder / "gt/00.png")
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


def test_a_preset_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, 1)
    assert run(conf, "--set", "schedule=preview") == 0
    times = get_schedule_jump(20, jump_length=1, jump_n_sample=3)
    calls = count_network_calls(times)
    assert f"T=20 j=1 r=3, {calls} network calls a batch ({calls} in all)" in capsys.readouterr().out
    (line,) = manifest(tmp_path)
    assert line["nfe"] == calls
    assert {"t_T": 20, "jump_length": 1, "jump_n_sample": 3}.items() <= line["schedule"].items()


@pytest.mark.parametrize("mode", [[], ["--dry_run"]])
def test_a_missing_codec_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--set", "animation=mp4", *mode), "an mp4 animation needs PyAV: pip install")
    assert not (tmp_path / "out").exists()


def test_results_that_are_not_finite_are_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    state = tiny_unet().state_dict()
    state["out.2.bias"][:] = float("nan")
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(state, {}))
    assert run(conf) == 3
    captured = capsys.readouterr()
    assert "00.png: not finite from transition 1 on (network call 1, t=3): 100.0% of its values" in captured.err
    assert "0 pictures filled, 3 could not be done" in captured.out
    assert manifest(tmp_path) == []


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


def test_dry_run_finds_weights_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--dry_run", "--set", "num_channels=64"), "num_channels is 32, not 64")


@pytest.mark.parametrize("metadata", [{"process": 3}, {"network": {"hologram": True}}, {"process": {"spin": 1}}])
def test_metadata_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str], metadata: dict) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    user_error(capsys, run(conf), "its metadata is not understood")


def test_metadata_tells_of_heads_that_shapes_do_not_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    metadata = {"network": FLAGS | {"dropout": 0.1}}
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    assert run(conf, "--set", "dropout=0.0") == 0
    user_error(capsys, run(conf, "--set", "num_head_channels=32"), "num_head_channels 32 (the file: 16)")


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nMore details"), "CUDA out of memory."),
        (MemoryError(), "MemoryError"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), "[enforce fail"),
    ],
)
def test_out_of_memory_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception, detail: str
) -> None:
    def full(*_arguments: object, **_options: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(pipeline, "p_sample_loop", full)
    assert run(make_run(tmp_path)) == 2
    halved, error_line = capsys.readouterr().err.splitlines()
    assert "out of memory with batches of 2: going on with 1" in halved
    assert error_line.startswith("error: out of memory with one picture at a time")
    assert detail in error_line


def test_out_of_memory_halves_the_batch_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, sizes = pipeline.p_sample_loop, []

    def small(model: Any, diffusion: Any, x0: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        sizes.append(len(x0))
        if len(x0) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return loop(model, diffusion, x0, *arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", small)
    conf = make_run(tmp_path, 6)
    assert run(conf, "--set", "data.eval.tiny.batch_size=6") == 0
    assert sizes == [6, 3, 2, 2, 2]
    assert "batches of 3: going on with 2" in capsys.readouterr().err
    assert [line["name"] for line in manifest(tmp_path)] == [f"{i:02d}.png" for i in range(6)]


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_run(tmp_path)
    real, calls = pipeline.p_sample_loop, []

    def interrupted(*arguments: object, **options: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "p_sample_loop", interrupted)
    assert run(conf) == 130
    captured = capsys.readouterr()
    assert "the pictures finished so far are kept" in captured.err
    assert "2 pictures filled; results in" in captured.out
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png", "01.png"]
    assert run(conf) == 0
    assert len(manifest(tmp_path)) == 3


def test_real_ctrl_c_from_the_shell(tmp_path: Path) -> None:
    conf = make_run(tmp_path, count=2, timestep_respacing="1000", schedule_jump_params={"jump_n_sample": 50})
    command = [sys.executable, "test.py", "--conf_path", str(conf), "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "network calls" in process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "0 pictures filled" in out


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(cli.RepaintError):
        run(tmp_path / "nowhere.yml", "--debug")


def test_unknown_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    code = inpaint_main(["--conf_path", str(conf), "--device", "quantum"])
    user_error(capsys, code, "--device quantum: not available here")


def test_masks_from_the_script(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 3)
    out = tmp_path / "masks"
    command = [sys.executable, "scripts/make_masks.py", "thick", "--size", str(SIZE), "--count", "3", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0
    assert done.stdout == f"3 thick masks in {out}\n"
    assert [path.name for path in sorted(out.iterdir())] == ["000000.png", "000001.png", "000002.png"]
    assert set(np.unique(read_pixels(out / "000001.png"))) <= {0, 255}
    command[3] = "--size=0"
    done = subprocess.run(
        [*command[:3], "--size", "0", "--out", str(out)], cwd=ROOT, capture_output=True, env=environment
    )
    assert done.returncode == 2


def make_masks(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["make_masks.py", *map(str, arguments)])
    code = runpy.run_path(str(ROOT / "scripts/make_masks.py"))["main"]()
    assert isinstance(code, int)
    return code


def test_a_mask_for_each_picture_has_its_size_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "gt", 2, size=(30, 20), suffix=".jpg")
    arguments = ("genhalf", "--width", 0.1, "--pictures", tmp_path / "gt", "--out", tmp_path / "masks")
    assert make_masks(monkeypatch, *arguments) == 0
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["00.png", "01.png"]
    mask = read_pixels(tmp_path / "masks/00.png")
    np.testing.assert_array_equal(mask, np.tile(np.where(np.arange(30) < 27, 255, 0), (20, 1)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["box", "--pictures", "{}/gt", "--out", "{}/gt"], "00.png would lie among the pictures in {}/gt"),
        (["box", "--pictures", "{}/gt", "--out", "{}/gt/masks"], "00.png would lie among the pictures"),
        (["box", "--pictures", "{}/gt", "--out", "{}"], "gt/00.png would lie among the pictures"),
        (["box", "--pictures", "{}/twins", "--out", "{}/masks"], "00.jpg and 00.png would share the mask 00.png"),
        (["box", "--pictures", "{}/gt", "--size", "64", "--out", "{}/masks"], "--size and --count are those of the"),
        (["box", "--pictures", "{}/gt", "--count", "1", "--out", "{}/masks"], "--size and --count are those of the"),
        (["genhalf", "--width", "0.01", "--size", "16", "--out", "{}/masks"], "genhalf has no hole at 16x16"),
        (["box", "--width", "0.01", "--pictures", "{}/gt", "--out", "{}/masks"], "box has no hole at 16x16"),
    ],
)
def test_masks_that_would_be_useless_or_replace_pictures(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    write_pictures(tmp_path / "gt", 1)
    write_pictures(tmp_path / "gt/gt", 1)
    for suffix in (".png", ".jpg"):
        write_pictures(tmp_path / "twins", 1, suffix=suffix)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    code = make_masks(monkeypatch, *(argument.format(tmp_path) for argument in arguments))
    user_error(capsys, code, says.format(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_kinds_of_path_that_nobody_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    for setting in ("model_path=ftp://host/model.pt", "data.eval.tiny.gt_path=s3://bucket/x"):
        for mode in ([], ["--dry_run"]):
            user_error(capsys, run(conf, "--set", setting, *mode), "://", "cannot be read")


def test_a_full_disk_ends_with_a_message_and_nothing_is_lost(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: a write fails in the middle in the same way."""
    conf = make_run(tmp_path, 4)
    assert run(conf) == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()}
    shutil.rmtree(tmp_path / "out")
    command = [sys.executable, "test.py", "--conf_path", str(conf), "--device", "cpu"]
    limited = ["bash", "-c", 'ulimit -f 1 && exec "$@"', "bash", *command]  # 1024 bytes: less than a manifest's lines
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "manifest.jsonl: cannot be written (No space left on device)" in line
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png"]  # and no part of a second line
    assert "Traceback" not in done.stderr
    for path in (tmp_path / "out/inpainted").iterdir():
        assert path.read_bytes() == expected[path.name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()} == expected
    assert [line["name"] for line in manifest(tmp_path)] == [f"{i:02d}.png" for i in range(4)]


def test_a_picture_deleted_while_running_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_run(tmp_path, 4)
    load = batch_loop.load_example

    def load_and_delete(pair: Any, reading: Any) -> Any:
        (tmp_path / "gt/03.png").unlink(missing_ok=True)
        return load(pair, reading)

    monkeypatch.setattr(batch_loop, "load_example", load_and_delete)
    assert run(conf) == 3
    assert "skipped: " in capsys.readouterr().err
    assert len(manifest(tmp_path)) == 3
