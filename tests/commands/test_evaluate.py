"""Evaluation from the command line, on tiny runs and folders."""

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from repaint.commands.evaluate import main as evaluate_command
from repaint.commands.fill import main as fill_command
from repaint.config.comparison import ComparisonConfig
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.evaluation import metrics
from repaint.evaluation.choices import WEIGHTS
from repaint.evaluation.image_quality import psnr
from repaint.evaluation.metrics import Sample, measure_sample, select_metrics
from repaint.evaluation.perceptual import alexnet_features
from repaint.inference.checks import check_config
from tests.helpers.tiny import make_run, read_pixels, write_config, write_masks, write_pictures

Call = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line within this process, writing to `tmp_path/eval`: exit code, output, errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = evaluate_command([*map(str, arguments), "--out", str(tmp_path / "eval"), "--device", "cpu"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def inpaint(conf: Path, *sets: str) -> None:
    assert fill_command(["--conf_path", str(conf), "--device", "cpu", *(x for s in sets for x in ("--set", s))]) == 0


def results(tmp_path: Path) -> list[dict[str, Any]]:
    return json.loads((tmp_path / "eval/summary.json").read_text())["results"]


def lines(tmp_path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((tmp_path / "eval/per_picture.csv").open()))


def write_folders(folder: Path, count: int = 3, size: tuple[int, int] = (20, 16)) -> list[Path]:
    """Pictures, masks, and two methods' results: the truth in `good`, the truth with a grey hole in `grey`."""
    write_pictures(folder / "gt", count, size)
    write_masks(folder / "half", count, size)
    shutil.copytree(folder / "gt", folder / "good")
    (folder / "grey").mkdir()
    for path in sorted((folder / "gt").iterdir()):
        known = read_pixels(folder / "half" / path.name)[..., None] == 255
        Image.fromarray(np.where(known, read_pixels(path), 128).astype(np.uint8)).save(folder / "grey" / path.name)
    return ["--truth", folder / "gt", "--masks", folder / "half", "--results", folder / "good", folder / "grey"]


def test_a_run(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    inpaint(conf)
    code, output, errors = call("--conf_path", conf)
    assert code == 0, errors
    assert (tmp_path / "eval/table.md").read_text() in output
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {
        "per_picture.csv",
        "summary.json",
        "table.md",
        "table.tex",
    }
    (result,) = results(tmp_path)
    assert (result["method"], result["mask"]) == ("RePaint (T=4 j=1 r=2)", "masks")
    assert (result["pictures"], result["fills"], result["hole_share"]) == (3, 3, 0.5)
    assert result["metrics"]["known_error"]["mean"] == 0
    manifest = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert result["metrics"]["calls"]["mean"] == manifest[0]["nfe"] == 7
    assert [float(line["seconds"]) for line in lines(tmp_path)] == [line["seconds"] for line in manifest]
    for line in lines(tmp_path):
        files = [read_pixels(tmp_path / folder / line["picture"]) for folder in ("gt", "out/inpainted", "masks")]
        wanted = measure_sample(Sample(files[0], files[1], files[2] == 255), select_metrics())
        assert {key: float(line[key]) for key in wanted} == pytest.approx(wanted)
    values = [float(line["psnr_hole"]) for line in lines(tmp_path)]
    psnr = result["metrics"]["psnr_hole"]
    assert psnr["mean"] == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= psnr["low"] < psnr["mean"] < psnr["high"] <= max(values) + 1e-9


def test_fills_masks_by_rule_and_cropping(call: Call, tmp_path: Path) -> None:
    """Truth and masks are read as the run read them, and several fills have a diversity."""
    conf = make_run(tmp_path, num_samples_per_image=3)
    write_pictures(tmp_path / "gt", 2, (40, 24))
    mask = ["data.eval.tiny.mask_path=null", "data.eval.tiny.mask={kind: thick, seed: 5}", "data.eval.tiny.max_len=2"]
    inpaint(conf, *mask)
    code, _, errors = call("--conf_path", conf, *(x for text in mask for x in ("--set", text)))
    assert code == 0, errors
    (result,) = results(tmp_path)
    assert (result["mask"], result["pictures"], result["fills"]) == ("thick", 2, 6)
    assert result["metrics"]["known_error"]["mean"] == 0
    assert [line["fill"] for line in lines(tmp_path)] == ["0", "1", "2"] * 2
    first = lines(tmp_path)[0]
    known = read_pixels(tmp_path / "out/gt_keep_mask/00.png") == 255
    assert float(first["hole_share"]) == pytest.approx((~known).mean(), abs=1e-6)
    fills = [read_pixels(tmp_path / f"out/inpainted/00_{i}.png")[~known].astype(float) for i in range(3)]
    pairs = [np.abs(fills[i] - fills[j]).mean() / 255 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert float(first["diversity"]) == pytest.approx(np.mean(pairs))
    assert result["metrics"]["psnr_mean_fill"]["mean"] > result["metrics"]["psnr_hole"]["mean"]
    assert float(first["psnr"]) == pytest.approx(
        psnr(read_pixels(tmp_path / "out/gt/00.png"), read_pixels(tmp_path / "out/inpainted/00_0.png"))
    )


def test_schedules_and_masks_in_one_table(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    tree = {
        "set": [f"data.eval.tiny.paths.srs={tmp_path}/{{mask}}/{{method}}/srs"],
        "masks": [
            {"mask": "half"},
            {"mask": "box", "set": ["data.eval.tiny.mask_path=null", "data.eval.tiny.mask={kind: box}"]},
        ],
        "entries": [
            *(
                {"method": f"T={steps}", "conf_path": str(conf), "set": [f"timestep_respacing='{steps}'"]}
                for steps in (2, 4, 8)
            ),
            {"method": "Copy | 100%", "mask": "half", "truth": str(tmp_path / "gt"), "masks": str(tmp_path / "masks")}
            | {"results": [str(tmp_path / "gt"), str(tmp_path / "gt")], "calls": 1, "seconds": 0.5},
        ],
    }
    (tmp_path / "all.yml").write_text(yaml.safe_dump(tree))
    code, output, errors = call("--comparison", tmp_path / "all.yml", "--run", "--against", "T=2")
    assert code == 0, errors
    assert (tmp_path / "box/t=8/srs/00.png").exists()
    assert "T=2 under half: 3 pictures, 3 fills" in output
    table = (tmp_path / "eval/table.md").read_text()
    rows = table.partition("### Network calls")[2].splitlines()[2:8]
    assert rows[0] == "|  | half | box |"
    assert rows[2:] == ["| T=2 | 3 | 3 |", "| T=4 | 7 | 7 |", "| T=8 | 15 | 15 |", r"| Copy \| 100% | 1 |  |"]
    assert r"| Copy \| 100% | **inf** |  |" in table
    assert r"| Copy \| 100% | **1.000** |  |" in table
    latex = (tmp_path / "eval/table.tex").read_text()
    assert r"Copy | 100\% & \textbf{inf} &  \\" in latex
    assert latex.count(r"\begin{tabular}{lrr}") == latex.count(r"\end{tabular}") == 1
    copy = results(tmp_path)[-1]
    assert copy["metrics"]["psnr"] == {"mean": None, "low": None, "high": None}  # JSON knows no infinity
    assert copy["metrics"]["diversity"]["mean"] == 0
    figure = Image.open(tmp_path / "eval/quality_vs_calls.png")
    assert figure.width > figure.height > 500
    assert not (tmp_path / "eval/quality_vs_hole.png").exists()
    check_differences(tmp_path / "eval")

    code, output, errors = call("--comparison", tmp_path / "all.yml", "--only", "T=4", "T=8", "box")
    assert code == 0, errors
    assert [line.partition(":")[0] for line in output.splitlines()[:2]] == ["T=4 under box", "T=8 under box"]
    code, _, errors = call("--comparison", tmp_path / "all.yml", "--only", "T=3")
    assert (code, errors) == (2, "error: --only T=3: no method and no mask of the comparison is called so\n")
    code, _, errors = call("--comparison", tmp_path / "all.yml", "--only", "T=4", "--against", "T=2")
    assert (code, errors) == (2, "error: --against T=2: no method of this name is measured; did you mean 'T=4'?\n")


def check_differences(folder: Path) -> None:
    """The table of differences to T=2 against the lines of all fills."""
    with (folder / "per_picture.csv").open() as file:
        rows = list(csv.DictReader(file))
    psnr = {(row["method"], row["mask"], row["picture"]): float(row["psnr"]) for row in rows}
    table = (folder / "differences.md").read_text().partition("### PSNR")[2].partition("###")[0].splitlines()
    assert [line.split(" | ")[0] for line in table[4:6]] == ["| T=4", "| T=8"]
    for line, method in zip(table[4:6], ("T=4", "T=8"), strict=True):
        for cell, mask in zip(line.strip("| ").split(" | ")[1:], ("half", "box"), strict=True):
            apart = [psnr[method, mask, f"{i:02d}.png"] - psnr["T=2", mask, f"{i:02d}.png"] for i in range(3)]
            assert float(cell.strip("*").split()[0]) == pytest.approx(np.mean(apart), abs=0.006)


def test_folders_of_any_method(call: Call, tmp_path: Path) -> None:
    code, _, errors = call(*write_folders(tmp_path), tmp_path / "good", "--mask", "Half")
    assert code == 2
    assert "both named good under Half" in errors
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"name": "00.png", "nfe": 5, "config_digest": ""}) + "\n{")
    code, _, errors = call(*write_folders(tmp_path / "a=b"), f"again={tmp_path / 'a=b/good'}", "--mask", "Half")
    assert code == 0, errors
    assert [(r["method"], r["mask"]) for r in results(tmp_path)] == [
        ("good", "Half"),
        ("grey", "Half"),
        ("again", "Half"),
    ]
    grey = results(tmp_path)[1]["metrics"]
    assert 5 < grey["psnr_hole"]["mean"] < 12
    assert grey["known_error"]["mean"] == 0
    assert "calls" not in grey
    assert math.isinf(float(lines(tmp_path)[0]["psnr"]))


def test_white_holes_and_hole_sizes(call: Call, tmp_path: Path) -> None:
    folders = write_folders(tmp_path, 3, (20, 20))
    for number, columns in enumerate((1, 5, 20)):
        mask = np.zeros((20, 20), np.uint8)
        mask[:, :columns] = 255
        Image.fromarray(mask).save(tmp_path / "half" / f"{number:02d}.png")
    code, _, errors = call(*folders, "--mask_polarity", "hole_white")
    assert code == 0, errors
    bins = results(tmp_path)[1]["bins"]
    assert [(part["low"], part["high"], part["pictures"]) for part in bins] == [(0, 0.1, 1), (0.2, 0.3, 1), (0.9, 1, 1)]
    assert bins[0]["metrics"]["psnr_hole"]["low"] is None  # one picture
    assert results(tmp_path)[1]["metrics"]["known_error"]["mean"] > 0  # the grey halves are not these holes
    assert Image.open(tmp_path / "eval/quality_vs_hole.png").width > 500


def test_pictures_without_a_hole_do_not_count(call: Call, tmp_path: Path) -> None:
    folders = write_folders(tmp_path)
    Image.new("L", (20, 16), 255).save(tmp_path / "half/01.png")
    assert call(*folders)[0] == 0
    assert [line["picture"] for line in lines(tmp_path)] == ["00.png", "02.png"] * 2
    for path in (tmp_path / "half").iterdir():
        Image.new("L", (20, 16), 255).save(path)
    code, _, errors = call(*folders)
    assert (code, errors.count("\n")) == (2, 1)
    assert "no picture has a hole" in errors


def test_missing_results(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    code, _, errors = call("--conf_path", conf)
    assert (code, errors.count("\n")) == (2, 1)
    assert "nothing is finished yet" in errors
    inpaint(conf)
    (tmp_path / "out/inpainted/01.png").unlink()
    (tmp_path / "out/inpainted/02.png").unlink()
    code, _, errors = call("--conf_path", conf)
    assert (code, errors.count("\n")) == (2, 1)
    assert "01.png and 1 more: no such result" in errors
    assert not (tmp_path / "eval").exists()
    code, output, _ = call("--conf_path", conf, "--allow_missing")
    assert code == 0
    assert "1 pictures, 1 fills, 2 results missing" in output


def test_extended_pictures_have_no_truth(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    extended = ["data.eval.tiny.fit=window", "data.eval.tiny.extend=25%"]
    code, _, errors = call("--conf_path", conf, *(x for text in extended for x in ("--set", text)))
    assert code == 2
    assert errors == f"error: {conf}: extend adds what no true picture shows, so its fills cannot be measured\n"


def test_wrong_sizes_and_damage(call: Call, tmp_path: Path) -> None:
    folders = write_folders(tmp_path)
    Image.new("RGB", (16, 20)).save(tmp_path / "grey/01.png")
    code, _, errors = call(*folders)
    assert code == 2
    assert errors == f"error: {tmp_path / 'grey/01.png'}: 16x20 pixels, but the true picture has 20x16\n"
    (tmp_path / "grey/01.png").write_bytes(b"nothing")
    assert "not a readable picture" in call(*folders)[2]
    small = write_folders(tmp_path / "small", 1, (20, 10))
    assert "at least 11x11" in call(*small)[2]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"entries": []}, "at least 1 item"),
        ({"entries": [{"method": "a"}]}, "give either conf_path, or the folders"),
        ({"entries": [{"truth": "a", "results": "b"}]}, "masks is missing beside truth and results"),
        ({"entries": [{"conf_path": "a", "truth": "b", "masks": "c", "results": "d"}]}, "give either conf_path"),
        ({"entries": [{"conf_path": "a", "calls": 3}]}, "calls has no meaning with conf_path"),
        ({"entries": [{"truth": "a", "masks": "c", "results": "d", "baseline": "telea"}]}, "baseline has no meaning"),
        ({"entries": [{"conf_pth": "a"}]}, "did you mean 'conf_path'"),
    ],
)
def test_comparison_files(call: Call, tmp_path: Path, tree: object, message: str) -> None:
    (tmp_path / "c.yml").write_text(yaml.safe_dump(tree))
    code, _, errors = call("--comparison", tmp_path / "c.yml")
    assert (code, errors.count("\n")) == (2, 1)
    assert message in errors


def test_options_that_lack_something(call: Call, tmp_path: Path) -> None:
    assert "nothing to measure" in call()[2]
    folders = write_folders(tmp_path)
    assert "belong together" in call(*folders[:4])[2]
    assert "belong together" in call(*folders[4:])[2]
    assert "belong together" in call(*folders[2:])[2]


@pytest.mark.filterwarnings("ignore")
def test_lpips_from_local_weights(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("torchmetrics")
    folders = [*write_folders(tmp_path, 2, (40, 32)), "--extra", "lpips_alex", "--weights", tmp_path]
    code, _, errors = call(*folders)
    assert (code, errors.count("\n")) == (2, 1)
    name, source = WEIGHTS["lpips_alex"]
    assert f"{tmp_path / name}: no such weights file; fetch {source}{name}" in errors
    state = {f"features.{key}": value for key, value in alexnet_features().state_dict().items()}
    torch.save(state, tmp_path / name)
    assert call(*folders)[0] == 0
    good, grey = (result["metrics"]["lpips_alex"]["mean"] for result in results(tmp_path))
    assert good == 0 < grey
    assert (tmp_path / "eval/table.md").read_text().index("LPIPS (AlexNet)") < 200  # the paper's measure comes first


def test_fid_and_kid(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Features:
        def __init__(self, folder: str, device: torch.device) -> None:
            assert folder == str(tmp_path)
            assert device.type == "cpu"

        def __call__(self, pictures: list[np.ndarray]) -> np.ndarray:
            return np.stack([pixels.mean(axis=(0, 1)) for pixels in pictures])

    monkeypatch.setitem(metrics.NETWORKS, "inception", Features)
    assert call(*write_folders(tmp_path), "--extra", "fid", "kid", "--weights", tmp_path)[0] == 0
    good, grey = (result["metrics"] for result in results(tmp_path))
    assert abs(good["fid"]["mean"]) < 1e-6 < grey["fid"]["mean"]
    assert grey["kid"]["low"] is None
    assert "fid" not in lines(tmp_path)[0]


def test_distance_to_real_pictures_and_mirrored_halves(call: Call, tmp_path: Path) -> None:
    write_pictures(tmp_path / "real", 256, (24, 16))
    folders = write_folders(tmp_path, 10, (24, 16))
    assert call(*folders, "--reference", tmp_path / "real", "--extra", "mirrored")[0] == 0
    good, grey = (result["metrics"] for result in results(tmp_path))
    assert good["kernel"]["mean"] < grey["kernel"]["low"] < grey["kernel"]["high"]
    assert good["frechet"]["mean"] > 0
    assert float(lines(tmp_path)[0]["mirrored"]) == pytest.approx(good["mirrored"]["mean"], rel=0.3)
    assert "Kernel distance to real pictures (lower is better)" in (tmp_path / "eval/table.md").read_text()
    code, _, errors = call(*folders, "--reference", tmp_path / "gt")
    assert (code, errors.count("\n")) == (2, 1)
    assert "a reference needs at least 256 pictures" in errors


def test_labels_of_schedules(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    write_config(tmp_path, use_ddim=True)
    (tmp_path / "fast.yml").write_text("base: conf.yml\nschedule: preview\n")
    for path in (conf, tmp_path / "fast.yml"):
        inpaint(path, f"data.eval.tiny.paths.srs={tmp_path}/{path.stem}/srs", "data.eval.tiny.max_len=2")
    changes = ["--set", "data.eval.tiny.max_len=2"]
    for path, name in (
        (conf, "DDIM (T=4 j=1 r=2)"),
        (tmp_path / "fast.yml", "preview (T=11 with 2 inner steps a level)"),
    ):
        srs = f"data.eval.tiny.paths.srs={tmp_path}/{path.stem}/srs"
        code, _, errors = call("--conf_path", path, *changes, "--set", srs)
        assert code == 0, errors
        assert results(tmp_path)[0]["method"] == name


def write_comparison(folder: Path, conf: Path, *methods: dict[str, Any], **common: object) -> Path:
    path = folder / "comparison.yml"
    entries = [{"mask": "half", "conf_path": str(conf), **method} for method in methods]
    path.write_text(yaml.safe_dump({"entries": entries, **common}))
    return path


def test_runs_and_classical_methods_in_one_command(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    srs = "data.eval.tiny.paths.srs="
    comparison = write_comparison(
        tmp_path,
        conf,
        {"method": "short", "set": [f"{srs}{tmp_path}/short/pictures", "schedule_jump_params.jump_n_sample=1"]},
        {"method": "long", "set": [f"{srs}{tmp_path}/long/pictures"]},
        {"method": "Telea", "baseline": "telea"},
        {"method": "biharmonic", "baseline": "biharmonic"},
        set=["data.eval.tiny.max_len=2", "data.eval.tiny.paths.log=null"],
    )
    code, _, errors = call("--comparison", comparison)
    assert code == 2
    assert "nothing is finished yet" in errors
    code, _, errors = call("--comparison", comparison, "--run")
    assert code == 0, errors
    found = {result["method"]: result for result in results(tmp_path)}
    assert {name: result["pictures"] for name, result in found.items()} == dict.fromkeys(found, 2)
    calls = {name: result["metrics"].get("calls", {}).get("mean") for name, result in found.items()}
    assert calls == {"short": 4, "long": 7, "Telea": None, "biharmonic": None}
    assert found["Telea"]["metrics"]["known_error"]["mean"] == 0
    quality = [result["metrics"]["psnr_hole"]["mean"] for result in found.values()]
    assert len(set(quality)) == 4
    assert sorted(path.name for path in (tmp_path / "short/pictures").iterdir()) == ["00.png", "01.png"]


def test_bicubic_interpolation_needs_a_grid(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    grid = np.zeros((16, 16), np.uint8)
    grid[:, ::2] = 255
    Image.fromarray(grid).save(tmp_path / "grid.png")
    odd = grid.copy()
    odd[3, 1] = 255
    Image.fromarray(odd).save(tmp_path / "odd.png")
    for mask, code in (("grid", 0), ("odd", 2)):
        change = f"data.eval.tiny.mask_path={tmp_path / mask}.png"
        comparison = write_comparison(tmp_path, conf, {"baseline": "bicubic", "set": [change]})
        found, _, errors = call("--comparison", comparison)
        assert found == code, errors
    assert errors == "error: baseline: bicubic interpolation needs known pixels on a regular grid\n"


def test_a_run_that_leaves_pictures_out_is_no_result(call: Call, tmp_path: Path) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "gt/01.png").write_bytes(b"nothing")
    code, _, errors = call("--conf_path", conf, "--run")
    assert code == 2
    assert errors.endswith("run the same command again, or leave pictures out with --allow_missing\n")
    code, output, errors = call("--conf_path", conf, "--run", "--allow_missing")
    assert code == 0, errors
    assert "2 pictures, 2 fills, 1 results missing" in output


PAPERS_MASKS = ("wide", "narrow", "super-resolution 2x", "alternating lines", "half", "expand")
COMPARISONS = sorted([*(ROOT / "confs/compare").glob("*.yml"), *(ROOT / "confs").glob("eval_*.yml")])


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_the_comparisons_of_this_repository(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    comparison = load_config(ComparisonConfig, path)
    seen, folders, checked = set(), [], set()
    for entry in (entries := comparison.expanded()):
        seen.add((entry.method, entry.mask))
        if entry.conf_path is not None:
            config = load_config(Config, entry.conf_path, entry.set)
            if entry.baseline is None:
                if entry.method not in checked:  # under one of the masks
                    check_config(config)
                    checked.add(entry.method)
                folders.append(config.eval_data.paths.srs)
    assert len(seen) == len(entries)
    assert len(set(folders)) == len(folders)  # no run writes over another
    if path.stem.startswith("eval_"):
        assert {entry.mask for entry in comparison.entries} == set(PAPERS_MASKS)
