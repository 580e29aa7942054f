"""Fonts for letters in masks and captions: Pillow's own where it has all of them, else DejaVu Sans."""

import unicodedata
from functools import cache
from pathlib import Path

from PIL import ImageFont

_DEJAVU = Path(__file__).parent / "assets" / "DejaVuSans.ttf"  # Latin, Greek, Cyrillic, Arabic, Hebrew, symbols ...
_NO_LETTER = "\U0010fffd"  # for private use: every font draws its sign for a missing letter
_PROBE_SIZE = 20


def load(text: str, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font for a line of text.

    Args:
        text: of any letters; those that no font has are drawn as boxes.
        size: in pixels.
    """
    return ImageFont.load_default(size) if _pillow_has(text) else ImageFont.truetype(_DEJAVU, size)


def compose(text: str) -> str:
    """Text as the fonts draw it best: letters and their accents in one (Unicode's NFC)."""
    return unicodedata.normalize("NFC", text)


def find_lacking(text: str) -> list[str]:
    """The letters of a text that no font here has, each once."""
    text = compose(text)
    return [] if _pillow_has(text) else [letter for letter in dict.fromkeys(text) if not _dejavu_has(letter)]


def spell_out(text: str) -> str:
    """Text for a caption: of letters that no font here has their numbers, as U+6F22, so that names differ."""
    lacking = set(find_lacking(text))
    return "".join(f"U+{ord(letter):04X} " if letter in lacking else letter for letter in compose(text))


def _pillow_has(text: str) -> bool:
    return all(_pillow_has_letter(letter) for letter in compose(text))


@cache
def _pillow_has_letter(letter: str) -> bool:
    return letter == "\n" or _draws(ImageFont.load_default(_PROBE_SIZE), letter)


@cache
def _dejavu_has(letter: str) -> bool:
    plain = ImageFont.Layout.BASIC  # the other one draws lone accents and joiners in ways of its own
    return letter == "\n" or _draws(ImageFont.truetype(_DEJAVU, _PROBE_SIZE, layout_engine=plain), letter)


def _draws(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> bool:
    """Whether a font has a letter, that is draws it otherwise than a missing one."""
    if unicodedata.category(letter) == "Cs":  # a byte of a file name that is not UTF-8
        return False
    drawn, missing = font.getmask(letter), font.getmask(_NO_LETTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)
