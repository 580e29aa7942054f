from pathlib import Path

import pytest

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.errors import ConfigError
from repaint.training.checks import check_paths
from tests.helpers.tiny import tiny_unet
from tests.helpers.training import train, write_training


@pytest.mark.parametrize(
    ("out", "data_path"),
    [
        ("data", "data"),
        ("data/deep/run", "data"),
        ("link/run", "data"),
        ("data/far", "data"),
        ("run", "run/samples"),
        ("run", "."),
    ],
)
def test_results_among_the_training_pictures_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, data_path: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for name in ("data", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "data/far").symlink_to(tmp_path / "elsewhere")
    paths = {"out": str(tmp_path / out), "data_path": str(tmp_path / data_path)}
    conf = write_training(tmp_path, **paths)
    before = sorted(tmp_path.rglob("*"))
    assert train(conf) == 2
    assert capsys.readouterr().err == (
        f"error: out {paths['out']}: its sample sheets would lie in data_path {paths['data_path']} and be taken for "
        f"training pictures; give another 'out'\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("out", "data_path", "good"),
    [
        ("gs://bucket/data/run", "gs://bucket/data", False),
        ("gs://bucket/data/", "gs://bucket/data", False),
        ("gs://bucket/data2", "gs://bucket/data", True),
        ("gs://bucket/run", "bucket/run", True),
        ("bucket/run", "gs://bucket/run", True),
        ("run", "run/data", True),
        ("a\0b", "data", True),  # writing there is what fails
    ],
)
def test_remote_and_impossible_folders(tmp_path: Path, out: str, data_path: str, good: bool) -> None:
    config = load_config(TrainConfig, write_training(tmp_path, out=out, data_path=data_path))
    if good:
        check_paths(config)
    else:
        with pytest.raises(ConfigError, match="would lie in data_path gs://bucket/data"):
            check_paths(config)


@pytest.mark.parametrize("key", ["init_path", "teacher_path", "guide_path"])
@pytest.mark.parametrize("name", ["model.safetensors", "../run/model.safetensors", "state.pt"])
def test_weights_that_the_training_would_replace_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, name: str
) -> None:
    path = tmp_path / "run" / name
    (tmp_path / "run").mkdir()
    path.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    before = path.read_bytes()
    assert train(write_training(tmp_path, **({"teacher_path": "elsewhere.pt"} | {key: str(path)}))) == 2
    assert capsys.readouterr().err == f"error: {key} {path}: this training would replace the file; give another 'out'\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", ["init_path", "teacher_path", "guide_path"])
def test_remote_weights_that_the_training_would_replace_are_refused(tmp_path: Path, key: str) -> None:
    paths = {"out": "gs://bucket/run", "teacher_path": "elsewhere.pt", key: "gs://bucket/run/model.safetensors"}
    with pytest.raises(ConfigError, match="this training would replace the file"):
        check_paths(load_config(TrainConfig, write_training(tmp_path, **paths)))


def test_a_resumed_run_says_that_it_does_not_start_from_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tmp_path / "start.safetensors"
    start.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {"process": {"noise_schedule": "linear"}}))
    conf = write_training(tmp_path, init_path=str(start))
    assert train(conf, "--stop", "1") == 0
    assert "not used" not in capsys.readouterr().out
    assert train(conf, "--stop", "2") == 0
    assert f"init_path {start}: not used, as the run goes on from its own step 1\n" in capsys.readouterr().out
