"""The fills that a run has to make, one result file each, and a tally of those that it made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from repaint.config.run import Config
from repaint.data.pairing import Pair
from repaint.inference.inputs import result_names
from repaint.noise import picture_seed


@dataclass(frozen=True)
class Target:
    """One fill to make: number `sample` of a pair, with its own result name, and its class label if it has one."""

    name: str
    pair: Pair
    sample: int
    label: int | None = None


def build_targets(config: Config, pairs: Sequence[Pair], labels: Sequence[int] | None) -> list[Target]:
    """All fills of a run, those of one picture next to each other.

    Args:
        config: of the run.
        pairs: pictures with their masks.
        labels: a class for each pair, or None.
    """
    return [
        Target(name, pair, sample, None if labels is None else labels[pair.index])
        for pair in pairs
        for sample, name in enumerate(result_names(config, pair))
    ]


def describe_targets(config: Config, targets: Sequence[Target]) -> dict[str, dict[str, Any]]:
    """For each result name the files, seed and class that decide it, as the manifest records them."""
    return {
        target.name: {
            "picture": target.pair.picture,
            "mask": target.pair.mask,
            "seed": picture_seed(config.seed, target.pair.index, target.sample),
        }
        | ({} if target.label is None else {"y": target.label})
        for target in targets
    }


def target_noun(config: Config) -> str:
    """What messages call the targets of a run: pictures, or fills if each picture has several."""
    return "pictures" if config.num_samples_per_image == 1 else "fills"


@dataclass
class Tally:
    """Counts of a run.

    Attributes:
        done: number of targets filled.
        failed: paths of the pictures of which a target could not be filled.
        flattened: paths of the pictures whose transparency the files of their fills cannot hold.
        coloured: paths of the pictures whose channels have masks of their own.
    """

    done: int = 0
    failed: set[str] = field(default_factory=set)
    flattened: set[str] = field(default_factory=set)
    coloured: set[str] = field(default_factory=set)

    def to_json(self) -> str:
        """Message for another worker."""
        return json.dumps([self.done, *map(sorted, (self.failed, self.flattened, self.coloured))])

    @classmethod
    def merge(cls, messages: Sequence[str]) -> "Tally":
        """The counts of all workers together, from the `to_json` of each."""
        merged = cls()
        for done, failed, flattened, coloured in map(json.loads, messages):
            merged.done += done
            merged.failed |= set(failed)
            merged.flattened |= set(flattened)
            merged.coloured |= set(coloured)
        return merged
