"""Bundled files: the small trained models, example pictures and configurations that come with the program.

In a checkout they lie in `confs` and `examples`; an installed package carries copies of them (see `setup.py`).
"""

from pathlib import Path

from repaint.data import storage

_PACKAGE = Path(__file__).parents[1]
PHOTO_MODEL = "photos64"
MODELS = {  # by the names that the command line takes, the default first
    PHOTO_MODEL: "examples/photos64.safetensors",
    "faces64": "examples/faces64.safetensors",
}


def bundled_root() -> Path:
    """Folder that holds `confs` and `examples`."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "confs" / "quickstart.yml").exists() else _PACKAGE / "bundled"


def locate(path: str) -> str:
    """An input path as it stands if it exists or is remote; else that of the bundled file of this relative path.

    Args:
        path: local path, or any that blobfile reads.

    Returns:
        The path itself if no bundled file has this name either.
    """
    if storage.is_remote(path) or Path(path).is_absolute() or Path(path).exists():
        return path
    bundled = bundled_root() / path
    return str(bundled) if bundled.exists() else path


def locate_model(name: str) -> str:
    """Path of a model: a bundled model by its name (a key of MODELS), or see `locate`."""
    return locate(MODELS.get(name, name))


def is_photo_model(path: str) -> bool:
    """Whether a weights file is the bundled model of photographs, by whatever path."""
    return not storage.is_remote(path) and Path(path).resolve() == Path(locate_model(PHOTO_MODEL)).resolve()
