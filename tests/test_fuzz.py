import pytest

from tests.programs.fuzz import KINDS, fuzz


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_a_result_or_one_line(kind: str) -> None:
    ends, defects = fuzz(kind, cases=12, seed=1_000_000)
    assert defects == []
    assert ends.total() == 12
