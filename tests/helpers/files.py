"""Picture files written byte by byte, so that no library decides what their samples mean."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

PNG_COLOUR_TYPES = {"grey": 0, "rgb": 2, "palette": 3, "grey+alpha": 4, "rgba": 6}
TIFF_TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "h": 8, "f": 11}


def pack_rows(samples: np.ndarray, bits: int, order: str = ">") -> list[bytes]:
    """Rows of samples [H, W] or [H, W, C], most significant bit first; each begins at a whole byte."""
    rows = samples.reshape(len(samples), -1)
    if bits % 8 == 0:
        return [row.astype(f"{order}u{bits // 8}").tobytes() for row in rows]
    shifts = np.arange(bits - 1, -1, -1)
    return [np.packbits((row[:, None].astype(np.int64) >> shifts & 1).astype(np.uint8)).tobytes() for row in rows]


def png_file(samples: np.ndarray, kind: str, bits: int, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG file; the chunks stand before the pixels.

    Args:
        samples: [H, W] or [H, W, C], from 0 to 2**bits - 1.
        kind: a key of PNG_COLOUR_TYPES.
        bits: of a sample.
        chunks: (name, content) of each.
    """

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, PNG_COLOUR_TYPES[kind], 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in pack_rows(samples, bits)))
    middle = b"".join(chunk(*pair) for pair in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff_file(
    samples: np.ndarray, bits: int, photometric: int, order: str = "<", tags: Sequence[tuple[int, str, tuple]] = ()
) -> bytes:
    """An uncompressed TIFF file of one strip.

    Args:
        samples: [H, W] or [H, W, C]; float32 is stored as such, all else as integers.
        bits: of a sample.
        photometric: tag 262: 0 white is zero, 1 black is zero, 2 RGB, 3 palette.
        order: of bytes, "<" or ">".
        tags: further (number, type as in `struct`, values).
    """
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if samples.dtype == np.float32:
        pixels = samples.astype(f"{order}f4").tobytes()
    else:
        pixels = b"".join(pack_rows(samples, bits, order))
    entries = [
        (256, "H", (width,)), (257, "H", (height,)), (258, "H", (bits,) * channels), (259, "H", (1,)),
        (262, "H", (photometric,)), (273, "I", (8,)), (277, "H", (channels,)), (278, "H", (height,)),
        (279, "I", (len(pixels),)), *tags,
    ]  # fmt: skip
    pixels += b"\0" * (len(pixels) % 2)
    directory, extra = struct.pack(f"{order}H", len(entries)), b""
    place = 8 + len(pixels) + 2 + 12 * len(entries) + 4
    for number, kind, values in sorted(entries):
        content = b"".join(struct.pack(f"{order}{kind}", value) for value in values)
        if len(content) > 4:
            field = struct.pack(f"{order}I", place + len(extra))
            extra += content + b"\0" * (len(content) % 2)
        else:
            field = content.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", number, TIFF_TYPES[kind], len(values)) + field
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    return head + pixels + directory + struct.pack(f"{order}I", 0) + extra


def exif_block(orientation: int) -> bytes:
    """EXIF data that hold an orientation alone, as in PNG's chunk eXIf."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)


def grey_profile(gamma: float) -> bytes:
    """ICC profile (version 2) of a grey device of that gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + b"\0" * 78
    name += b"\0" * (-len(name) % 4)
    table, contents, place = b"", b"", 128 + 4 + 3 * 12
    for tag, content in ((b"desc", name), (b"wtpt", white), (b"kTRC", curve)):
        table += tag + struct.pack(">II", place + len(contents), len(content))
        contents += content
    size = struct.pack(">I", place + len(contents))
    date = struct.pack(">HHHHHH", 2026, 1, 1, 0, 0, 0)
    head = size + b"\0\0\0\0\x02\x10\0\0mntrGRAYXYZ " + date + b"acsp" + b"\0" * 28
    head += struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + table + contents


def turned(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels [H, W, ...] as EXIF's orientation shows them."""
    turn = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }  # fmt: skip
    return turn[orientation](stored)
