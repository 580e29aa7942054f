"""Field types of the configuration: value ranges, conversions from YAML, and marks that other modules read.

The description of a field is the string literal below it; `repaint.config.reference` renders them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from PIL import ImageColor
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from repaint.config.paths import expand_path


class StrictModel(BaseModel):
    """Base of all parts of a configuration: immutable, no unknown keys, no conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def given(self) -> dict[str, Any]:
        """The keys that were set, ready to be checked again with changes."""
        return self.model_dump(include=self.model_fields_set)


@dataclass(frozen=True)
class NotFingerprinted:
    """Mark of a field that the resume fingerprint leaves out, see `repaint.config.fingerprint`.

    Attributes:
        reason: why two runs that differ in this field may share a results folder.
    """

    reason: str


NO_EFFECT = NotFingerprinted("nothing reads it")


def nested_keys(model: type[StrictModel], under: str = "") -> Iterator[str]:
    """The dotted paths of all keys of a model and of the models that its fields contain."""
    for name, field in model.model_fields.items():
        yield f"{under}{name}"
        inside = f"{under}{name}.NAME." if get_origin(field.annotation) is dict else f"{under}{name}."
        for part in models_in(field.annotation):
            yield from nested_keys(part, inside)


def models_in(annotation: object) -> Iterator[type[StrictModel]]:
    """The parts of a configuration that a field's annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def _to_text(value: object) -> object:
    """YAML reads `32` and `[32, 16]` as numbers; guided-diffusion's flags are texts such as '32,16'."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _to_number(value: object) -> object:
    """YAML 1.1 reads `1e-4` as a text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _check_multipliers(text: str) -> str:
    """'1,2,4' or '0.5,1,2': positive numbers; '' stands for the default."""
    try:
        good = all(0 < float(part) < math.inf for part in text.split(",") if text)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{text!r} is not a list of positive numbers such as '1,2,4'")
    return text


def _check_sizes(text: str) -> str:
    """'32,16,8': positive whole numbers; '' for none."""
    if not all(part.strip().isdecimal() and len(part) < 10 and int(part) > 0 for part in text.split(",") if text):
        raise ValueError(f"{text!r} is not a list of sizes such as '32,16,8'")
    return text


def _check_batch_size(value: object) -> object:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65_536):
        raise ValueError(f"should be a number from 1 to 65536, or auto, not {value!r}")
    return value


def _check_inner_steps(value: object) -> object:
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 10**9 for n in numbers):
        raise ValueError(f"a whole number from 0 on, or a list of them for t = 0, 1, 2 ..., not {value!r}")
    return value


def _check_compile(value: object) -> object:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"should be true, false or auto, not {value!r}")
    return value


def _check_heads(value: int) -> int:
    if value == 0:
        raise ValueError("0 heads or channels make no attention; -1 leaves the choice to num_heads")
    return value


def _check_candidates(value: int) -> int:
    if value == 2:
        raise ValueError("should be 1, or at least 3: of two fills neither is more central")
    return value


def _check_patch_size(value: int) -> int:
    if value and (value < 3 or value % 2 == 0):
        raise ValueError("should be 0, or an odd number from 3 to 9: a patch has a middle")
    return value


def _check_labels(value: object) -> object:
    numbers = value if isinstance(value, list) else [value]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if not (value is None or isinstance(value, str) or whole):
        raise ValueError(f"a class number, a list of them, a file with lines name,label, or random; not {value!r}")
    return value


def _check_color(text: str) -> str:
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise ValueError(f"a colour such as '#00f', '#0000ff' or 'blue', not {text!r}") from None
    return text


def refuse_true(reason: str) -> AfterValidator:
    """Validator of a published switch that a file may contain but not switch on."""

    def check(value: bool) -> bool:
        if value:
            raise ValueError(reason)
        return value

    return AfterValidator(check)


Text = Annotated[str, BeforeValidator(_to_text)]
Multipliers = Annotated[str, BeforeValidator(_to_text), AfterValidator(_check_multipliers)]
Sizes = Annotated[str, BeforeValidator(_to_text), AfterValidator(_check_sizes)]
# Bounds come before the conversion: after it the JSON schema, which the reference renders, would lack them.
_FROM_TEXT = BeforeValidator(_to_number)
PositiveReal = Annotated[float, Field(gt=0, allow_inf_nan=False), _FROM_TEXT]
NonNegativeReal = Annotated[float, Field(ge=0, allow_inf_nan=False), _FROM_TEXT]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _FROM_TEXT]
PositiveShare = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), _FROM_TEXT]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), _FROM_TEXT]
Spacing = Annotated[float, Field(ge=1, le=10, allow_inf_nan=False), _FROM_TEXT]
Context = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), _FROM_TEXT]
# AdamW changes a weight by about this much a step: more than 1 destroys any network, and 1e38 overflows.
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), _FROM_TEXT]
Beta = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), _FROM_TEXT]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
NonNegative = Annotated[int, Field(ge=0, le=1_000_000_000)]
Whole = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
References = Annotated[int, Field(ge=0, le=64)]
Candidates = Annotated[int, Field(ge=1, le=64), AfterValidator(_check_candidates)]
PatchSize = Annotated[int, Field(ge=0, le=9), AfterValidator(_check_patch_size)]
Feather = Annotated[int, Field(ge=0, le=1000)]
Depth = Annotated[int, Field(ge=1, le=100)]
Seed = Annotated[int, Field(ge=0, le=2**62)]
Size = Annotated[int, Field(ge=8, le=65_536)]
Heads = Annotated[int, Field(ge=-1, le=65_536), AfterValidator(_check_heads)]
BatchSize = Annotated[Width | Literal["auto"], BeforeValidator(_check_batch_size)]
Compile = Annotated[bool | Literal["auto"], BeforeValidator(_check_compile)]
Betas = Annotated[list[Beta], Field(min_length=1, max_length=1_000_000)]
Passes = Annotated[list[Positive], Field(min_length=1)]
InnerSteps = Annotated[
    NonNegative | Annotated[list[NonNegative], Field(min_length=1)], BeforeValidator(_check_inner_steps)
]
Times = Annotated[list[int], Field(min_length=2)]
# Every path of a configuration has this type, so that all are expanded alike.
PathText = Annotated[str, Field(json_schema_extra={"format": "path"}), AfterValidator(expand_path)]
Labels = Annotated[int | list[int] | PathText | None, BeforeValidator(_check_labels)]
Color = Annotated[str, AfterValidator(_check_color)]
Ignored = Annotated[Any, NO_EFFECT]
