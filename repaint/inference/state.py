"""State of one fill in progress: one picture, one sample, with windows to fill and to refine."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from repaint.config.sampling import SamplingConfig
from repaint.data.conversion import Photo
from repaint.data.examples import Example
from repaint.data.masks import Mask
from repaint.data.refined_window import RefinedWindow
from repaint.data.refinement import Area
from repaint.data.soft_masks import blend
from repaint.data.window_order import Size, Waiting
from repaint.data.window_pixels import Pixels, cut_out, paste
from repaint.data.windows import whole
from repaint.noise import picture_seed
from repaint.pipeline.pipeline import Crop


@dataclass(eq=False)
class FillState:
    """One sample of a picture. What a part has filled counts as known for the parts that touch it.

    Parts are windows and, where windows are refined, areas and further candidates of them; their numbers are those of
    `Example.order`.

    Attributes:
        example: picture, mask, windows and areas.
        sample: number of the fill, from 0.
        label: class for a class-conditional model or a classifier; None without.
        name: of the result file, if there is to be one.
        nfe: network calls so far.
        seconds: its share of the time so far.
    """

    example: Example
    sample: int = 0
    label: int | None = None
    name: str = ""
    nfe: int = 0
    seconds: float = 0.0
    _waiting: Waiting = field(init=False)
    _pixels: Pixels = field(init=False)
    _known: Mask = field(init=False)
    _candidates: dict[int, dict[int, Pixels]] = field(init=False, default_factory=dict)
    _refined: dict[int, RefinedWindow] = field(init=False, default_factory=dict)
    _areas_left: Counter[int] = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.example.order)
        self._pixels, self._known = self.example.pixels, self.example.known.copy()
        self._areas_left = Counter(area.window for area in self.example.areas)

    @property
    def finished(self) -> bool:
        """Whether all parts are filled."""
        return not self._waiting.left

    def count_left(self, calls: Callable[[bool], int]) -> int:
        """Network calls for the windows and tiles that are not filled yet, each by itself.

        Args:
            calls: those for a tile, which is refined, or for a window, which is not.
        """
        sizes = map(self.example.size_of, self._waiting.left)
        return sum(calls(size.tiles > 0) * size.inputs for size in sizes)

    def ready(self) -> list["PartTask"]:
        """The parts that can be filled now, in any order or together: those before which none has to come."""
        return [PartTask(self, number) for number in self._waiting.ready]

    def crop(self, number: int, config: SamplingConfig) -> Crop:
        """What the sampler fills for a part, with its noise seed."""
        seed = picture_seed(config.seed, self.example.pair.index, self.sample, number)
        area = self.example.area_of(number)
        if area is None:
            window = self.example.windows[self.example.window_of[number]]
            pixels, known = cut_out(self._pixels, self._known, window, config.image_size)
            return Crop(pixels, known, seed, self.label)
        pixels, known = self._refined[area.window].cut_out(area, self._pixels, self._known)
        return Crop(pixels, known, seed, self.label, area.corners, area.references)

    def paste(self, number: int, filled: Pixels) -> None:
        """Paste the fill uint8 [h, w, 3] of a part: of a window once all its areas are there."""
        self._waiting.fill(number)
        area, window = self.example.area_of(number), self.example.window_of[number]
        if area is not None:
            self._paste_area(area, filled)
        elif window in self.example.refined:
            self._add_candidate(window, number, filled)
        else:
            self._paste_window(window, filled)

    def _add_candidate(self, number: int, part: int, filled: Pixels) -> None:
        candidates = self._candidates.setdefault(number, {})
        candidates[part] = filled
        if len(candidates) == 1 + self.example.candidates.count(number):
            in_order = [candidates[key] for key in sorted(candidates)]  # and not as batches happened to end
            window, patch_size = self.example.windows[number], self.example.patch_size
            self._refined[number] = RefinedWindow(in_order, window, self._known, patch_size)
            del self._candidates[number]
            if not self._areas_left[number]:
                self._enlarge(number)

    def _enlarge(self, number: int) -> None:
        """Paste a window that is refined without areas, which are what is sampled again."""
        refined = self._refined.pop(number)
        for shape in self.example.refined[number]:
            refined.enlarge(shape, self._pixels, self._known)
        self._paste_window(number, refined.pixels)

    def _paste_area(self, area: Area, filled: Pixels) -> None:
        self._refined[area.window].paste(area, filled)
        self._areas_left[area.window] -= 1
        if not self._areas_left[area.window]:
            self._paste_window(area.window, self._refined.pop(area.window).pixels)

    def _paste_window(self, number: int, filled: Pixels) -> None:
        window = self.example.windows[number]
        top, bottom, left, right = window.fill
        if window == whole(*filled.shape[:2]) and filled.shape == self._pixels.shape:
            self._pixels = filled  # the network saw all there is: the sampler alone decides, also about known pixels
        else:
            self._pixels = paste(self._pixels, self._known, window, filled)
        self._known[top:bottom, left:right] = True

    def result(self) -> Photo:
        """The picture as far as it is filled, blended with what was there by a soft mask.

        Only here: windows that touch go on from the fill alone.
        """
        photo, share = self.example.photo, self.example.share
        return replace(photo, pixels=self._pixels if share is None else blend(photo.pixels, self._pixels, share))


@dataclass(frozen=True)
class PartTask:
    """A part of a fill in progress, to be filled next.

    Attributes:
        state: of the fill.
        number: of the part.
    """

    state: FillState
    number: int

    @property
    def size(self) -> Size:
        """Of an area, which starts from a fill; all 0 for a window."""
        return self.state.example.size_of(self.number)

    @property
    def ends_with_texture(self) -> bool:
        """Whether its window gets texture once all first fills of it are there (`Example.ends_with_texture`)."""
        example = self.state.example
        return example.ends_with_texture and example.window_of[self.number] in example.refined
