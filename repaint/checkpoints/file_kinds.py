"""Kinds of files by their content, whatever their names say: weights, and what people have in place of weights."""

import io
import zipfile
from pathlib import Path
from typing import Literal

from repaint.data.downloads import explain_missing
from repaint.errors import CheckpointError

Kind = Literal["safetensors", "torch"]

HEAD = 512  # bytes that tell the kind
_LONGEST_HEADER = 100_000_000  # of a safetensors file, by its specification

# First bytes, what the file is, and the way out.
_OTHERS = (
    (b"version https://git-lfs", "a pointer file of Git LFS", "git lfs pull fetches what it points to"),
    (b"/annex/objects/", "a pointer file of git-annex", "git annex get fetches what it points to"),
    (b"<", "a web page (HTML)", "delete it and run download.sh again, or download the file itself"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"BZh", "a bzip2 archive", "unpack it"),
    (b"\xfd7zXZ", "an xz archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x89HDF", "an HDF5 file, as of Keras", "weights of PyTorch are needed"),
    (b"GGUF", "a GGUF file", "weights of PyTorch are needed"),
    (b"\x89PNG", "a picture", "give the weights file"),
    (b"\xff\xd8\xff", "a picture", "give the weights file"),
)
_PICKLE, _MAGIC_NUMBER = b"\x80", b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # the latter begins PyTorch's older files
_SPACE = b"\xef\xbb\xbf \t\r\n"  # with the mark that Windows begins texts with


def find_kind(path: str, content: bytes | None = None) -> Kind:
    """How to read a weights file; its name decides only where its content leaves it open.

    Args:
        path: of the file, or its name for messages.
        content: the file's bytes, if it is not on a local disk.

    Raises:
        CheckpointError: the file is missing, unreadable, or something other than weights, which the message names.
    """
    head = _read_head(path) if content is None else content[:HEAD]
    if _is_safetensors(head):
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        _check_zip(path, content)
        return "torch"
    if head.startswith(_PICKLE):
        if _MAGIC_NUMBER not in head[:64]:
            raise CheckpointError(
                f"{path}: a pickle of Python objects, refused because loading it could run code; convert it to "
                f".safetensors where you trust it"
            )
        return "torch"
    _refuse_others(path, head)
    return "safetensors" if path.endswith(".safetensors") else "torch"


def _read_head(path: str) -> bytes:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise CheckpointError(f"{path}: not a regular file")
        with Path(path).open("rb") as file:
            return file.read(HEAD)
    except FileNotFoundError:
        published = explain_missing([str(path)])
        raise CheckpointError(
            published or f"{path}: no such weights file; download.sh fetches the published ones"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def _is_safetensors(head: bytes) -> bool:
    return 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_HEADER and head[8:9] == b"{"


def _check_zip(path: str, content: bytes | None) -> None:
    """Refuse zip archives that are not PyTorch's, or cut off: their list of contents stands at the end."""
    try:
        with zipfile.ZipFile(path if content is None else io.BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise CheckpointError(f"{path}: damaged or incomplete (its end is missing); fetch it again") from None
    if any(name.endswith("constants.pkl") for name in names):
        raise CheckpointError(f"{path}: a TorchScript program, not weights; save the state_dict of its model instead")
    if not any(name.endswith("data.pkl") for name in names):
        inside = ", ".join(names[:3]) or "nothing"
        raise CheckpointError(f"{path}: a zip archive of {inside}, not weights; unpack it and give the file inside")


def _refuse_others(path: str, head: bytes) -> None:
    if not head:
        raise CheckpointError(f"{path}: empty, so damaged or incomplete; fetch it again")
    start = head.lstrip(_SPACE)
    for magic, kind, way_out in _OTHERS:
        if start.startswith(magic):
            raise CheckpointError(f"{path}: {kind}, not weights; {way_out}")
    if head[257:262] == b"ustar":
        raise CheckpointError(f"{path}: a tar archive, not weights; unpack it")
    if start.isascii() and start.decode("ascii").replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        first = start.decode("ascii").partition("\n")[0].strip()[:40]
        raise CheckpointError(f"{path}: a text file ({first!r}), not weights, or damaged; fetch it again")
