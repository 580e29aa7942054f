from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.config.data import MaskConfig
from repaint.data import mask_generators
from repaint.data.mask_generators import GENERATORS, generate_mask
from repaint.errors import DataError


def test_fixed_masks_at_256_are_the_released_ones() -> None:
    rows, columns = np.mgrid[:256, :256]
    expected = {
        "ev2li": rows % 2 == 1,
        "nn2": (rows % 2 == 1) & (columns % 2 == 1),
        "ex64": (rows >= 96) & (rows <= 159) & (columns >= 96) & (columns <= 159),
        "genhalf": columns <= 127,
    }
    for kind, known in expected.items():
        np.testing.assert_array_equal(generate_mask(kind, 256, 0), known)


@pytest.mark.parametrize("kind", GENERATORS)
@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([32, 64, 100, 256]), seed=st.integers(0, 1000))
def test_generators_are_pure_and_leave_half_known_if_random(kind: str, size: int, seed: int) -> None:
    mask = generate_mask(kind, size, seed)
    assert mask.shape == (size, size)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, generate_mask(kind, size, seed))
    if kind in ("thin", "medium", "thick"):
        assert mask.mean() >= 0.5


@pytest.mark.parametrize(
    ("kind", "mean", "least", "most"), [("thin", 0.297, 0.035, 0.499), ("thick", 0.249, 0.007, 0.483)]
)
def test_random_masks_have_the_released_shares_of_hole(kind: str, mean: float, least: float, most: float) -> None:
    """Mean and range of the 100 released masks of each kind; a larger set reaches a little further."""
    holes = [1 - generate_mask(kind, 256, seed).mean() for seed in range(200)]
    assert np.mean(holes) == pytest.approx(mean, abs=0.015 if kind == "thin" else 0.03)
    assert 0 < min(holes) < least + 0.02
    assert most - 0.05 < max(holes) <= 0.5


@pytest.mark.parametrize("kind", ["thin", "medium", "thick"])
def test_pictures_too_small_for_random_masks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_generators, "MAX_ATTEMPTS", 50)
    with pytest.raises(DataError, match="a picture of 1x1 pixels is too small"):
        generate_mask(kind, 1, 0)


def test_the_configuration_offers_every_kind() -> None:
    assert get_args(MaskConfig.model_fields["kind"].annotation) == tuple(GENERATORS)


def test_unknown_kind() -> None:
    with pytest.raises(DataError, match="unknown kind of mask 'blob'; known are thin"):
        generate_mask("blob", 64, 0)


def test_halves_of_any_side_and_width() -> None:
    rows, columns = np.mgrid[:40, :80]
    expected = {
        ("right", 0.25): columns < 60,
        ("left", 0.25): columns >= 20,
        ("top", 0.5): rows >= 20,
        ("bottom", 0.1): rows < 36,
    }
    for (side, width), known in expected.items():
        np.testing.assert_array_equal(generate_mask("genhalf", (40, 80), 0, side=side, width=width), known)


def test_box_and_text() -> None:
    box = ~generate_mask("box", (40, 80), 0, width=0.5)
    assert box.sum() == 20 * 40
    assert box[10:30, 20:60].all()
    text = ~generate_mask("text", (100, 300), 0, text="Hello")
    assert 0.05 < text.mean() < 0.4
    assert not np.array_equal(text, ~generate_mask("text", (100, 300), 0, text="World"))
    assert not np.array_equal(text, ~generate_mask("text", (100, 300), 1, text="Hello"))


@pytest.mark.parametrize("kind", GENERATORS)
def test_every_kind_fits_any_shape(kind: str) -> None:
    assert generate_mask(kind, (48, 96), 5).shape == (48, 96)


def test_options_that_a_kind_lacks() -> None:
    with pytest.raises(DataError, match="masks of the kind thick have no side and width"):
        generate_mask("thick", 64, 0, side="left", width=0.5)


@pytest.mark.parametrize(
    "texts",
    [
        ("\u041f\u0440\u0438\u0432\u0435\u0442", "\u041f\u0440\u043e\u0449\u0430\u0439"),
        ("\u0391\u0392", "\u0393\u0394"),
        ("\u00e9\u00e8", "\u00ea\u00eb"),
        ("\u05d0", "\u05d1"),
        ("\u0628", "\u062c"),
    ],
)
def test_letters_outside_ascii_differ(texts: tuple[str, str]) -> None:
    """Cyrillic, Greek, Latin with accents, Hebrew, Arabic."""
    first, second = (~generate_mask("text", (60, 120), 0, text=text) for text in texts)
    assert first.mean() > 0.01
    assert not np.array_equal(first, second)


def test_accents_may_be_letters_of_their_own() -> None:
    masks = [generate_mask("text", (60, 120), 0, text=text) for text in ("\u00e9", "e\u0301")]
    np.testing.assert_array_equal(*masks)


def test_letters_that_no_font_has_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"the font has no \u6f22 .U.6F22. \u5b57 .U.5B57.; draw these letters as a mask"
    ):
        generate_mask("text", (60, 120), 0, text="a\u6f22\u5b57")
