"""The page's queue and the demo command, without a browser.

Gradio is imported where it is used, as all tests are collected by processes that run only some of them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands import demo
from repaint.config.presets import PRESETS, Preset
from repaint.data.bundled import locate_model
from repaint.demo.choices import Choices
from repaint.errors import RepaintError
from repaint.inference import adapted_models
from tests.helpers.demo_page import PAINTED, SIDE, painted_value
from tests.helpers.tiny import tiny_unet

if TYPE_CHECKING:
    from repaint.demo.fill_queue import FillQueue

SHAPES: dict[str, Any] = {
    "image_size": SIDE,
    "channel_mult": (1, 2, 3, 4),
    "num_res_blocks": 1,
    "num_head_channels": 32,
}
ANN, BOB = (SimpleNamespace(session_hash=name) for name in ("ann", "bob"))


@pytest.fixture(scope="module", autouse=True)
def gradio_or_skip() -> None:
    pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Networks with the shapes of 64x64 pictures, so that no settings are needed; one is class-conditional."""
    folder = tmp_path_factory.mktemp("models")
    for name, classes in (("a", None), ("b", None), ("classes", 5)):
        network = tiny_unet(num_classes=classes, **SHAPES)
        (folder / f"{name}.safetensors").write_bytes(encode_checkpoint(network.state_dict(), {}))
    return {name: folder / f"{name}.safetensors" for name in ("a", "b", "classes")}


@pytest.fixture
def queue(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> "FillQueue":
    monkeypatch.setitem(PRESETS, "fast", Preset(3, 1, 1))
    monkeypatch.setitem(PRESETS, "preview", Preset(2, 1, 1))
    from repaint.demo.fill_queue import FillQueue

    return FillQueue(models, "cpu")


def fill(
    queue: "FillQueue",
    job_id: str | None,
    model: str = "a",
    schedule: str = "fast",
    painted: bool = True,
    scale: int = 1,
    **choices: Any,
) -> Iterator[Any]:
    return queue.fill(job_id, painted_value(painted=painted, scale=scale), *Choices(model, schedule, **choices))


def statuses(events: Iterator[Any]) -> list[str]:
    return [status for status, *_ in events]


def test_from_waiting_to_done(queue: "FillQueue") -> None:
    job_id, status = queue.submit(ANN)
    assert status == "waiting for its turn ..."
    events = list(fill(queue, job_id))
    assert events[0][0] == "starting ..."
    assert events[-1][0].startswith("done, 3 network calls (")  # and what was assumed about the model
    assert "noise_schedule linear" in events[-1][0]
    assert statuses(fill(queue, queue.submit(ANN)[0], schedule="preview"))[-1].startswith("done, 2 network calls")
    assert statuses(fill(queue, queue.submit(ANN)[0], method="dps"))[-1].startswith("done, 9 network calls")


def test_stop_reaches_jobs_that_wait_and_only_the_visitors_own(queue: "FillQueue") -> None:
    (ann, _), (bob, _) = queue.submit(ANN), queue.submit(BOB)
    queue.stop(ANN)
    assert statuses(fill(queue, ann)) == ["stopped"]
    assert statuses(fill(queue, bob))[-1].startswith("done")


def test_a_new_job_stops_the_last_one(queue: "FillQueue") -> None:
    first, _ = queue.submit(ANN)
    events = fill(queue, first)
    assert next(events)[0] == "starting ..."
    second, _ = queue.submit(ANN)
    assert statuses(events)[-1].startswith("stopped after")
    assert statuses(fill(queue, second))[-1].startswith("done")


def test_closing_the_page_stops_the_job(queue: "FillQueue") -> None:
    job_id, _ = queue.submit(ANN)
    queue.disconnect(ANN)
    assert statuses(fill(queue, job_id)) == ["stopped"]
    queue.disconnect(ANN)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"painted": False}, "nothing is painted yet"),
        ({"soft": True, "feather": 3}, "mask_soft and mask_feather exclude each other"),
        ({"feather": 50}, "mask_feather: 50 leaves nothing known"),
        (
            {"sides": ["left"], "length": "far"},
            "extend.left: a number of pixels from 1 to 65,536, or per cent",
        ),
        ({"model": "classes", "adapt": True}, "adapt: a class-conditional model"),
        ({"seed": -5}, "seed: enter a whole number from 0 to 2,147,483,648"),
        ({"seed": None, "adapt": True}, "seed: enter a whole number"),  # before the training, as are the next
        ({"seed": 1.5, "adapt": True}, "seed: enter a whole number"),
        ({"fills": 2.5, "adapt": True}, "fills: enter a whole number from 1 to 8"),
    ],
)
def test_mistakes_are_the_status(queue: "FillQueue", choices: dict[str, Any], message: str) -> None:
    import gradio

    events = fill(queue, queue.submit(ANN)[0], **choices)
    assert next(events)[0] == "starting ..."
    status = next(events)[0]
    assert message in status
    assert "\n" not in status
    with pytest.raises(gradio.Error, match=message):
        next(events)
    assert statuses(fill(queue, None))[-1].startswith("done")


def finish(events: Iterator[Any]) -> tuple[list[np.ndarray], list[str]]:
    """Pictures before and after of a job's first fill, and the names of its files, which vanish after the event."""
    for _, _, results, gallery, compare, files in events:
        if isinstance(compare, tuple):
            assert results.visible
            assert gallery == files
            assert compare[1] == files[0]
            return [np.asarray(Image.open(path)) for path in compare], [Path(path).name for path in files]
    raise AssertionError("no fill")


def test_choices_reach_the_fill(queue: "FillQueue") -> None:
    picture = np.asarray(painted_value()["background"].convert("RGB"))
    (before, fill_), names = finish(fill(queue, None, fills=2, seed=3))
    assert names == ["fill_seed3_0.png", "fill_seed3_1.png"]
    assert (before == picture).all()
    assert ((fill_ != picture).any(axis=2) <= PAINTED).all()
    (_, feathered), _ = finish(fill(queue, None, feather=5))
    assert ((feathered != picture).any(axis=2) & ~PAINTED).any()
    for length in ("50%", str(SIDE // 2)):
        (before, extended), _ = finish(fill(queue, None, painted=False, sides=["left"], length=length))
        assert before.shape == extended.shape == (SIDE, SIDE + SIDE // 2, 3)
        for each in (before, extended):
            assert (each[:, SIDE // 2 :] == picture).all()
        assert extended[:, : SIDE // 2].any()
    refined = [finish(fill(queue, None, scale=8, refine=refine))[0][1] for refine in ("auto", 1, "none")]
    assert len({pixels.tobytes() for pixels in refined}) == 3


@pytest.mark.parametrize(("model", "refine"), [("photos64", "auto"), ("faces64", "none")])
def test_models_of_photographs_refine_at_first(model: str, refine: str) -> None:
    from repaint.demo.page import make_page

    page = make_page({"bundled": Path(locate_model(model))}, [], "cpu")
    (control,) = (block for block in page.blocks.values() if getattr(block, "elem_id", None) == "refine")
    assert control.value == refine


def test_the_adapted_model_stays_for_the_next_job(queue: "FillQueue", monkeypatch: pytest.MonkeyPatch) -> None:
    state = tiny_unet(**SHAPES).state_dict()
    monkeypatch.setattr(adapted_models, "adapt", lambda *arguments: arguments[-1]() or state)
    first, second, plain, third = (
        statuses(fill(queue, None, adapt=adapt, schedule=schedule))
        for adapt, schedule in ((True, "fast"), (True, "preview"), (False, "fast"), (True, "fast"))
    )
    assert "training step 1 of 300" in first
    for others in (second, plain, third):
        assert others[-1].startswith("done")
        assert not [status for status in others if "training" in status]


def test_a_model_is_loaded_once_and_alone(queue: "FillQueue", monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, bool]] = []
    from repaint.demo import fill_queue

    real = fill_queue.Inpainter

    def spy(path: Path, **options: Any) -> Any:
        loaded.append((path.stem, queue._loaded is None))
        return real(path, **options)

    monkeypatch.setattr(fill_queue, "Inpainter", spy)
    for model, schedule in (("a", "fast"), ("a", "preview"), ("b", "preview"), ("b", "fast"), ("a", "fast")):
        assert statuses(fill(queue, None, model, schedule))[-1].startswith("done")
    assert loaded == [("b", True), ("a", True)]


def test_a_broken_model_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(b"nothing")
    from repaint.demo.fill_queue import FillQueue

    with pytest.raises(RepaintError, match=r"m\.pt"):
        FillQueue({"m": tmp_path / "m.pt"}, "cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere.pt"], "--model nowhere.pt: there is no such file or folder"),
        (["--model", "places256_300000.pt"], "places256_300000.pt: missing; `bash download.sh places`"),
        (["--port", "99999"], "--port 99999: not a port"),
        (["--device", "toaster"], "--device toaster: not available here"),
        (["--model", "README.md"], "README.md: "),
    ],
)
def test_mistakes_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert demo.main(options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1


def test_a_taken_port_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def taken(*_arguments: object) -> None:
        raise OSError("cannot find an empty port")

    from repaint.demo import page

    monkeypatch.setattr(page, "serve", taken)
    assert demo.main(["--port", "7999", "--device", "cpu"]) == 2
    assert capsys.readouterr().err == "error: --port 7999: taken; name another with --port\n"


def test_without_gradio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "repaint.demo.page", None)  # what is left if its import of gradio fails
    assert demo.main([]) == 2
    assert capsys.readouterr().err == "error: the page needs gradio: pip install '.[demo]'\n"
