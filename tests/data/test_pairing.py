from pathlib import Path

import pytest

from repaint.data.examples import ReadSettings, load_example
from repaint.data.pairing import Pair, check_ratios, list_pictures, pair_pictures
from repaint.errors import DataError
from tests.helpers.tiny import touch, write_masks, write_pictures


def test_pairs_by_relative_stem(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "b.v2.jpg", "sub/ä.png", "a.webp", "notes.txt")
    masks = touch(tmp_path / "masks", "a.png", "b.v2.png", "sub/ä.png", "unused.png")
    pairs, note = pair_pictures(gt, masks)
    assert note is None
    assert [(p.index, p.name) for p in pairs] == [(0, "a.png"), (1, "b.v2.png"), (2, "sub/ä.png")]
    assert [Path(p.mask).name for p in pairs] == ["a.png", "b.v2.png", "ä.png"]
    assert [Path(p.picture).name for p in pairs] == ["a.webp", "b.v2.jpg", "ä.png"]


def test_one_mask_for_all_and_one_picture(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "b.png")
    mask = touch(tmp_path, "mask.png") + "/mask.png"
    pairs, _ = pair_pictures(gt, mask)
    assert [p.mask for p in pairs] == [mask, mask]
    pairs, _ = pair_pictures(f"{gt}/b.png", mask)
    assert [(p.index, p.name, p.picture) for p in pairs] == [(0, "b.png", f"{gt}/b.png")]


def test_same_count_without_common_names_is_paired_in_order_with_a_note(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "x.png", "y.png"), touch(tmp_path / "masks", "1.png", "2.png")
    pairs, note = pair_pictures(gt, masks)
    assert note is not None
    assert "paired 2 by sorted order" in note
    assert [Path(p.mask).name for p in pairs] == ["1.png", "2.png"]


def test_offset_and_max_len(tmp_path: Path) -> None:
    gt, mask = touch(tmp_path / "gt", *"abcd"), touch(tmp_path, "m.png") + "/m.png"
    for name in "abcd":
        (tmp_path / "gt" / name).rename(tmp_path / "gt" / f"{name}.png")
    assert [(p.index, p.name) for p in pair_pictures(gt, mask, offset=1, max_len=2)[0]] == [(0, "b.png"), (1, "c.png")]
    assert len(pair_pictures(gt, mask, max_len=1000)[0]) == 4
    with pytest.raises(DataError, match="offset 4 leaves none of the 4 pictures"):
        pair_pictures(gt, mask, offset=4)


@pytest.mark.parametrize(
    ("pictures", "masks", "message"),
    [
        (["a.png", "b.png"], ["a.png"], "b.png: no mask of this name"),
        (["a.png", "b.png", "c.png"], ["a.png", "x.png", "y.png"], "b.png .and 1 more pictures.: no mask"),
        (["a.webp"], ["a.png", "a.jpg"], "a.jpg and a.png are both masks of a"),
        (["a.png"], ["a_mask.png", "a_mask001.png"], "a_mask.png and a_mask001.png are both masks of a"),
        (["notes.txt"], ["a.png"], "gt: no pictures in this folder"),
        (["a.png"], ["notes.txt"], "masks: no pictures in this folder"),
    ],
)
def test_what_cannot_be_paired(tmp_path: Path, pictures: list[str], masks: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pair_pictures(touch(tmp_path / "gt", *pictures), touch(tmp_path / "masks", *masks))


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        list_pictures(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no such mask file or folder"):
        pair_pictures(touch(tmp_path / "gt", "a.png"), str(tmp_path / "nowhere"))


def test_accents_may_be_composed_or_not(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "e\u0301.png"), touch(tmp_path / "masks", "\u00e9.png", "other.png")
    assert pair_pictures(gt, masks)[0][0].mask.endswith("\u00e9.png")


def test_ratio_is_checked_on_headers_and_damaged_files_are_left_alone(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 2, size=(60, 40))
    write_masks(tmp_path / "masks", 2, size=(30, 30))
    (tmp_path / "gt/00.png").write_bytes(b"damaged")
    pairs, _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    check_ratios(pairs[:1])
    with pytest.raises(DataError, match=r"01\.png: 30x30 has another aspect ratio"):
        check_ratios(pairs)
    with pytest.raises(DataError, match="another aspect ratio"):
        load_example(pairs[1], ReadSettings(16, fit="pad"))


def masks_of(pairs: list[Pair]) -> dict[str, str]:
    return {Path(pair.picture).name: Path(str(pair.mask)).name for pair in pairs}


def test_pictures_of_one_stem_have_results_of_their_own(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "a.jpg", "b.png", "sub/a.png")
    masks = touch(tmp_path / "masks", "a.png", "b.png", "sub/a.png")
    pairs, note = pair_pictures(gt, masks)
    assert [(p.index, p.name, p.source) for p in pairs] == [
        (0, "a.jpg.png", "a.jpg"),
        (1, "a.png.png", "a.png"),
        (2, "b.png", None),
        (3, "sub/a.png", None),
    ]
    assert [Path(p.mask).relative_to(masks).as_posix() for p in pairs] == ["a.png", "a.png", "b.png", "sub/a.png"]
    assert note == "pictures of one name keep their ending in the results' names: a.jpg, a.png"
    assert [p.name for p in pair_pictures(gt, masks, offset=1, max_len=1)[0]] == ["a.png.png"]


def test_masks_of_one_stem_go_by_their_ending(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "a.png", "a.jpg"), touch(tmp_path / "masks", "a.png", "a.jpg")
    assert masks_of(pair_pictures(gt, masks)[0]) == {"a.png": "a.png", "a.jpg": "a.jpg"}


def test_masks_in_the_folder_of_the_pictures(tmp_path: Path) -> None:
    folder = touch(
        tmp_path / "gt", "a.jpg", "a_mask.png", "b.png", "b_mask001.png", "a_mask_x.png", "a_mask_x_mask.png"
    )
    for spelling in (folder, f"{folder}/", f"{folder}/../gt"):
        pairs, note = pair_pictures(folder, spelling)
        assert note is None
        wanted = {"a.jpg": "a_mask.png", "a_mask_x.png": "a_mask_x_mask.png", "b.png": "b_mask001.png"}
        assert masks_of(pairs) == wanted
    assert masks_of(pair_pictures(f"{folder}/a.jpg", folder)[0]) == {"a.jpg": "a_mask.png"}


def test_no_picture_is_its_own_mask(tmp_path: Path) -> None:
    folder = touch(tmp_path / "gt", "a.png", "b.png")
    with pytest.raises(DataError, match=r"a.png .and 1 more pictures.: no mask .* name the masks like a_mask.png, or"):
        pair_pictures(folder, folder)
    with pytest.raises(DataError, match=r"a.png: a picture cannot be its own mask"):
        pair_pictures(f"{folder}/a.png", f"{folder}/a.png")


def test_masks_inside_the_folder_of_the_pictures(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "b.png", "mask.png", "masks/a.png", "masks/b.png")
    pairs, _ = pair_pictures(gt, f"{gt}/mask.png")
    assert [pair.name for pair in pairs] == ["a.png", "b.png", "masks/a.png", "masks/b.png"]
    assert {pair.mask for pair in pairs} == {f"{gt}/mask.png"}
    (tmp_path / "gt/mask.png").unlink()
    assert masks_of(pair_pictures(gt, f"{gt}/masks")[0]) == {"a.png": "a.png", "b.png": "b.png"}
    assert len(pair_pictures(gt, f"{gt}/masks")[0]) == 2


def test_masks_that_are_links_in_the_folder_of_the_pictures(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "a.png", "b.png"), touch(tmp_path / "elsewhere/masks", "a.png", "b.png")
    (tmp_path / "gt/link.png").symlink_to(f"{masks}/a.png")
    assert masks_of(pair_pictures(gt, f"{gt}/link.png")[0]) == {"a.png": "link.png", "b.png": "link.png"}
    (tmp_path / "gt/link.png").unlink()
    (tmp_path / "gt/link").symlink_to(tmp_path / "elsewhere")
    assert len(pair_pictures(gt, f"{gt}/link/masks")[0]) == 2


def test_names_of_masks_as_in_lamas_data(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "a2.png")
    masks = touch(tmp_path / "masks", "a_mask000.png", "a2_mask000.png")
    pairs, note = pair_pictures(gt, masks)
    assert note is None
    assert masks_of(pairs) == {"a.png": "a_mask000.png", "a2.png": "a2_mask000.png"}
