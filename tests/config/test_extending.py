"""Lengths of extensions: pixels and per cent, for all sides or for some."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.config.data import FitConfig
from repaint.config.extending import MOST_PER_CENT, MOST_PIXELS, SIDES
from repaint.config.loading import make_config
from repaint.errors import ConfigError

PIXELS = st.integers(1, MOST_PIXELS)
SHARES = st.decimals("0.01", MOST_PER_CENT, places=2)
LENGTHS = PIXELS | PIXELS.map(str) | SHARES.map(lambda share: f"{share}%")


def parse(extend: Any) -> FitConfig:
    return make_config(FitConfig, {"fit": "window", "extend": extend}, "conf.yml")


def length(value: int | str) -> int | float:
    text = str(value)
    return float(text[:-1]) / 100 if text.endswith("%") else int(text)


@given(st.dictionaries(st.sampled_from(SIDES), LENGTHS, min_size=1))
def test_each_side_has_its_length(extend: dict[str, int | str]) -> None:
    parsed = parse(extend).extend
    assert parsed is not None
    assert parsed.lengths == pytest.approx({side: length(value) for side, value in extend.items()})
    kinds = {side: type(value) for side, value in parsed.lengths.items()}
    assert kinds == {side: float if str(value).endswith("%") else int for side, value in extend.items()}


@given(LENGTHS)
def test_one_length_is_for_all_sides(value: int | str) -> None:
    assert parse(value) == parse(dict.fromkeys(SIDES, value))


def test_one_length_has_one_spelling() -> None:
    spellings = ["25%", "25.0%", " 25 %", "025%"]
    assert len({parse({"left": text}).model_dump_json() for text in spellings}) == 1
    assert parse({"left": "100"}) == parse({"left": 100})


@pytest.mark.parametrize(
    "value",
    [0, -1, "0", "0%", "-5%", "1001%", 65_537, "99999", 0.25, True, "", "%", "25 px", "1e3", "٢٥%", "nan%", [1]],
)
@pytest.mark.parametrize("sides", [None, "left"])
def test_other_lengths_are_refused(value: Any, sides: str | None) -> None:
    with pytest.raises(
        ConfigError, match=r"extend(\.left)?: a number of pixels from 1 to 65,536, or per cent"
    ) as caught:
        parse(value if sides is None else {sides: value})
    assert repr(value) in str(caught.value)


def test_sides_that_there_are_not() -> None:
    with pytest.raises(ConfigError, match="extend: no side to extend; give one of left, right, top, bottom"):
        parse({})
    with pytest.raises(ConfigError, match=r"unknown key 'extend\.lef'; did you mean 'left'\?"):
        parse({"lef": 3})
    assert parse(None).extend is None
