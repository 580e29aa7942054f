from pathlib import Path

import pytest

from repaint.config.comparison import ComparedConfig
from repaint.errors import DataError
from repaint.evaluation.sources import Fill, find_sources
from tests.helpers.tiny import touch


def find(folder: Path, truths: str, results: str, allow_missing: bool = False) -> dict[str, list[str]]:
    """Names of the fills by those of their pictures; all names are stems in one text."""
    for place, names in (("truth", truths), ("masks", truths), ("results", results)):
        touch(folder / place, *(f"{name}.png" for name in names.split()))
    entry = ComparedConfig(truth=f"{folder}/truth", masks=f"{folder}/masks", results=f"{folder}/results")
    (source,) = find_sources([entry], [], allow_missing)
    found = {}
    for pair, fills in source.cases:
        paths = [Path(fill.path) for fill in fills if isinstance(fill, Fill)]
        found[Path(pair.name).stem] = [path.stem for path in paths]
    return found


@pytest.mark.parametrize(
    ("truths", "results", "found"),
    [
        ("face tree", "face tree", {"face": ["face"], "tree": ["tree"]}),
        ("face tree", "face_0 face_1 tree", {"face": ["face_0", "face_1"], "tree": ["tree"]}),
        ("face face_0", "face face_0", {"face": ["face"], "face_0": ["face_0"]}),
        ("face face_0", "face face_0_0 face_0_1", {"face": ["face"], "face_0": ["face_0_0", "face_0_1"]}),
        (
            "face face_0",
            "face_0 face_1 face_0_0 face_0_1",
            {"face": ["face_0", "face_1"], "face_0": ["face_0_0", "face_0_1"]},
        ),
        (
            "face face_0 face_0_0",
            "face_0 face_1 face_0_0 face_0_1 face_0_0_0 face_0_0_1",
            {
                "face": ["face_0", "face_1"],
                "face_0": ["face_0_0", "face_0_1"],
                "face_0_0": ["face_0_0_0", "face_0_0_1"],
            },
        ),
        ("face face_1", "face face_1 face_0", {"face": ["face"], "face_1": ["face_1"]}),
    ],
)
def test_fills_by_name(tmp_path: Path, truths: str, results: str, found: dict[str, list[str]]) -> None:
    assert find(tmp_path, truths, results) == found


@pytest.mark.parametrize("results", ["face_0", "face_0 face_1"])
@pytest.mark.parametrize("allow_missing", [False, True])
def test_a_fill_that_may_be_two_pictures(tmp_path: Path, results: str, allow_missing: bool) -> None:
    with pytest.raises(DataError) as error:
        find(tmp_path, "face face_0", results, allow_missing)
    assert str(error.value) == (
        f"{tmp_path / 'results/face_0.png'}: the fill of face_0, or one of several of face? "
        "call the fills of these pictures face_0, face_0_0 ..., or rename one picture"
    )
