"""Jump schedules: the list of times that RePaint's sampler visits (paper, section 4.2 and Appendix B).

A schedule is a list of respaced times `t_T - 1, ..., -1`, where -1 is the clean picture. A step down is one
denoising step (one network call), a step up one forward diffusion step (free). Pure Python, no tensors.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NEVER_LIMITED = 100_000_000  # the published default of `start_resampling`: resample at every level

# Presets by name: steps (t_T, to be respaced to), jump_length, jump_n_sample. The README tells what they cost and give.
PRESETS: dict[str, tuple[int, int, int]] = {
    "paper": (250, 10, 10),
    "best": (250, 5, 15),  # the lowest LPIPS of the paper's comparison of j and r (wide masks, CelebA-HQ)
    "fast": (50, 1, 4),  # one step of 50 goes back as far as 5 of 250
    "preview": (25, 5, 2),
}


@dataclass
class _JumpLevel:
    """Jumps of one length: from every multiple of `length`, go back `length` steps, `samples - 1` times."""

    length: int
    samples: int
    t_T: int
    taken: Counter[int] = field(default_factory=Counter)

    def take(self, t: int) -> bool:
        """True, and one jump fewer, if a jump from `t` is left."""
        if t % self.length or t >= self.t_T - self.length or self.taken[t] >= self.samples - 1:
            return False
        self.taken[t] += 1
        return True

    def refill(self) -> None:
        self.taken.clear()


def get_schedule_jump(
    t_T: int,
    n_sample: int = 1,
    jump_length: int = 1,
    jump_n_sample: int = 1,
    jump2_length: int = 1,
    jump2_n_sample: int = 1,
    jump3_length: int = 1,
    jump3_n_sample: int = 1,
    start_resampling: int = NEVER_LIMITED,
) -> list[int]:
    """Times visited by the sampler, from `t_T - 1` down to -1.

    Args:
        t_T: number of respaced diffusion steps (T in the paper), at least 1.
        n_sample: passes over every single step; `n_sample - 1` one-step jumps after each step down.
        jump_length: steps of a jump (j in the paper).
        jump_n_sample: passes over each stretch of `jump_length` steps (r in the paper), so r - 1 jumps.
        jump2_length: steps of a second level of jumps, inside each pass of the first.
        jump2_n_sample: its passes.
        jump3_length: steps of a third level of jumps, inside each pass of the second.
        jump3_n_sample: its passes.
        start_resampling: no jump leads above this time (single steps of `n_sample`: one above).

    Returns:
        List of times; neighbours differ by exactly one.

    Raises:
        ValueError: a parameter is below 1 (`start_resampling` below 0).
    """
    parameters = {"t_T": t_T, "n_sample": n_sample, "jump_length": jump_length, "jump_n_sample": jump_n_sample}
    parameters |= {"jump2_length": jump2_length, "jump2_n_sample": jump2_n_sample}
    parameters |= {"jump3_length": jump3_length, "jump3_n_sample": jump3_n_sample}
    for name, value in parameters.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if start_resampling < 0:
        raise ValueError(f"start_resampling must be at least 0, not {start_resampling}")

    inner_to_outer = [
        _JumpLevel(jump3_length, jump3_n_sample, t_T),
        _JumpLevel(jump2_length, jump2_n_sample, t_T),
        _JumpLevel(jump_length, jump_n_sample, t_T),
    ]
    t = t_T
    times = []
    while t > 0:
        t -= 1
        times.append(t)
        if t < t_T - 2 and t <= start_resampling:
            times += [t + 1, t] * (n_sample - 1)
        # A jump of a middle level lifts t, so that an outer level may be asked about the new t.
        for position, level in enumerate(inner_to_outer):
            if t <= start_resampling - level.length and level.take(t):
                times += range(t + 1, t + level.length + 1)
                t += level.length
                for inner in inner_to_outer[:position]:
                    inner.refill()
    times.append(-1)
    return times


def merge_forward(times: Sequence[int]) -> list[int]:
    """Leave out the times inside each climb, so that its forward steps become one draw of the same law.

    The picture is another one, as fewer draws are taken from its noise.
    """
    inner = [b for a, b, c in zip(times, times[1:], times[2:], strict=False) if not a < b < c]
    return [*times[:1], *inner, *times[1:][-1:]]


def count_network_calls(times: Sequence[int]) -> int:
    """Network calls (denoising steps, `nfe`) that a list of times costs."""
    return sum(after < before for before, after in pairwise(times))


def share_of_calls(times: Sequence[int], bins: int = 10) -> list[float]:
    """Share of the network calls spent in each of `bins` equal stretches of time, from t = 0 upwards.

    Returns:
        `bins` floats that sum to 1.
    """
    steps = max(times) + 1
    calls = Counter(before * bins // steps for before, after in pairwise(times) if after < before)
    return [calls[i] / calls.total() for i in range(bins)]
