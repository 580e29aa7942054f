import pytest
import torch

from repaint.checkpoints.fit import load_weights
from repaint.errors import CheckpointError
from tests.helpers.tiny import tiny_unet


def test_mismatch_names_keys_of_each_sort() -> None:
    network = tiny_unet()
    state = network.state_dict()
    del state["out.2.bias"]
    state["extra"] = torch.zeros(1)
    state["out.2.weight"] = torch.zeros(3, 32, 3, 3)
    with pytest.raises(CheckpointError) as caught:
        load_weights(network, state, "m.pt", ": hint")
    for part in (
        "m.pt: does not fit the configured network: hint",
        "missing: out.2.bias",
        "unexpected: extra",
        "of another shape: out.2.weight [3, 32, 3, 3] instead of [6, 32, 3, 3]",
    ):
        assert part in str(caught.value)
