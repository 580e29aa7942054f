"""Names of results that pictures share, and names over the limit of the disk."""

import os
import unicodedata

import pytest

from repaint.data.names import distinct_stems, fit_stem, result_stems, shorten_stem, stem_of

LIMIT = 255


def test_results_of_different_pictures_have_different_names() -> None:
    names = ["a.jpg", "a.png", "a.jpg.png", "b.png", "sub/a.png", "c.v2.png"]
    stems = result_stems(names)
    assert len(set(stems.values())) == len(names)
    assert (stems["a.png"], stems["b.png"], stems["sub/a.png"], stems["c.v2.png"]) == ("a.png", "b", "sub/a", "c.v2")


def test_the_same_name_composed_in_two_ways() -> None:
    composed = "é.png"
    stems = result_stems([composed, unicodedata.normalize("NFD", composed)])
    assert len(set(stems.values())) == 2


def test_distinct_stems_leave_the_others_alone() -> None:
    stems = distinct_stems({"x/a.png": "a", "y/a.png": "a", "x/b.png": "b"})
    assert stems["x/b.png"] == "b"
    assert len(set(stems.values())) == 3
    assert all(stem.startswith("a~") for stem in (stems["x/a.png"], stems["y/a.png"]))


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\udce9"])
@pytest.mark.parametrize("ending", [".png", ".webp", "_99999.webp", "_filled_9.png"])
def test_names_of_any_length_fit(letter: str, ending: str) -> None:
    width = len(os.fsencode(letter))
    for count in (1, 200 // width, (LIMIT - len(ending)) // width, 251 // width):
        stem = f"{letter * count}"
        fitted = fit_stem(f"sub/{stem}", ending, LIMIT)
        assert len(os.fsencode(fitted.removeprefix("sub/") + ending)) <= LIMIT
        fits = len(os.fsencode(stem + ending)) <= LIMIT
        assert (fitted == f"sub/{stem}") == fits
        if not fits:
            assert fitted == shorten_stem(f"sub/{stem}", LIMIT)
            assert fitted != fit_stem(f"sub/{stem[:-1]}y", ending, LIMIT)


def test_stem_of_a_name_with_several_dots() -> None:
    assert stem_of("a/photo.v2.jpg") == "a/photo.v2"
