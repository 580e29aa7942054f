"""Keys of the conditioning methods: which one, and the parameters of each."""

from typing import Self

from pydantic import model_validator

from repaint.config.choices import DEFAULT_METHOD, JUMPING, Method
from repaint.config.fields import InnerSteps, NonNegativeReal, PositiveReal, StrictModel

PARAMETERS = ("langevin", "dps", "pigdm")  # keys of parameters, named like their methods


class LangevinConfig(StrictModel):
    """Parameters of `method: langevin`."""

    inner_steps: InnerSteps = 3
    """Langevin steps at each level, a network call each beside the one of the way down: a number, or a list for the
    levels t = 0, 1, 2 ..., of which the last holds for those above."""

    strength: NonNegativeReal = 1.0
    """Strength of the guidance on the known part (lambda); 0 is its own noise alone."""

    step_size: PositiveReal = 4.0
    """Time of a Langevin step in units of the level's noise variance. A large one draws the hole anew around its
    estimate."""

    def steps_at(self, t: int) -> int:
        """Langevin steps at level t."""
        if isinstance(self.inner_steps, int):
            return self.inner_steps
        return self.inner_steps[min(t, len(self.inner_steps) - 1)]

    def describe_steps(self) -> str:
        """Langevin steps in short: '3', or '1 to 5'."""
        counts = [self.inner_steps] if isinstance(self.inner_steps, int) else self.inner_steps
        least, most = min(counts), max(counts)
        return f"{least}" if least == most else f"{least} to {most}"


class DPSConfig(StrictModel):
    """Parameters of `method: dps`."""

    scale: NonNegativeReal = 1.0
    """Step down the gradient of the misfit (zeta)."""

    normalized: bool = True
    """Divide the step by the misfit's norm, as in the paper's experiments; false is its Algorithm 1."""


class PiGDMConfig(StrictModel):
    """Parameters of `method: pigdm`."""

    scale: NonNegativeReal = 1.0
    """Factor of the guidance; 1 follows from the model's assumptions."""


class MethodConfig(StrictModel):
    """The conditioning method, by which known pixels decide the hole, see [the methods](methods.md)."""

    method: Method = DEFAULT_METHOD
    """RePaint's resampling (`repaint`); the known part merged without going back (`replace`), or pasted into the
    estimate of x0 (`ddnm`); Langevin steps at each level (`langevin`); guidance by the network's gradient (`dps`,
    `pigdm`). All but `repaint` and `ddnm` go straight down the steps."""

    langevin: LangevinConfig | None = None
    """Parameters of `method: langevin`, and only of it."""

    dps: DPSConfig | None = None
    """Parameters of `method: dps`, and only of it."""

    pigdm: PiGDMConfig | None = None
    """Parameters of `method: pigdm`, and only of it."""

    @model_validator(mode="before")
    @classmethod
    def _add_parameters(cls, tree: object) -> object:
        """Let the method's parameters take their defaults, so that they count like parameters that are set."""
        method = tree.get("method") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or method not in PARAMETERS or tree.get(method) is not None:
            return tree
        return tree | {method: {}}

    @model_validator(mode="after")
    def _parameters_of_the_method(self) -> Self:
        for key in PARAMETERS:
            if key != self.method and getattr(self, key) is not None:
                raise ValueError(f"{key} has no meaning with method: {self.method}; leave it out, or set method: {key}")
        return self

    @property
    def parameters(self) -> StrictModel | None:
        """Parameters of the method, if it has any."""
        return {"langevin": self.langevin, "dps": self.dps, "pigdm": self.pigdm}.get(self.method)

    @property
    def jumps(self) -> bool:
        """Whether the method goes back in time, by `schedule_jump_params`, `resample` or `times`."""
        return self.method in JUMPING


METHOD_KEYS = tuple(MethodConfig.model_fields)
