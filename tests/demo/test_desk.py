"""What the page's buttons do, without a browser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip("gradio")

from repaint.checkpoints.safe_files import encode_checkpoint  # noqa: E402
from repaint.demo import page  # noqa: E402
from repaint.demo.page import Desk, read_editor  # noqa: E402
from repaint.errors import DataError, RepaintError  # noqa: E402
from scripts import demo  # noqa: E402
from tests.helpers.tiny import tiny_unet  # noqa: E402

SIDE = 64
ANN, BOB = (SimpleNamespace(session_hash=name) for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two networks with the shapes of 64x64 pictures, so that nothing needs to be told."""
    folder = tmp_path_factory.mktemp("models")
    network = tiny_unet(image_size=SIDE, channel_mult=(1, 2, 3, 4), num_res_blocks=1, num_head_channels=32)
    for name in ("a", "b"):
        (folder / f"{name}.safetensors").write_bytes(encode_checkpoint(network.state_dict(), {}))
    return {name: folder / f"{name}.safetensors" for name in ("a", "b")}


@pytest.fixture
def desk(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(page.PRESETS, "fast", (3, 1, 1))
    monkeypatch.setitem(page.PRESETS, "preview", (2, 1, 1))
    return Desk(models, "cpu")


def editor(alpha: int = 255, painted: bool = True) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., 3] = alpha
    layer = np.zeros((SIDE, SIDE, 4), np.uint8)
    layer[20:40, 20:40, 3] = 1 if painted else 0
    return {"background": Image.fromarray(pixels), "layers": [Image.fromarray(layer)], "composite": None}


def fill(desk: Desk, ticket: str | None, model: str = "a", schedule: str = "fast", **value: Any) -> Iterator[Any]:
    return desk.fill(editor(**value), model, schedule, 1, 0, ticket)


def statuses(events: Iterator[Any]) -> list[str]:
    return [status for status, *_ in events]


def test_from_waiting_to_done(desk: Desk) -> None:
    ticket, status = desk.enter(ANN)
    assert status == "waiting for its turn ..."
    events = list(fill(desk, ticket))
    assert events[0][0] == "starting ..."
    assert events[-1][0].startswith("done, 3 network calls (")  # and what was assumed about the model
    assert "noise_schedule linear" in events[-1][0]
    assert statuses(fill(desk, desk.enter(ANN)[0], schedule="preview"))[-1].startswith("done, 2 network calls")


def test_stop_reaches_jobs_that_wait_and_only_the_visitors_own(desk: Desk) -> None:
    (ann, _), (bob, _) = desk.enter(ANN), desk.enter(BOB)
    desk.stop(ANN)
    assert statuses(fill(desk, ann)) == ["stopped"]
    assert statuses(fill(desk, bob))[-1].startswith("done")


def test_a_new_job_ends_the_last_one(desk: Desk) -> None:
    first, _ = desk.enter(ANN)
    events = fill(desk, first)
    assert next(events)[0] == "starting ..."
    second, _ = desk.enter(ANN)
    assert statuses(events)[-1].startswith("stopped after")
    assert statuses(fill(desk, second))[-1].startswith("done")


def test_who_leaves_stops(desk: Desk) -> None:
    ticket, _ = desk.enter(ANN)
    desk.leave(ANN)
    assert statuses(fill(desk, ticket)) == ["stopped"]
    desk.leave(ANN)


def test_mistakes_clear_the_status(desk: Desk) -> None:
    events = fill(desk, desk.enter(ANN)[0], painted=False)
    assert [next(events)[0], next(events)[0]] == ["starting ...", ""]
    with pytest.raises(gr.Error, match="nothing is painted yet"):
        next(events)


def test_a_model_is_loaded_once_and_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, bool]] = []
    real = page.Inpainter

    def spy(path: Path, **options: Any) -> Any:
        loaded.append((path.stem, desk._loaded is None))
        return real(path, **options)

    monkeypatch.setattr(page, "Inpainter", spy)
    for model, schedule in (("a", "fast"), ("a", "preview"), ("b", "preview"), ("b", "fast"), ("a", "fast")):
        assert statuses(fill(desk, None, model, schedule))[-1].startswith("done")
    assert loaded == [("b", True), ("a", True)]


def test_what_is_painted_becomes_opaque() -> None:
    picture, hole = read_editor(editor(alpha=100))
    alpha = np.asarray(picture)[..., 3]
    assert hole.sum() == 400
    assert set(alpha[hole]) == {255}
    assert set(alpha[~hole]) == {100}
    assert read_editor(editor())[0].mode == "RGB"
    for nothing in (None, {"background": None, "layers": [], "composite": None}):
        with pytest.raises(DataError, match="there is no picture yet"):
            read_editor(nothing)


def test_a_broken_model_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(b"nothing")
    with pytest.raises(RepaintError, match=r"m\.pt"):
        Desk({"m": tmp_path / "m.pt"}, "cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere.pt"], "--model nowhere.pt: there is no such file or folder"),
        (["--port", "99999"], "--port 99999: not a port"),
        (["--device", "toaster"], "--device toaster: not available here"),
        (["--model", "README.md"], "README.md: "),
    ],
)
def test_mistakes_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "argv", ["demo.py", *options])
    assert demo.main() == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {message}")
    assert told.count("\n") == 1


def test_a_taken_port_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def taken(*_arguments: object) -> None:
        raise OSError("cannot find an empty port")

    monkeypatch.setattr(page, "serve", taken)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--port", "7999", "--device", "cpu"])
    assert demo.main() == 2
    assert capsys.readouterr().err == "error: --port 7999: taken; name another with --port\n"


def test_without_gradio_the_extra_is_named() -> None:
    code = "import sys; sys.modules['gradio'] = None; sys.argv = ['demo.py']; from scripts.demo import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "error: the page needs gradio: pip install '.[demo]'\n"
