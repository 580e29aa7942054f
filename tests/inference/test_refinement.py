"""Refined fills through the command and the library: calls, batches, interruptions, methods."""

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import repaint
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main
from repaint.data.refined_window import RefinedWindow
from repaint.data.refinement import level_shapes
from repaint.data.window_pixels import cut_out, paste
from repaint.data.windows import around_holes
from repaint.diffusion.methods.langevin import LangevinStep
from repaint.errors import ConfigError
from repaint.noise import picture_seed
from repaint.pipeline import methods, pipeline
from tests.helpers import processes
from tests.helpers.command import manifest, run
from tests.helpers.pictures import fill, prepare_run, smooth
from tests.helpers.tiny import FLAGS, read_pixels, tiny_unet

FITS = ("window", "pad", "resize")
# The tiny network is none of the published, so its heads and process are assumed.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")

METHODS = ("repaint", "replace", "ddnm", "langevin", "dps", "pigdm")


def blob(height: int = 90, width: int = 70) -> np.ndarray:
    """A mask with a hole that takes a window of three times the network's size, and a small one."""
    known = np.ones((height, width), bool)
    y, x = np.mgrid[:height, :width]
    known[(y - 40) ** 2 + (x - 35) ** 2 < 16**2] = False
    known[80:84, 5:9] = False
    return known


def prepare(folder: Path, count: int = 1, **changes: Any) -> dict[str, Any]:
    """Pictures with the mask `blob`, by default sampled again; the keys of the data for `fill`."""
    keys = {"refine": "auto"} | changes
    prepare_run(folder, blob(), **({} if keys["refine"] == "none" else {"refine_from": 0.4}) | keys)
    for i in range(count):
        Image.fromarray(np.roll(smooth(90, 70), 7 * i, axis=1)).save(folder / f"gt/{i}.png")
    return {"mask_path": str(folder / "mask.png")}


def attentive_weights() -> dict[str, Tensor]:
    """Those of the tiny network, in which attention decides more than the last bits."""
    weights = tiny_unet().state_dict()
    blocks = {key.removesuffix("qkv.weight") for key in weights if key.endswith("qkv.weight")}
    return {key: 20 * value if key.startswith(tuple(blocks)) else value for key, value in weights.items()}


def results(folder: Path, place: str = "out/inpainted") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / place).iterdir())}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each batch the time at which it begins, and its network calls."""
    loop, found = pipeline.p_sample_loop, []

    def counted(*arguments: Any, **options: Any) -> Any:
        times, step_calls = arguments[4], options["calls"]
        found.append((times[0], sum(step_calls(t) for t, s in pairwise(times) if s < t)))
        return loop(*arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", counted)
    return found


@pytest.mark.parametrize("fit", FITS)
def test_only_the_hole_changes_and_otherwise_than_without(tmp_path: Path, fit: str) -> None:
    fills = {}
    for refine in ("auto", 1, "none"):
        folder = tmp_path / str(refine)
        data = prepare(folder, refine=refine)
        fills[refine] = read_pixels(fill(folder, fit=fit, **data) / "0.png")
        np.testing.assert_array_equal(fills[refine][blob()], smooth(90, 70)[blob()])
        assert manifest(folder)[0]["refine"] == refine if fit == "window" or refine != "none" else True
    hole = ~blob()
    assert len({fills[refine][hole].tobytes() for refine in fills}) == 3


def test_references_change_the_fill_of_a_large_hole(tmp_path: Path) -> None:
    fills = {}
    for references in (0, 2, 5, None):
        folder = tmp_path / str(references)
        data = prepare(folder, **({} if references is None else {"refine_references": references}))
        (folder / "model.safetensors").write_bytes(encode_checkpoint(attentive_weights(), {}))
        fills[references] = read_pixels(fill(folder, fit="window", **data) / "0.png")
        np.testing.assert_array_equal(fills[references][blob()], smooth(90, 70)[blob()])
    assert len({fills[references].tobytes() for references in (0, 2, 5)}) == 3
    np.testing.assert_array_equal(fills[None], fills[0])


def test_the_most_central_of_the_candidates_is_refined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order in which batches fill them; the window that is not refined has none."""
    fill_batch, begun = pipeline.Pipeline.fill, list[np.ndarray]()
    inpainter = painter(tmp_path, refine=1, refine_candidates=4, refine_patch_size=0)
    example = inpainter.read(smooth(90, 70), blob())
    (refined,) = {area.window for area in example.areas}
    parts = [part for part in range(example.order.parts) if example.window_of[part] == refined]
    candidates = [part for part in parts if example.area_of(part) is None]
    assert (len(example.areas), len(candidates), example.order.parts) == (1, 4, 2 + 1 + 3)
    greys = dict(zip([picture_seed(0, 0, 0, part) for part in candidates], (10, 240, 90, 110), strict=True))

    def painted(self: Any, crops: Any, *arguments: Any) -> list[Tensor]:
        filled = fill_batch(self, crops, *arguments)
        begun.extend(crop.pixels[~crop.known] for crop in crops if crop.tiles)
        return [
            x if crop.seed not in greys else torch.full_like(x, greys[crop.seed] / 127.5 - 1)
            for x, crop in zip(filled, crops, strict=True)
        ]

    monkeypatch.setattr(pipeline.Pipeline, "fill", painted)
    for batch_size in (1, 3, 8):
        begun.clear()
        folder = tmp_path / str(batch_size)
        data = prepare(folder, refine=1, refine_candidates=4, refine_patch_size=0, seed=0)
        fill(folder, fit="window", batch_size=batch_size, **data)
        assert len(begun) == 1
        assert np.unique(begun[0]).tolist() == [110]


def test_what_is_refined_begins_with_texture_from_around_the_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripes of two colours in the picture, and a first fill of one colour between them."""
    fill_batch, begun = pipeline.Pipeline.fill, list[np.ndarray]()
    picture = np.full((90, 70, 3), 40, np.uint8)
    picture[np.arange(90) % 12 < 6] = 220

    def painted(self: Any, crops: Any, *arguments: Any) -> list[Tensor]:
        begun.extend(crop.pixels[~crop.known] for crop in crops if crop.tiles)
        return [torch.full_like(x, 130 / 127.5 - 1) for x in fill_batch(self, crops, *arguments)]

    monkeypatch.setattr(pipeline.Pipeline, "fill", painted)
    for patch_size in (0, 3, 5, None):
        begun.clear()
        keys = {} if patch_size is None else {"refine_patch_size": patch_size}
        painter(tmp_path, refine=1, **keys)(picture, blob())
        spread = begun[0].std()
        assert spread < 20 if patch_size == 0 else spread > 50


@pytest.mark.parametrize("fit", FITS)
def test_without_sampling_levels_take_no_network_calls(
    tmp_path: Path, calls: list[tuple[int, int]], fit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fills of the candidates alone, in any batches; all of the hole has texture, and what is known stays."""
    fills, counts = [], []
    for batch_size in (1, 5):
        folder = tmp_path / str(batch_size)
        data = prepare(folder, 2, refine_from=0)
        calls.clear()
        conf, options = folder / "conf.yml", {"fit": fit, "batch_size": batch_size, **data}
        changes = [f"--set=data.eval.tiny.{key}={value}" for key, value in options.items()]
        assert run(conf, "--dry_run", *changes) == 0
        out = capsys.readouterr().out
        first = "of a window larger than 16x16 the most central of 4 fills gets texture in patches of 5x5 pixels"
        assert f"refine: auto, {first}\n" in out
        counted = re.search(r"counted from the masks: ([\d,]+) network calls", out)
        assert counted is not None
        assert run(conf, *changes) == 0
        assert int(counted[1]) == sum(count for _, count in calls)
        assert {start for start, _ in calls} == {3}
        counts.append([line["nfe"] for line in manifest(folder)])
        fills.append([read_pixels(folder / f"out/inpainted/{i}.png").astype(int) for i in range(2)])
    assert counts[0] == counts[1] == 2 * [7 * (4 + 1 if fit == "window" else 4)]
    for i, (one, five) in enumerate(zip(*fills, strict=True)):
        assert np.abs(one - five).max() <= 2
        picture = np.roll(smooth(90, 70), 7 * i, axis=1)
        np.testing.assert_array_equal(one[blob()], picture[blob()])


def test_every_level_gets_texture_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripes in the picture, a first fill of one colour: and what pasting takes is part of the fill's time."""
    shapes, enlarge, fill_batch = list[Any](), RefinedWindow.enlarge, pipeline.Pipeline.fill

    def recorded(self: RefinedWindow, shape: Any, *arguments: Any) -> None:
        shapes.append(shape)
        time.sleep(0.3)
        enlarge(self, shape, *arguments)

    def painted(self: Any, crops: Any, *arguments: Any) -> list[Tensor]:
        return [torch.full_like(x, 130 / 127.5 - 1) for x in fill_batch(self, crops, *arguments)]

    monkeypatch.setattr(RefinedWindow, "enlarge", recorded)
    monkeypatch.setattr(pipeline.Pipeline, "fill", painted)
    data = prepare(tmp_path, refine_from=0)
    picture = np.full((90, 70, 3), 40, np.uint8)
    picture[np.arange(90) % 12 < 6] = 220
    Image.fromarray(picture).save(tmp_path / "gt/0.png")
    filled = read_pixels(fill(tmp_path, fit="window", **data) / "0.png")
    large = max(around_holes(blob(), 16), key=lambda window: window.height)
    assert shapes == level_shapes(large, 16)
    assert len(shapes) == 2
    assert filled[30:50, 25:45].std() > 30
    assert manifest(tmp_path)[0]["seconds"] > 0.6


@pytest.mark.parametrize(("refine", "copied"), [("auto", True), ("none", False)])
def test_the_progress_bar_says_when_texture_is_copied(
    tmp_path: Path, refine: str, copied: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"refine_from": 0} if copied else {}
    fill(tmp_path, fit="window", **prepare(tmp_path, refine=refine, show_progress=True, **keys))
    bar = capsys.readouterr().err
    assert (", 0/1 pictures, copying texture]" in bar) == copied
    assert bar.rstrip().endswith(", 1/1 pictures]")


def test_patches_have_a_middle(tmp_path: Path) -> None:
    fills = {size: painter(tmp_path, refine_from=0, refine_patch_size=size) for size in (3, 5)}
    assert len({inpainter(smooth(90, 70), blob())[0].tobytes() for inpainter in fills.values()}) == 2
    for size in (1, 2, 4, 8):
        with pytest.raises(ConfigError, match="refine_patch_size: should be 0, or an odd number from 3 to 9"):
            painter(tmp_path, refine_patch_size=size)
    with pytest.raises(ConfigError, match="refine_patch_size: input should be less than or equal to 9"):
        painter(tmp_path, refine_patch_size=11)
    with pytest.raises(ConfigError, match="refine_patch_size has no meaning with refine: none"):
        painter(tmp_path, refine="none", refine_patch_size=5)


def test_candidates_are_one_or_at_least_three(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="refine_candidates: should be 1, or at least 3: of two fills neither"):
        painter(tmp_path, refine_candidates=2)
    with pytest.raises(ConfigError, match="refine_candidates has no meaning with refine: none"):
        painter(tmp_path, refine="none", refine_candidates=3)
    fills = {
        number: painter(tmp_path, refine_candidates=number)(smooth(90, 70), blob())[0].tobytes() for number in (1, 3, 4)
    }
    assert fills[4] == painter(tmp_path)(smooth(90, 70), blob())[0].tobytes()
    assert len({*fills.values()}) > 1


def test_without_refinement_the_fill_is_enlarged_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, fill_batch = [], pipeline.Pipeline.fill

    def recorded(self: Any, crops: Any, *arguments: Any) -> Any:
        filled = fill_batch(self, crops, *arguments)
        seen.extend(((x + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy() for x in filled)
        return filled

    monkeypatch.setattr(pipeline.Pipeline, "fill", recorded)
    data = prepare(tmp_path, refine="none")
    filled = read_pixels(fill(tmp_path, fit="window", batch_size=1, **data) / "0.png")
    expected, known = smooth(90, 70), blob()
    for window, pixels in zip(around_holes(known, 16), seen, strict=True):
        expected = paste(expected, known, window, pixels)
    assert np.abs(filled.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("fit", "batch_size", "keys"),
    [
        ("window", 1, {}),
        ("window", 4, {}),
        ("pad", 3, {}),
        ("resize", 3, {}),
        ("window", 3, {"adapt": {"steps": 1, "batch_size": 1}}),
    ],
)
def test_calls_are_counted_before_the_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    calls: list[tuple[int, int]],
    fit: str,
    batch_size: int,
    keys: dict[str, Any],
) -> None:
    data = prepare(tmp_path, 2, num_samples_per_image=2, refine_from=0.5, refine_spacing=1, **keys)
    conf = tmp_path / "conf.yml"
    settings = {"fit": fit, "mask_path": data["mask_path"], "batch_size": batch_size}
    changes = [f"--set=data.eval.tiny.{key}={value}" for key, value in settings.items()]
    assert run(conf, "--dry_run", *changes) == 0
    found = re.search(
        rf"counted from the masks: ([\d,]+) network calls in batches of {batch_size}\n",
        (out := capsys.readouterr().out),
    )
    assert found is not None
    first = "of a window larger than 16x16 the most central of 4 fills gets texture in patches of 5x5 pixels"
    again = "is sampled again in tiles, from step 2 of 4 on, 3 network calls a batch"
    assert f"refine: auto, {first} and {again}" in out
    assert run(conf, *changes) == 0
    assert int(found[1].replace(",", "")) == sum(count for _, count in calls)
    assert {start for start, _ in calls} == {3, 1}
    if batch_size == 1:
        assert sum(line["nfe"] for line in manifest(tmp_path)) == sum(count for _, count in calls)


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_does_not_depend_on_the_batch_size(tmp_path: Path, fit: str) -> None:
    fills, calls = [], []
    for batch_size in (1, 5):
        folder = tmp_path / str(batch_size)
        data = prepare(folder, 2)
        out = fill(folder, fit=fit, batch_size=batch_size, **data)
        fills.append([read_pixels(out / f"{i}.png").astype(int) for i in range(2)])
        calls.append([line["nfe"] for line in manifest(folder)])
    assert calls[0] == calls[1]
    for one, five in zip(*fills, strict=True):
        assert np.abs(one - five).max() <= 2  # roundings of one level meet those of the next


def test_processes_and_interruptions_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / name for name in ("alone", "together", "interrupted")]
    for folder in folders:
        prepare(folder, 3)
    data = [f"--set=data.eval.tiny.{key}" for key in ("fit=window", "batch_size=2")]
    masks = [[*data, f"--set=data.eval.tiny.mask_path={folder}/mask.png"] for folder in folders]
    assert run(folders[0] / "conf.yml", *masks[0]) == 0

    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "test.py", "--device", "cpu"]
    done = processes.run(*launcher, "--conf_path", str(folders[1] / "conf.yml"), *masks[1])
    assert done.returncode == 0, done.stderr

    loop, batches = pipeline.p_sample_loop, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        batches.append(1)
        if len(batches) == 8:  # among the areas of the second picture
            raise KeyboardInterrupt
        return loop(*arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", interrupted)
    assert run(folders[2] / "conf.yml", *masks[2]) == 130
    assert len(manifest(folders[2])) in (1, 2)
    assert run(folders[2] / "conf.yml", *masks[2]) == 0
    assert results(folders[0]) == results(folders[1]) == results(folders[2])


def test_folders_do_not_mix_fills_of_other_refinements(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = prepare(tmp_path)
    fill(tmp_path, fit="window", **data)
    fill(tmp_path, code=2, fit="window", refine_from=0.7, **data)
    assert "holds results of another configuration" in capsys.readouterr().err


@pytest.mark.parametrize("method", METHODS)
def test_every_method_refines(tmp_path: Path, calls: list[tuple[int, int]], method: str) -> None:
    jumps = {} if method in ("repaint", "ddnm") else {"schedule_jump_params": {}}
    data = prepare(tmp_path, method=method, timestep_respacing="3", **jumps)
    filled = read_pixels(fill(tmp_path, fit="window", refine_from=0.7, **data) / "0.png")
    np.testing.assert_array_equal(filled[blob()], smooth(90, 70)[blob()])
    assert {start for start, _ in calls} == {2, 1}


def test_tiles_take_langevin_steps_of_their_own_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[float] = []
    step = methods.LangevinStep

    def recorded(*arguments: Any) -> LangevinStep:
        sizes.append(arguments[-1])
        return step(*arguments)

    monkeypatch.setattr(methods, "LangevinStep", recorded)
    data = prepare(tmp_path, method="langevin", timestep_respacing="3", schedule_jump_params={})
    data |= {"fit": "window", "batch_size": 1}
    fill(tmp_path, **data)
    assert set(sizes) == {4.0, 0.1}
    assert sizes[0] == 4.0  # of the first windows, which are not refined yet
    assert manifest(tmp_path)[0]["refine_step_size"] == 0.1
    sizes.clear()
    paths = {"srs": str(tmp_path / "other/inpainted")}
    fill(tmp_path, refine_step_size=0.5, paths=paths, **data)
    assert set(sizes) == {4.0, 0.5}
    assert results(tmp_path) != results(tmp_path / "other", "inpainted")


SCHEDULE: dict[str, Any] = {"timestep_respacing": "4", "schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2}}
KEYS: dict[str, Any] = {"image_size": 16, "num_head_channels": FLAGS["num_head_channels"]}


def painter(folder: Path, **settings: Any) -> repaint.Inpainter:
    prepare(folder)
    keys = SCHEDULE | KEYS | {"schedule": None, "device": "cpu"}
    if settings.get("refine") != "none" and settings.get("fit") != "crop":
        keys |= {"refine": "auto"}
        keys |= {"refine_from": 0.5, "refine_spacing": 1} if settings.get("refine_from") != 0 else {}
    return repaint.Inpainter(folder / "model.safetensors", **(keys | settings))


def test_the_library_refines_and_counts(tmp_path: Path) -> None:
    inpainter = painter(tmp_path)
    steps: list[repaint.Step] = []
    planned = inpainter.count_calls(smooth(90, 70), blob(), num_samples=2)
    fills = inpainter(smooth(90, 70), blob(), num_samples=2, callback=steps.append)
    assert planned == sum(step.calls for step in steps)
    plain = painter(tmp_path / "plain", refine="none")
    assert plain.count_calls(smooth(90, 70), blob()) < planned
    assert fills[0].tobytes() != plain(smooth(90, 70), blob())[0].tobytes()
    assert inpainter.with_schedule("preview").pipeline.config.refine == "auto"
    assert plain.with_schedule("preview").pipeline.config.refine == "none"
    for fit, settings in (("crop", {"refine": 2}), ("window", {"refine": "none", "refine_from": 0.3})):
        with pytest.raises(ConfigError, match="has no meaning"):
            painter(tmp_path, fit=fit, **settings)


def test_from_where_the_sampling_of_a_level_begins(tmp_path: Path) -> None:
    schedule = painter(tmp_path).pipeline
    assert schedule.refined.times == [1, 0, 1, 0, -1]
    starts = {share: painter(tmp_path, refine_from=share).pipeline.refined.times[0] for share in (1e-9, 0.34, 0.7, 1)}
    assert starts == {1e-9: 0, 0.34: 1, 0.7: 2, 1: 3}
    assert painter(tmp_path, refine_from=1).pipeline.refined.times == schedule.times


def test_where_the_steps_of_a_refinement_lie(tmp_path: Path) -> None:
    plain = painter(tmp_path).pipeline
    steps = {
        spacing: painter(tmp_path, refine_spacing=spacing).pipeline.refined.diffusion.timestep_map.tolist()
        for spacing in (1, 2)
    }
    assert steps == {1: plain.diffusion.timestep_map.tolist(), 2: [0, 111, 444, 999]}
    assert steps[1] == [0, 333, 666, 999]
    fills = {
        spacing: np.asarray(painter(tmp_path, refine_spacing=spacing)(smooth(90, 70), blob())[0]) for spacing in (1, 2)
    }
    assert (fills[1] != fills[2]).any()
    with pytest.raises(ConfigError, match="refine_spacing"):
        painter(tmp_path, refine_spacing=0.5)
    with pytest.raises(ConfigError, match="refine_spacing has no meaning with refine: none"):
        painter(tmp_path, refine="none", refine_spacing=2)


def test_what_is_not_enlarged_is_as_it_is_without(tmp_path: Path) -> None:
    known = np.ones((40, 40), bool)
    known[10:18, 20:30] = False
    picture = smooth(40, 40)
    assert cut_out(picture, known, around_holes(known, 16)[0], 16)[0].shape == (16, 16, 3)
    refined, plain = painter(tmp_path), painter(tmp_path / "plain", refine="none")
    assert refined(picture, known)[0].tobytes() == plain(picture, known)[0].tobytes()
    assert refined.count_calls(picture, known) == plain.count_calls(picture, known) == 7


def test_a_speck_that_only_finer_levels_see_is_filled(tmp_path: Path) -> None:
    known, picture = np.ones((480, 3400), bool), smooth(480, 3400)
    known[240, 1700] = False
    inpainter = painter(tmp_path, fit="pad")
    levels = [area.level for area in inpainter.read(picture, known).areas]
    assert min(levels) > 1
    filled = np.asarray(inpainter(picture, known)[0])
    np.testing.assert_array_equal(filled[known], picture[known])
    (coarse,) = painter(tmp_path / "plain", fit="pad", refine="none")(picture, known)
    assert (filled != np.asarray(coarse)).any()


def test_the_command_line_takes_the_levels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path)
    picture, found = str(tmp_path / "gt/0.png"), []
    words = [picture, "--mask", str(tmp_path / "mask.png"), "--model", str(tmp_path / "model.safetensors"), "--dry_run"]
    keys = ["--schedule", "preview", "--device", "cpu", *(f"--set={key}={value}" for key, value in KEYS.items())]
    for refine in ("auto", "2", "1", "none"):
        again = [] if refine == "none" else ["--set=refine_from=0.4"]
        assert main([*words, *keys, *again, "--refine", refine]) == 0
        found.append(int(re.search(r"([\d,]+) network calls", capsys.readouterr().out)[1].replace(",", "")))  # type: ignore[index]
    assert found[0] == found[1] > found[2] > found[3]
    assert main([*words, *keys, "--refine", "0"]) == 2
    assert "refine: should be auto, none, or a number of levels from 1 to 16, not 0" in capsys.readouterr().err
    assert main([*words, *keys, "--refine", "1", "--set", "refine=2"]) == 2
    assert "--refine and --set refine both specify it; leave one out" in capsys.readouterr().err
    assert main(["--refine", "1"]) == 2
    assert "--refine goes with pictures on the command line" in capsys.readouterr().err


def test_every_part_draws_its_own_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds, fill_batch = [], pipeline.Pipeline.fill

    def recorded(self: Any, crops: Any, *arguments: Any) -> Any:
        seeds.extend(crop.seed for crop in crops)
        return fill_batch(self, crops, *arguments)

    monkeypatch.setattr(pipeline.Pipeline, "fill", recorded)
    inpainter = painter(tmp_path)
    example = inpainter.read(smooth(90, 70), blob())
    inpainter(example, seed=3)
    assert len(example.areas) == 2
    assert sorted(seeds) == [picture_seed(3, 0, 0, number) for number in range(example.order.parts)]
