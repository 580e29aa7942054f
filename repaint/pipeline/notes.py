"""Messages for the user about choices and keys of model and sampling that may surprise."""

from repaint.checkpoints.architecture import attention_note, build_classifier_config, build_unet_config
from repaint.checkpoints.formats import has_own_network
from repaint.checkpoints.weights import Weights
from repaint.config.sampling import SamplingConfig
from repaint.pipeline.process import respacing_note


def sampling_notes(config: SamplingConfig, weights: Weights | None) -> list[str]:
    """Messages about the entry taken of a checkpoint, `t_T`, and sizes of attention.

    Args:
        config: checked and resolved.
        weights: the checkpoint; None if it is missing.
    """
    notes = [None if weights is None else weights.note, respacing_note(config)]
    if not has_own_network(config):
        notes.append(attention_note("attention_resolutions", build_unet_config(config)))
    if config.guided:
        notes.append(attention_note("classifier_attention_resolutions", build_classifier_config(config)))
    return [note for note in notes if note is not None]
