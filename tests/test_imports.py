"""The direction of imports between the package's modules, read from the source."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "repaint"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LOOP = ("repaint.sampler", "repaint.schedule", "repaint.diffusion", "repaint.models")
SURROUNDINGS = ("repaint.config", "repaint.data", "repaint.pipeline", "repaint.inference", "repaint.workers")
ONLY_IN = {
    "blobfile": "repaint.data.storage",
    "matplotlib": "repaint.visual",
    "cv2": "repaint.evaluation.baselines",
    "patchmatch": "repaint.evaluation.baselines",
    "av": "repaint.visual.animation",
    "gradio": "repaint.demo",
    "diffusers": "repaint.models.diffusers_unet",
    "huggingface_hub": "repaint.checkpoints.hub",
}
# Which rooms a room may import; `errors` is open to all.
ALLOWED = {
    "errors": "",
    "schedule": "",
    "noise": "",
    "diffusion": "",
    "models": "",
    "workers": "",
    "sampler": "diffusion",
    "config": "schedule",
    "data": "",
    "checkpoints": "config data models",
    "visual": "data sampler schedule",
    "pipeline": "checkpoints config data diffusion models noise sampler schedule",
    "inference": "checkpoints config data noise pipeline sampler schedule training visual workers",
    "training": "checkpoints config data diffusion models noise pipeline sampler schedule visual workers",
    "theory": "data diffusion",
    "evaluation": "checkpoints config data inference models pipeline visual",
    "benchmarking": "checkpoints config data diffusion inference models noise pipeline sampler training workers",
    "inpainter": "checkpoints config data inference pipeline sampler workers",
    "demo": "config data inpainter sampler visual",
    "commands": "benchmarking checkpoints config data demo diffusion evaluation inference inpainter models pipeline "
    "sampler schedule theory training visual workers",
    "cli": "commands",
}
ROOT_MODULES = {"cli", "errors", "inpainter", "noise", "sampler", "schedule"}
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 300, 60


@cache
def imported_names(source: str) -> frozenset[str]:
    """Every name that the source imports, anywhere in it: `from a import b` gives a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def is_in(name: str, packages: tuple[str, ...] | str) -> bool:
    packages = (packages,) if isinstance(packages, str) else packages
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports_of(importers: tuple[str, ...] | str, imported: tuple[str, ...] | str) -> list[str]:
    return [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if is_in(module, importers)
        for name in sorted(imported_names(path.read_text()))
        if is_in(name, imported)
    ]


def test_all_modules_are_found() -> None:
    assert {"repaint", *LOOP, *SURROUNDINGS, *ONLY_IN.values()} <= set(MODULES)


def test_imports_are_recognised() -> None:
    source = "import a.b as c\ndef f():\n    from repaint import cli, data\n    from d.e import f as g"
    assert imported_names(source) == {"a.b", "repaint", "repaint.cli", "repaint.data", "d.e", "d.e.f"}
    assert imports_of("repaint.sampler", "torch")
    assert is_in("repaint.data.masks", "repaint.data")
    assert not is_in("repaint.database", "repaint.data")


def test_the_loop_knows_nothing_of_its_surroundings() -> None:
    assert imports_of(LOOP, SURROUNDINGS) == []


def test_networks_and_diffusion_do_not_know_each_other() -> None:
    assert imports_of("repaint.models", "repaint.diffusion") == []
    assert imports_of("repaint.diffusion", "repaint.models") == []


@pytest.mark.parametrize(("library", "home"), ONLY_IN.items())
def test_libraries_with_one_home(library: str, home: str) -> None:
    users = {line.split()[0] for line in imports_of("repaint", library)}
    assert users
    assert all(is_in(user, home) for user in users)


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_point_one_way(room: str) -> None:
    rooms = {name for name in ALLOWED if name != room and imports_of(f"repaint.{room}", f"repaint.{name}")}
    assert rooms - {"errors"} <= set(ALLOWED[room].split())


def test_allowed_arrows_make_no_circle() -> None:
    order: list[str] = []
    while rest := [room for room in ALLOWED if room not in order]:
        free = [room for room in rest if set(ALLOWED[room].split()) <= set(order)]
        assert free, f"a circle among {rest}"
        order += free


def test_modules_of_a_room_make_no_circle() -> None:
    arrows = {
        module: {name for name in imported_names(path.read_text()) if name in MODULES and name != module}
        for module, path in MODULES.items()
        if not path.name.startswith("__")
    }
    while free := [module for module, targets in arrows.items() if not targets & arrows.keys()]:
        for module in free:
            del arrows[module]
    assert not arrows, f"a circle among {sorted(arrows)}"


def test_every_room_has_its_arrows() -> None:
    assert {module.split(".")[1] for module in MODULES if "." in module} == set(ALLOWED)


def test_the_root_holds_the_named_modules_alone() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == ROOT_MODULES | {"__init__"}


def test_files_and_functions_are_short() -> None:
    long = []
    for module, path in MODULES.items():
        source = path.read_text()
        if len(source.splitlines()) > MOST_LINES_OF_A_FILE:
            long.append(module)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long.append(f"{module}.{node.name}")
    assert not long
