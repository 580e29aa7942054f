"""Resume fingerprint: a digest of every setting that decides a picture, so that runs never mix in one results folder.

Every field of the configuration counts unless its type is marked `NotFingerprinted` in the schema.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from repaint.config.choices import DEFAULT_METHOD
from repaint.config.data import EvalDataConfig
from repaint.config.fields import NotFingerprinted, StrictModel
from repaint.config.methods import PARAMETERS
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig

# Deciding keys that no longer exist, at the only value that is left: folders of earlier versions can still be resumed.
_FORMER_KEYS = {"merge_forward": False}
_LATER_KEYS = {"model_entry": None, "inpa_inj_time_shift": 1, "method": DEFAULT_METHOD, "correct_mean": False}
_LATER_KEYS |= dict.fromkeys((*PARAMETERS, "adapt"))
_LATER_DATA_KEYS = {"extend": None, "mask_soft": False, "mask_feather": 0}


def fingerprint(config: Config, resolved: Mapping[str, Any]) -> str:
    """Digest of all that decides the pictures of a run: two runs of equal digest may share a results folder.

    What is each picture's own (its files, seed and class) stands in its line of the manifest instead.

    Args:
        config: of the run, completed by what the checkpoint's metadata specifies.
        resolved: values outside the configuration that decide pictures too, by name, ready for JSON: digests of
            weights, number format, kind of random numbers.

    Returns:
        16 hexadecimal digits.
    """
    run, data = deciding_values(config), deciding_values(config.eval_data)
    values = {**run, **data, **_FORMER_KEYS, **resolved}
    assert len(values) == len(run) + len(data) + len(_FORMER_KEYS) + len(resolved), "two values of one name"
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def deciding_values(part: StrictModel) -> dict[str, Any]:
    """Values of the fields that count, nested like the configuration."""
    unused = set()
    if isinstance(part, SamplingConfig):
        unused = _unused_keys(part)
    elif isinstance(part, EvalDataConfig):
        unused = {key for key, default in _LATER_DATA_KEYS.items() if getattr(part, key) == default}
    return {
        key: deciding_values(value) if isinstance(value := getattr(part, key), StrictModel) else value
        for key, field in type(part).model_fields.items()
        if key not in unused and not any(isinstance(mark, NotFingerprinted) for mark in field.metadata)
    }


def _unused_keys(config: SamplingConfig) -> set[str]:
    """Keys that have no effect because of other keys: runs that differ in them alone have equal pictures."""
    # `resample` and `times` replace the jump schedule. (They are left out while unset, as before they existed.)
    unused = {"schedule_jump_params"} if config.has_own_passes else {"resample", "times"}
    # Keys that came later are left out at their defaults. (`model_entry` is resolved where a file has several.)
    unused |= {key for key, default in _LATER_KEYS.items() if getattr(config, key) == default}
    # The betas are either listed or named.
    unused.add("betas" if config.betas is None else "noise_schedule")
    # Without guidance nothing loads the classifier.
    if not config.guided:
        unused |= {key for key in type(config).model_fields if key.startswith("classifier_")}
    # Nothing is refined in a picture of the network's size.
    if isinstance(config, Config):
        unused |= config.idle_refine_keys
    return unused
