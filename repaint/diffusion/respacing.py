"""Respacing: run a process trained with many steps on a subset of them (Nichol and Dhariwal 2021, section 4)."""

import re
from itertools import accumulate, repeat

import numpy as np
from numpy.typing import NDArray


def space_timesteps(num_timesteps: int, respacing: str) -> list[int]:
    """Original timesteps kept by a respacing.

    Args:
        num_timesteps: steps of the trained process.
        respacing: "" (all), "250" (that many, evenly spaced), "10,0,20" (that many from each of so many equal
            sections; below 0 counts as 0), "ddim50" (that many with one fixed integer stride, as in the DDIM paper),
            "power30:1.25" (30 steps, the i-th at (i / 29)^1.25 of the way to the last timestep: the larger the
            exponent, the denser at low noise) or "at:0,7,40,999" (these).

    Returns:
        Sorted list of timesteps in 0..num_timesteps-1.

    Raises:
        ValueError: the text has no such form, or asks for more steps than there are.
    """
    if not respacing:
        return list(range(num_timesteps))
    if respacing.startswith("ddim"):
        return _fixed_stride(num_timesteps, respacing)
    if respacing.startswith("power"):
        return _power(num_timesteps, respacing)
    if respacing.startswith("at:"):
        return _explicit(num_timesteps, respacing)
    try:
        counts = [int(part) for part in respacing.split(",")]
    except ValueError:
        forms = "'250', '10,15,20', 'ddim50', 'power30:1.25', 'at:0,7,40,999' nor ''"
        raise ValueError(f"respacing {respacing!r} is neither {forms}") from None
    return _sections(num_timesteps, counts)


def _fixed_stride(num_timesteps: int, respacing: str) -> list[int]:
    wanted = respacing.removeprefix("ddim")
    if not wanted.isdecimal():
        raise ValueError(f"respacing {respacing!r}: 'ddim' must be followed by a number of steps")
    for stride in range(1, num_timesteps + 1):
        steps = range(0, num_timesteps, stride)
        if len(steps) == int(wanted):
            return list(steps)
    raise ValueError(f"no integer stride gives {wanted} of {num_timesteps} steps; use {wanted!r} without 'ddim'")


def _power(num_timesteps: int, respacing: str) -> list[int]:
    found = re.fullmatch(r"power(\d{1,7}):(\d{1,3}(?:\.\d{1,9})?)", respacing)
    if found is None or int(found[1]) < 2 or float(found[2]) == 0:
        raise ValueError(f"respacing {respacing!r}: write it as 'power30:1.25', at least 2 steps, a positive exponent")
    count, exponent = int(found[1]), float(found[2])
    if count > num_timesteps:
        raise ValueError(f"cannot take {count} of the {num_timesteps} steps")
    steps = [_by_power(num_timesteps, count, exponent, i) for i in range(count)]
    if len(set(steps)) < count:
        raise ValueError(
            f"respacing {respacing!r}: some of the steps fall on the same of the {num_timesteps} timesteps; take fewer "
            f"steps or a smaller exponent"
        )
    return steps


def _by_power(num_timesteps: int, count: int, exponent: float, i: int) -> int:
    step: int = round((num_timesteps - 1) * (i / (count - 1)) ** exponent)
    return step


def dense_timesteps(num_timesteps: int, count: int, exponent: float) -> list[int]:
    """So many timesteps from end to end, the i-th at (i / (count - 1)) ** exponent of the way, none twice.

    Args:
        num_timesteps: steps of the trained process.
        count: from 1 to `num_timesteps`.
        exponent: at least 1; the larger, the denser at low noise.
    """
    steps = [0]
    for i in range(1, count):
        steps.append(max(_by_power(num_timesteps, count, exponent, i), steps[-1] + 1))
    return steps


def _explicit(num_timesteps: int, respacing: str) -> list[int]:
    parts = respacing.removeprefix("at:").split(",")
    if not all(re.fullmatch(r" *\d{1,9} *", part) for part in parts):
        raise ValueError(f"respacing {respacing!r}: write it as 'at:0,7,40,999'")
    steps = [int(part) for part in parts]
    if steps != sorted(set(steps)) or steps[-1] >= num_timesteps:
        raise ValueError(f"respacing {respacing!r}: the timesteps must rise, and lie in 0..{num_timesteps - 1}")
    return steps


def _sections(num_timesteps: int, counts: list[int]) -> list[int]:
    short, longer = divmod(num_timesteps, len(counts))
    steps: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        size = short + (i < longer)
        if count > size:
            raise ValueError(f"cannot take {count} of the {size} steps in section {i + 1} of {len(counts)}")
        steps += [start + step for step in _spread(count, size)]
        start += size
    if not steps:
        raise ValueError("a respacing must keep at least one step")
    return steps


def _spread(count: int, size: int) -> list[int]:
    """So many of `size` steps from end to end; none for a count of 0 or less, as in the published code."""
    if count < 1:
        return []
    stride = (size - 1) / (count - 1) if count > 1 else 1.0
    # The stride is added up, not multiplied: where a sum lands next to a half, rounding must go the published way.
    return [round(position) for position in accumulate(repeat(stride, count - 1), initial=0.0)]


def respace_betas(betas: NDArray[np.float64], timesteps: list[int]) -> NDArray[np.float64]:
    """Betas of the process that visits only `timesteps`, with alphas_cumprod kept at those steps.

    Args:
        betas: [T] of the trained process.
        timesteps: sorted steps to keep, as of `space_timesteps`.

    Returns:
        Array [len(timesteps)].
    """
    kept = np.cumprod(1 - betas)[timesteps]
    before = np.concatenate([[1.0], kept[:-1]])
    return np.asarray(1 - kept / before)
