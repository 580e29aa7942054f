"""Jump schedules: the list of times that RePaint's sampler visits (paper, section 4.2 and Appendix B).

A schedule is a list of respaced times `t_T - 1, ..., -1`, where -1 is the clean picture. A step down is one
denoising step (one network call), a step up one forward diffusion step (free). Pure Python, no tensors.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

NEVER_LIMITED = 100_000_000  # the published default of `start_resampling`: resample at every level


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
        n_sample: passes over every single step; `n_sample - 1` one-step jumps after each step down. Here and below 0 or
            less is 1, as in the published code.
        jump_length: steps of a jump (j in the paper).
        jump_n_sample: passes over each stretch of `jump_length` steps (r in the paper), so r - 1 jumps.
        jump2_length: steps of a second level of jumps, inside each pass of the first.
        jump2_n_sample: its passes.
        jump3_length: steps of a third level of jumps, inside each pass of the second.
        jump3_n_sample: its passes.
        start_resampling: no jump leads above this time (single steps of `n_sample`: one above); below 0 there is none.

    Returns:
        List of times; neighbours differ by exactly one.

    Raises:
        ValueError: `t_T` or a length is below 1.
    """
    lengths = {"jump_length": jump_length, "jump2_length": jump2_length, "jump3_length": jump3_length}
    for name, value in ({"t_T": t_T} | lengths).items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")

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


def most_calls(t_T: int, parameters: Mapping[str, int]) -> int:
    """About how many network calls `get_schedule_jump` takes at most, without listing them: T times all passes.

    Args:
        t_T: number of steps.
        parameters: its arguments by name.
    """
    return t_T * math.prod(max(1, value) for key, value in parameters.items() if key.endswith("n_sample"))


def get_schedule_passes(passes: Sequence[int]) -> list[int]:
    """Times of a schedule with jumps of one step only, and a number of passes for each level.

    `get_schedule_jump(T, jump_length=1, jump_n_sample=r)` is the same with r passes at all levels below T - 1.

    Args:
        passes: over the step that lands at t, for t = 0, 1, ..., T - 1, each at least 1; T of them. The last is 1, as
            nothing lands at T - 1, where the sampler begins.

    Returns:
        List of times; T + the sum of (passes - 1) steps down.

    Raises:
        ValueError: a number is below 1, or the last is not 1.
    """
    if not passes or min(passes) < 1:
        raise ValueError("passes must be numbers from 1 on")
    if passes[-1] != 1:
        raise ValueError(f"there can be only 1 pass at t = {len(passes) - 1}, where the sampler begins")
    times = [len(passes) - 1]
    for t in reversed(range(len(passes) - 1)):
        times += [t, *[t + 1, t] * (passes[t] - 1)]
    return [*times, -1]


def describe_passes(passes: Sequence[int]) -> str:
    """Passes of `get_schedule_passes` in short: "r=7", or "r=5..13"; the last, which is always 1, does not count."""
    least, most = min(passes[:-1], default=1), max(passes[:-1], default=1)
    return f"r={least}" if least == most else f"r={least}..{most}"


def restrict_times(times: Sequence[int], top: int) -> list[int]:
    """A schedule from an intermediate time on: `times` without what lies above `top`, from where it then begins.

    A jump that led above it leads to it, and passes above it are left out.

    Args:
        times: from T - 1 to -1, see `check_times`.
        top: from 0 to T - 1.

    Returns:
        List of times from `top` to -1 that the sampler can follow in a process of `top` + 1 steps.
    """
    return [time for time, _ in groupby(time for time in times if time <= top)]


def check_times(times: Sequence[int], t_T: int) -> None:
    """Raise ValueError unless the sampler can follow a list of times in a process of T steps.

    It begins at T - 1 and ends, for the first time, at -1. Each step down is by one; a step up may be longer.
    """
    if len(times) < 2 or times[0] != t_T - 1 or times[-1] != -1:
        raise ValueError(f"times must begin with {t_T - 1}, the last of {t_T} steps, and end with -1")
    for place, (before, after) in enumerate(pairwise(times)):
        if after == before or after < before - 1:
            raise ValueError(f"times go from {before} to {after} at place {place}; steps down are by one, others up")
        if before < 0 or not -1 <= after < t_T:
            raise ValueError(f"times go from {before} to {after} at place {place}; they stay in 0..{t_T - 1} until -1")


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
