"""Build step: bundled models, pictures and configurations travel in the package. The rest is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLED = (
    "confs/**/*.yml",
    "examples/*.safetensors",
    "examples/*.jpg",
    "examples/photo_mask.png",
    "examples/pictures/*",
    "examples/masks/**/*.png",
)


class BuildWithBundledFiles(build_py):
    """Copies the files to `repaint/bundled`, where `repaint.data.bundled` finds them in an installed package."""

    def run(self) -> None:
        """Build the package, then add the files; an editable installation finds them in the checkout."""
        super().run()
        if self.editable_mode:
            return
        for source in (path for pattern in BUNDLED for path in Path().glob(pattern) if path.is_file()):
            target = Path(self.build_lib, "repaint", "bundled", source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithBundledFiles})
