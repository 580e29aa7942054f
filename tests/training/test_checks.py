from pathlib import Path

import pytest

from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.errors import ConfigError
from repaint.training.checks import check_out
from tests.helpers.training import train, write_training


@pytest.mark.parametrize(
    ("out", "data_path"),
    [("data", "data"), ("data/deep/run", "data"), ("link/run", "data"), ("run", "run/samples"), ("run", ".")],
)
def test_results_among_the_training_pictures_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, data_path: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
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
        check_out(config)
    else:
        with pytest.raises(ConfigError, match="would lie in data_path gs://bucket/data"):
            check_out(config)
