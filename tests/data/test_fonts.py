from PIL import ImageFont

from repaint.data import fonts


def test_plain_letters_keep_the_font_of_pillow() -> None:
    for text in ("RePaint 0-9 (x)", "a\u2026\u201cb\u201d"):
        assert fonts.load(text, 13).getname() == ImageFont.load_default(13).getname()  # type: ignore[union-attr]
    assert fonts.load("\u00fc", 13).getname()[0] == "DejaVu Sans"  # type: ignore[union-attr]


def test_captions_spell_out_what_no_font_has() -> None:
    assert fonts.spell_out("\u00fcber.png") == "\u00fcber.png"
    assert fonts.spell_out("\u6f22.png") == "U+6F22 .png"
    assert fonts.spell_out("\udcff.png") == "U+DCFF .png"  # a byte of a file name that is not UTF-8


def test_letters_are_found_as_the_font_file_lists_them() -> None:
    assert fonts.find_lacking("aZ\u0416\u03a9\u0633\u05e9\u20ac\u2192") == []
    assert fonts.find_lacking("\u0e01\u4e2d\U0001f9ff\u0e01") == ["\u0e01", "\u4e2d", "\U0001f9ff"]
