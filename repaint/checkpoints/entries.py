"""Entries of checkpoint files: the states that trainers save side by side, and which of them is the network.

A file may hold the weights alone, or beside them their moving average (EMA), an optimiser and counters; nested in
dictionaries, or in one dictionary under prefixes such as `module.` or `ema.`. Every state found is an entry, named by
the path that leads to it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from torch import Tensor

from repaint.checkpoints.weights import State
from repaint.errors import CheckpointError

ROOT = "root"  # name of the entry that has no path

_ANCHOR = "time_embed.0.weight"  # in all of guided-diffusion's networks and in no other part of a file
_TRANSPARENT = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")  # of PyTorch, anywhere
_USUAL = {
    "denoise_fn", "denoiser", "diffusion", "model", "model_state", "model_state_dict", "module", "net", "network",
    "params", "state_dict", "unet", "weights",
}  # fmt: skip
_AVERAGE = {"averaged", "ema", "shadow"}  # words in the names of moving averages
_NOT_AVERAGED = "online_model"  # what ema-pytorch calls the raw weights inside of its `ema`
_DEEPEST = 6  # dictionaries within each other


@dataclass(frozen=True)
class Entry:
    """A state within a checkpoint file.

    Attributes:
        name: path to it, joined by dots.
        state: its weights, by their names in the network.
    """

    name: str
    state: State

    @property
    def is_average(self) -> bool:
        """Whether it is a moving average of weights, by its name."""
        return is_average(self.name) and _NOT_AVERAGED not in self.name.split(".")

    @property
    def is_usual(self) -> bool:
        """Whether its name is one that trainers give to a network."""
        return all(part in _USUAL or is_average(part) for part in self.name.split("."))


@dataclass(frozen=True)
class Picked:
    """The state to run.

    Attributes:
        state: weights by name.
        entry: where it was in the file; None if there is no other.
        note: message about a choice that was made for the user; None if there was none.
    """

    state: State
    entry: str | None = None
    note: str | None = None


def is_average(name: str) -> bool:
    """Whether 'ema' or the like is a word of a name: 'ema', 'model_ema', 'emaModel', but not 'schema'."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return any(word.lower() in _AVERAGE for word in words)


def pick_state(path: str, loaded: object, wanted: str | None = None) -> Picked:
    """Find the network's weights in what a checkpoint file holds.

    Args:
        path: of the file, for messages.
        loaded: what it holds.
        wanted: name of the entry to take, or the beginning of it; None takes the moving average, or else the weights.

    Raises:
        CheckpointError: there are none, none of this name, or several and nothing tells which.
    """
    entries = _find_entries(path, loaded, wanted)
    if not entries:
        found = f"; its entries are {_list(map(str, loaded))}" if isinstance(loaded, Mapping) and loaded else ""
        raise CheckpointError(f"{path}: holds no dictionary of weights (a state_dict is expected){found}")
    pool = [entry for entry in entries if wanted is None or f"{entry.name}.".startswith(f"{wanted}.")]
    if not pool:
        raise CheckpointError(f"{path}: has no entry {wanted}, only {_list(entry.name for entry in entries)}")
    chosen = [entry for entry in pool if entry.is_average] or pool
    chosen = [entry for entry in chosen if entry.is_usual] or chosen
    if len(chosen) > 1:
        raise CheckpointError(
            f"{path}: holds several networks, {_list(entry.name for entry in chosen)}; set model_entry to one of them"
        )
    if len(entries) == 1:
        return Picked(chosen[0].state)
    note = None if wanted is not None else _describe_choice(path, chosen[0], entries)
    return Picked(chosen[0].state, chosen[0].name, note)


def _describe_choice(path: str, chosen: Entry, entries: Sequence[Entry]) -> str:
    kind = "moving average (EMA) " if chosen.is_average else ""
    others = _list(entry.name for entry in entries if entry is not chosen)
    return f"{path}: its {kind}entry {chosen.name} is taken; model_entry chooses another ({others})"


def _list(names: Iterable[str]) -> str:
    all_names = list(names)
    return ", ".join(all_names[:6]) + (", ..." if len(all_names) > 6 else "")


def _find_entries(path: str, loaded: object, wanted: str | None) -> list[Entry]:
    """All entries that are networks, moving averages first brought to the network's names."""
    entries = [entry for names, state in _find_states(loaded) for entry in _split(names, state)]
    networks = [entry for entry in entries if _ANCHOR in entry.state]
    if not networks:
        return entries
    for average in (entry for entry in entries if entry.is_average and _ANCHOR not in entry.state):
        named = next((state for raw in networks if (state := _name_weights(average, raw)) is not None), None)
        if named is not None:
            networks.append(Entry(average.name, named))
        elif wanted is None and len(average.state) >= len(networks[0].state):
            raise CheckpointError(
                f"{path}: its moving average {average.name} has a form that is not known; model_entry: "
                f"{networks[0].name} takes the weights without it"
            )
    return networks


def _find_states(tree: object, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Dictionaries (and lists) of tensors, with the path to each. Optimisers, which number theirs, are left out."""
    items: list[tuple[object, object]] = []
    if isinstance(tree, Mapping):
        items = [(key, value) for key, value in tree.items() if isinstance(key, str)]
    elif isinstance(tree, list | tuple):
        items = list(enumerate(tree))
    state = {str(key): value for key, value in items if isinstance(value, Tensor)}
    if state:
        yield names, state
    if len(names) < _DEEPEST:
        for key, value in items:
            yield from _find_states(value, (*names, str(key)))


def _split(names: tuple[str, ...], state: State) -> Iterator[Entry]:
    """The entries within one dictionary, whose keys have prefixes."""
    state = {_TRANSPARENT.sub("", key): value for key, value in state.items()}
    prefixes = {key.removesuffix(_ANCHOR) for key in state if f".{key}".endswith(f".{_ANCHOR}")}
    firsts = {key.partition(".")[0] for key in state if "." in key}
    prefixes |= {f"{first}." for first in firsts if is_average(first)}
    longest_first = [*sorted(prefixes - {""}, key=len, reverse=True), ""]
    parts: dict[str, State] = {prefix: {} for prefix in longest_first}
    for key, value in state.items():
        prefix = next(each for each in longest_first if key.startswith(each))
        parts[prefix][key.removeprefix(prefix)] = value
    for prefix, part in parts.items():
        weights = {key: value for key, value in part.items() if "." in key or value.numel() > 1}  # no counters
        if weights:
            peeled, more = _peel(weights)
            path = (*names, *prefix.split(".")[:-1], *more)
            yield Entry(".".join(path) or ROOT, peeled)


def _peel(state: State) -> tuple[State, list[str]]:
    """A state without the usual prefixes that all its keys share, and those prefixes."""
    if _ANCHOR in state:
        return state, []
    shared = list(zip(*(key.split(".")[:-1] for key in state), strict=False))
    prefixes = [parts[0] for parts in takewhile(lambda parts: set(parts) <= {parts[0]} & _USUAL, shared)]
    length = sum(len(prefix) + 1 for prefix in prefixes)
    return {key[length:]: value for key, value in state.items()}, prefixes


def _name_weights(average: Entry, raw: Entry) -> State | None:
    """A moving average that has lost the names of its weights, with those of the raw ones; None if they do not fit.

    Some trainers keep it as a list in the order of the weights, others leave out the dots.
    """
    candidates = [list(average.state.values())] if all(key.isdecimal() for key in average.state) else []
    parts = raw.name.split(".")
    for start in range(len(parts) + 1):
        prefix = "".join(parts[start:])
        names = [prefix + key.replace(".", "") for key in raw.state]
        if all(name in average.state for name in names):
            candidates.append([average.state[name] for name in names])
    for values in candidates:
        if [value.shape for value in values] == [value.shape for value in raw.state.values()]:
            return dict(zip(raw.state, values, strict=True))
    return None
