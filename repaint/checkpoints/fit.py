"""State dict against network: compare keys and shapes, then load the weights."""

from torch import nn

from repaint.checkpoints.weights import State
from repaint.errors import CheckpointError


def load_weights(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Copy weights into a network of exactly the same keys and shapes; types are converted.

    Raises:
        CheckpointError: see `check_fit`, which also explains the arguments.
    """
    check_fit(network, state, path, wrong_flags)
    network.load_state_dict(state)


def move_weights(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Make weights the float32 parameters of a network on the meta device, without a second copy of them.

    `state` is empty afterwards, so that whatever replaces a parameter (another device, layout or type) frees the
    tensor it came from.

    Raises:
        CheckpointError: see `check_fit`, which also explains the arguments.
    """
    check_fit(network, state, path, wrong_flags)
    for key in state:
        state[key] = state[key].float()
    network.load_state_dict(state, assign=True)
    state.clear()


def check_fit(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Compare the keys and shapes of weights with those of a network, which may be on the meta device.

    Args:
        network: where the weights shall go.
        state: weights by name.
        path: of the checkpoint, for the error message.
        wrong_flags: names the flags that explain a mismatch, see `repaint.checkpoints.contradictions.explain_misfit`.

    Raises:
        CheckpointError: lists the missing, unexpected and differently shaped keys.
    """
    wanted = {key: list(value.shape) for key, value in network.state_dict().items()}
    found = {key: list(value.shape) for key, value in state.items()}
    shapes = [
        f"{key} {found[key]} instead of {wanted[key]}" for key in wanted if found.get(key, wanted[key]) != wanted[key]
    ]
    parts = [
        _list_some("missing", [key for key in wanted if key not in found]),
        _list_some("unexpected", [key for key in found if key not in wanted]),
        _list_some("of another shape", shapes),
    ]
    if any(parts):
        problems = "; ".join(part for part in parts if part)
        raise CheckpointError(f"{path}: does not fit the configured network{wrong_flags}. Keys {problems}")


def _list_some(kind: str, items: list[str], most: int = 3) -> str:
    if not items:
        return ""
    more = f", and {len(items) - most} more" if len(items) > most else ""
    return f"{kind}: {', '.join(items[:most])}{more}"
