"""Presets of `schedule`: a method with its steps, by name; docs/schedules.md has their cost and quality."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repaint.config.choices import jumps
from repaint.schedule import count_network_calls, get_schedule_jump


@dataclass(frozen=True)
class Preset:
    """Steps of RePaint, and of Langevin sampling where that is better.

    Attributes:
        steps: t_T, to be respaced to.
        jump_length: of RePaint.
        jump_n_sample: of RePaint.
        langevin_steps: levels of Langevin sampling; None leaves it to RePaint.
        langevin: its parameters, keys of `LangevinConfig`.
    """

    steps: int
    jump_length: int
    jump_n_sample: int
    langevin_steps: int | None = None
    langevin: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """Its method, where nothing else is asked for."""
        return "repaint" if self.langevin is None else "langevin"

    @property
    def calls(self) -> int:
        """Network calls."""
        if self.langevin_steps is not None and self.langevin is not None:
            return self.langevin_steps * (int(self.langevin["inner_steps"]) + 1)
        return count_network_calls(
            get_schedule_jump(self.steps, jump_length=self.jump_length, jump_n_sample=self.jump_n_sample)
        )


PRESETS: dict[str, Preset] = {
    "paper": Preset(250, 10, 10),
    # RePaint's part of `best` has the lowest LPIPS of the paper's comparison of j and r (wide masks, CelebA-HQ); the
    # rest was chosen on held-out faces, see docs/methods.md.
    "best": Preset(250, 5, 15, 20, {"inner_steps": 5, "step_size": 2.0}),
    "fast": Preset(34, 1, 7, 15, {"inner_steps": 3, "step_size": 4.0}),
    "preview": Preset(20, 1, 3, 11, {"inner_steps": 2, "step_size": 4.0}),
}


def expand(tree: Mapping[str, Any], resampling: bool) -> dict[str, Any]:
    """A configuration with what its preset leaves open filled in; keys that it sets win.

    Args:
        tree: a configuration with a valid `schedule`.
        resampling: whether it sets keys of resampling, which make it RePaint's.
    """
    preset = PRESETS[tree["schedule"]]
    if preset.langevin is not None and not resampling and _is_open(tree):
        own = tree.get("langevin") or {}
        parameters = {**preset.langevin, **own} if isinstance(own, Mapping) else own
        levels = {"timestep_respacing": str(preset.langevin_steps)}
        return levels | dict(tree) | {"method": "langevin", "langevin": parameters}
    params = tree.get("schedule_jump_params") or {}
    filled = {"timestep_respacing": str(params.get("t_T") or preset.steps)} | dict(tree)
    if any(tree.get(key) is not None for key in ("resample", "times")) or not jumps(tree):
        return filled
    own = {"jump_length": preset.jump_length, "jump_n_sample": preset.jump_n_sample}
    return filled | {"schedule_jump_params": own | params}


def _is_open(tree: Mapping[str, Any]) -> bool:
    """Whether a configuration leaves the method to its preset: nothing in it goes with RePaint's method alone."""
    guided = tree.get("classifier_path") is not None and tree.get("classifier_scale", 0) not in (0, "0", None)
    time_shift = tree.get("inpa_inj_time_shift", 1) != 1
    return tree.get("method", "langevin") == "langevin" and not (
        guided or time_shift or tree.get("inpa_inj_sched_prev") is False
    )
