"""A window while it is refined: its fill between two levels, enlarged and with texture from around the hole."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from repaint.data.masks import Mask
from repaint.data.refinement import Area, Shape, hole_to_fill, most_central
from repaint.data.texture import Matches, copy_texture
from repaint.data.window_pixels import Pixels, cut_out_at, known_at, shows_known
from repaint.data.windows import Window

HALF_SIZE_BLUR = 2.0  # pixels of half the network's size: smaller details of the fill do not count there


class RefinedWindow:
    """A window between its levels: its fill so far, and what of it is known.

    Args:
        fills: its first fills at the network's size, uint8 [size, size, 3] each, of which the most central goes on.
        window: in the picture.
        known: of the picture, bool [H, W], True = known.
        patch_size: of the patches that texture is copied with; 0 for none.

    Attributes:
        pixels: uint8 [h, w, 3] at the current level; in the hole the fill of the level before, enlarged and with
            texture, and what is refined of it.
    """

    def __init__(self, fills: Sequence[Pixels], window: Window, known: Mask, patch_size: int = 0) -> None:
        self._window, self._patch_size = window, patch_size
        self._matches: Matches | None = None
        shape = fills[0].shape[0], fills[0].shape[1]
        hole = hole_to_fill(known, window, shape)
        self.pixels, self._known = most_central(fills, hole), known_at(known, window, shape)
        if patch_size:
            if _are_enclosed(hole, self._known):
                self._find_patches_at_half_size(known)
            self._copy_texture(hole)

    def cut_out(self, area: Area, pixels: Pixels, known: Mask) -> tuple[Pixels, Mask]:
        """The box of an area, begun from the enlarged fill.

        Args:
            area: of this window; all areas of the levels before are pasted.
            pixels: the picture, uint8 [H, W, 3].
            known: bool [H, W], True = known.

        Returns:
            (pixels, mask): uint8 [h, w, 3], in the hole the enlarged fill, and bool [h, w], True = known.
        """
        if area.shape != self.pixels.shape[:2]:
            self.enlarge(area.shape, pixels, known)
        return self.pixels[area.box].copy(), self._known[area.box].copy()

    def enlarge(self, shape: Shape, pixels: Pixels, known: Mask) -> None:
        """Go on to the next level, of this height and width: the fill enlarged, with texture.

        Args:
            shape: of the level.
            pixels: the picture, uint8 [H, W, 3].
            known: bool [H, W], True = known.
        """
        height, width = shape
        seen, self._known = cut_out_at(pixels, known, self._window, shape)
        enlarged = np.asarray(Image.fromarray(self.pixels).resize((width, height), Image.Resampling.BICUBIC))
        self.pixels = np.where(self._known[..., None], seen, enlarged)
        if self._patch_size:
            self._copy_texture(hole_to_fill(known, self._window, shape))

    def _find_patches_at_half_size(self, known: Mask) -> None:
        """Begin where patches come from at half the network's size.

        There a patch shows twice as much, so larger pieces are copied as they are, and what the network left as a haze
        hardly is one.
        """
        size = len(self.pixels) // 2
        if shows_known(known, self._window, size):
            half = np.asarray(Image.fromarray(self.pixels).resize((size, size), Image.Resampling.BOX))
            seen, hole = (find(known, self._window, (size, size)) for find in (known_at, hole_to_fill))
            _, self._matches = copy_texture(half, seen, hole, self._patch_size, blur=HALF_SIZE_BLUR)

    def _copy_texture(self, hole: Mask) -> None:
        hole = hole & ~self._known  # both, where what is known is thinner than a pixel
        self.pixels, self._matches = copy_texture(self.pixels, self._known, hole, self._patch_size, self._matches)

    def paste(self, area: Area, filled: Pixels) -> None:
        """Paste the fill of an area's box, uint8 [h, w, 3], into the holes that its tiles fill."""
        rows, columns = area.box
        for tile in area.tiles:
            top, bottom, left, right = tile.fill
            hole = ~self._known[top:bottom, left:right]
            new = filled[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
            self.pixels[top:bottom, left:right][hole] = new[hole]


def _are_enclosed(hole: Mask, known: Mask) -> bool:
    """Whether all that lies beside the holes of a window is known, unlike where a picture is extended.

    Where it is not, nothing holds the far side of large pieces: they lead away from what the model has filled.
    """
    from scipy.ndimage import binary_dilation  # only here: it takes 0.2 s to load

    around = binary_dilation(np.pad(hole, 1))
    return not (around & ~np.pad(hole | known, 1)).any()
