"""Read Qt resource containers (.rcc): files in folders, each stored plain or packed with zlib."""

import struct
import zlib
from collections.abc import Iterator

MAGIC = b"qres"
VERSIONS = (1, 2, 3)
PACKED_ZLIB, FOLDER, PACKED_ZSTD = 1, 2, 4  # flags of an entry
ENTRY_BYTES = {1: 14, 2: 22, 3: 22}


class ContainerError(Exception):
    """Not a container that can be read; the message says why."""


def read_container(data: bytes) -> dict[str, bytes]:
    """The contents of a container: path of each file and its bytes."""
    if data[:4] != MAGIC:
        raise ContainerError("not a Qt resource container")
    try:
        version, tree, payload, names = struct.unpack_from(">4I", data, 4)
        if version not in VERSIONS:
            raise ContainerError(f"version {version} of Qt's resource containers is not known")
        files = dict(_walk(data, (tree, payload, names), ENTRY_BYTES[version], 0, ""))
    except (struct.error, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise ContainerError(f"a damaged Qt resource container ({error})") from None
    return files


def _walk(
    data: bytes, offsets: tuple[int, int, int], entry_bytes: int, index: int, path: str
) -> Iterator[tuple[str, bytes]]:
    """All files below entry number `index`, the folder called `path`."""
    tree, payload, names = offsets
    count, first = struct.unpack_from(">2I", data, tree + index * entry_bytes + 6)
    for child in range(first, first + count):
        at = tree + child * entry_bytes
        name_at, flags = struct.unpack_from(">IH", data, at)
        name = path + _name(data, names + name_at)
        if flags & FOLDER:
            yield from _walk(data, offsets, entry_bytes, child, f"{name}/")
        else:
            yield name, _content(data, payload + struct.unpack_from(">I", data, at + 10)[0], flags, name)


def _name(data: bytes, at: int) -> str:
    """The name stored at `at`: its length, a hash of it, UTF-16."""
    length = struct.unpack_from(">H", data, at)[0]
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def _content(data: bytes, at: int, flags: int, name: str) -> bytes:
    """The bytes of the file stored at `at`."""
    if flags & PACKED_ZSTD:
        raise ContainerError(f"{name} is packed with Zstandard, which this reader does not know")
    length = struct.unpack_from(">I", data, at)[0]
    content = data[at + 4 : at + 4 + length]
    if len(content) != length:
        raise ContainerError(f"a damaged Qt resource container ({name} is cut short)")
    return zlib.decompress(content[4:]) if flags & PACKED_ZLIB else content
