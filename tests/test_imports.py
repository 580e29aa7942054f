"""The direction of imports between the package's modules, read from the source."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "repaint"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LOOP = ("repaint.sampler", "repaint.schedule", "repaint.diffusion", "repaint.models")
SURROUNDINGS = ("repaint.config", "repaint.data", "repaint.build", "repaint.distributed")
ONLY_IN = {
    "blobfile": "repaint.data.storage",
    "matplotlib": "repaint.plotting",
    "argparse": "repaint.cli",
    "cv2": "repaint.evaluation.baselines",
    "av": "repaint.animation",
    "gradio": "repaint.demo.page",
    "diffusers": "repaint.models.diffusers_unet",
    "huggingface_hub": "repaint.models.hub",
}


def imported_names(source: str) -> set[str]:
    """Every name that the source imports, anywhere in it: `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


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
    source = "import a.b as c\ndef f():\n    from repaint import build, data\n    from d.e import f as g"
    assert imported_names(source) == {"a.b", "repaint", "repaint.build", "repaint.data", "d.e", "d.e.f"}
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


ALLOWED = {
    "errors": "",
    "schedule": "",
    "noise": "",
    "diffusion": "",
    "models": "errors",
    "data": "errors",
    "distributed": "errors",
    "team": "distributed errors",
    "progress": "team",
    "sampler": "diffusion",
    "watch": "sampler",
    "plotting": "errors schedule",
    "config": "errors schedule",
    "sheets": "data",
    "animation": "data errors sampler sheets",
    "outputs": "data errors sheets",
    "evaluation": "build config data errors models outputs plotting sheets",
    "designing": "data diffusion errors evaluation",
    "build": "config data diffusion errors models noise outputs schedule",
    "engine": "build config data diffusion noise sampler schedule",
    "filling": "animation build config data engine errors outputs progress sampler team watch",
    "batching": "build engine errors",
    "inpainting": "batching build config data distributed engine errors sampler watch",
    "overview": "data errors filling outputs sheets",
    "runner": "animation batching build config data engine errors filling noise outputs overview schedule team",
    "benchmarking": "build config diffusion models noise sampler",
    "demo": "data errors inpainting sampler schedule sheets",
    "training": "build config data diffusion distributed errors models noise sampler schedule sheets",
    "cli": "config distributed errors runner team training",
}


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_point_one_way(room: str) -> None:
    rooms = [name for name in ALLOWED if imports_of(f"repaint.{room}", f"repaint.{name}") and name != room]
    assert set(rooms) <= set(ALLOWED[room].split())


def test_every_room_has_its_arrows() -> None:
    assert {module.split(".")[1] for module in MODULES if "." in module} == set(ALLOWED)
