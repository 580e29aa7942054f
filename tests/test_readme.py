"""The README tells the truth about keys, files and commands."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import repaint
from repaint.config.data import EvalDataConfig, MaskConfig, OutputPaths
from repaint.config.run import Config
from repaint.config.sampling import ScheduleJumpParams
from repaint.schedule import PRESETS, count_network_calls, get_schedule_jump

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [Config, EvalDataConfig, MaskConfig, OutputPaths, ScheduleJumpParams])
def test_every_key_is_in_the_reference(model: type) -> None:
    missing = [key for key in model.model_fields if f"`{key}`" not in README and key != "data"]  # type: ignore[attr-defined]
    assert not missing


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_ci_installs_and_tests_as_the_readme_says() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "-c constraints.txt -e '.[dev]'" in README
    assert "-c constraints.txt -e '.[dev]'" in script
    assert "python -m pytest" in README
    assert "python -m pytest" in script


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.stem
)
def test_tables_are_whole(path: Path) -> None:
    """Each line of a table has as many cells as its head."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_network_calls_in_the_table() -> None:
    rows = re.findall(r"^\| `([\w./]+)` \| (\d+) \| (\d+) \| (\d+) \| ([\d,]+)", README, re.MULTILINE)
    assert {name for name, *_ in rows} == {*PRESETS, "confs/quickstart.yml"}
    for name, t_T, length, samples, calls in rows:
        assert PRESETS.get(name) in (None, (int(t_T), int(length), int(samples)))
        times = get_schedule_jump(int(t_T), jump_length=int(length), jump_n_sample=int(samples))
        assert count_network_calls(times) == int(calls.replace(",", ""))


def test_the_library_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(first.splitlines()) <= 10
    names: dict[str, object] = {}
    exec(first, names)
    exec(second, names)
    truth, known = (np.asarray(Image.open(f"examples/{path}.png")) for path in ("pictures/face_0", "masks/genhalf"))
    fills = [np.asarray(Image.open(f"fill_{number}.png")) for number in range(2)]
    for fill in fills:
        assert (fill[known > 0] == truth[known > 0]).all()
        assert np.abs(fill[known == 0] - truth[known == 0].astype(float)).mean() > 1
    assert (fills[0] != fills[1]).any()
    assert names["filled"].isfinite().all()  # type: ignore[attr-defined]


def test_the_reference_is_up_to_date() -> None:
    """`python scripts/make_api_reference.py` writes it."""
    make_api_reference = pytest.importorskip("scripts.make_api_reference", reason="needs griffe2md")
    text = make_api_reference.render()
    assert text == (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert [name for name in repaint.__all__ if f"\n## `{name}`\n" not in text] == []
