"""README, CONTRIBUTING and docs: links, files, tables, and the examples that run."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import repaint
from repaint.config.presets import PRESETS, Preset
from repaint.schedule import count_network_calls, get_schedule_jump

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", ROOT / "examples/README.md", *DOCS]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def read(page: Path, code: bool = True) -> str:
    text = page.read_text(encoding="utf-8")
    return text if code else re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)


def test_readme_is_short() -> None:
    assert README.stat().st_size <= 10_000


@every_page
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", read(page, code=False))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@every_page
def test_scripts_and_configurations_that_pages_name_exist(page: Path) -> None:
    names = re.findall(r"(?<![\w/.])(?:scripts|confs|examples|tests)/[\w/]+\.(?:py|yml|sh|md)\b", read(page))
    removed = {"scripts/evaluate_faces64.py", "scripts/make_api_reference.py"} if page.name == "CHANGELOG.md" else set()
    assert [name for name in names if name not in removed and not (ROOT / name).exists()] == []


def test_modules_that_contributing_names_exist() -> None:
    names = re.findall(r"`((?:repaint|docs|tests|scripts)/[\w/.]*)`", read(CONTRIBUTING))
    assert len(names) > 20
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_contributing_maps_every_room() -> None:
    rooms = [path.parent.name for path in (ROOT / "repaint").glob("*/__init__.py")]
    assert [room for room in rooms if f"`repaint/{room}`" not in read(CONTRIBUTING)] == []


@every_page
def test_tables_are_whole(page: Path) -> None:
    """Each line of a table has as many cells as its head."""
    for table in re.findall(r"(?:^\|.*\n)+", read(page, code=False), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in DOCS if f": {page.name}\n" not in navigation] == []


def test_api_page_lists_all_public_names() -> None:
    listed = re.findall(r"^::: repaint\.(\w+)$", read(ROOT / "docs/api.md"), re.MULTILINE)
    assert sorted(listed) == sorted(repaint.__all__)


def test_ci_installs_and_tests_as_the_readme_says() -> None:
    script = (ROOT / ".ci/run").read_text()
    for command in ("-c constraints.txt -e '.[dev]'", "python -m pytest"):
        assert command in read(README)
        assert command in script
    assert "mkdocs build --strict" in script


def test_network_calls_of_the_presets() -> None:
    text = read(ROOT / "docs/schedules.md")
    calls = dict(re.findall(r"^\| `(\w+)` \| (?:RePaint|Langevin), [^|]+ \| ([\d,]+) \|", text, re.MULTILINE))
    assert {name: int(number.replace(",", "")) for name, number in calls.items()} == {
        name: preset.calls for name, preset in PRESETS.items()
    }
    rows = re.findall(r"^\| `([\w./]+)` \| (\d+) \| (\d+) \| (\d+) \| ([\d,]+)", text, re.MULTILINE)
    assert {name for name, *_ in rows} == {*PRESETS, "confs/faces64.yml"}
    for name, *steps, number in rows:
        t_T, length, samples = map(int, steps)
        preset = PRESETS.get(name)
        assert preset is None or (preset.steps, preset.jump_length, preset.jump_n_sample) == (t_T, length, samples)
        times = get_schedule_jump(t_T, jump_length=length, jump_n_sample=samples)
        assert count_network_calls(times) == int(number.replace(",", ""))


def test_library_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "preview", Preset(4, 1, 1))  # in place of 33 network calls
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    (pictures,), (pictures_again, tensors) = python_blocks(README), python_blocks(ROOT / "docs/python.md")
    assert pictures == pictures_again
    assert len(pictures.splitlines()) <= 10
    names: dict[str, object] = {}
    exec(pictures, names)
    exec(tensors, names)
    truth, known = (np.asarray(Image.open(f"examples/{path}.png")) for path in ("pictures/face_0", "masks/genhalf"))
    fills = [np.asarray(Image.open(f"fill_{number}.png")) for number in range(2)]
    for fill in fills:
        assert (fill[known > 0] == truth[known > 0]).all()
        assert np.abs(fill[known == 0] - truth[known == 0].astype(float)).mean() > 1
    assert (fills[0] != fills[1]).any()
    assert names["filled"].isfinite().all()  # type: ignore[attr-defined]
