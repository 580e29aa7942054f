"""Schedulers of the diffusers library: read the diffusion process (betas, prediction type, variance) of a model."""

from repaint.checkpoints.weights import Flags
from repaint.errors import CheckpointError
from repaint.models.diffusers_unet import library

_PREDICTIONS: dict[str, Flags] = {
    "epsilon": {"predict_xstart": False, "predict_v": False},
    "sample": {"predict_xstart": True, "predict_v": False},
    "v_prediction": {"predict_xstart": False, "predict_v": True},
}
_SMALL, _LARGE = ("fixed_small", "fixed_small_log"), ("fixed_large", "fixed_large_log")


def read_process(path: str, config: Flags, learned: bool) -> Flags:
    """The process that a scheduler's configuration describes, as diffusers' DDPMScheduler reads it.

    Args:
        path: of the model, for errors.
        config: content of its scheduler_config.json.
        learned: whether the network predicts the variance.

    Returns:
        Values by the keys of `ProcessConfig`.

    Raises:
        CheckpointError: the process has no betas, or is of a kind that cannot be run.
    """
    prediction = config.get("prediction_type", "epsilon" if config.get("predict_epsilon", True) else "sample")
    if prediction not in _PREDICTIONS:
        supported = ", ".join(_PREDICTIONS)
        raise CheckpointError(f"{path}: prediction_type {prediction} is not supported, only {supported}")
    betas = _read_betas(path, config)
    process = {"diffusion_steps": len(betas), "betas": betas, "rescale_timesteps": False}
    return process | _PREDICTIONS[prediction] | _read_variance(path, config, learned)


def _read_betas(path: str, config: Flags) -> list[float]:
    name = config.get("_class_name", "its scheduler")
    if config.get("beta_schedule") is None and config.get("trained_betas") is None:
        raise CheckpointError(f"{path}: {name} has no betas; only discrete processes as DDPM's can be run")
    keys = (
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr"
    )  # fmt: skip
    try:
        scheduler = library().DDPMScheduler(**{key: config[key] for key in keys if config.get(key) is not None})
        betas = [float(beta) for beta in scheduler.betas.double().tolist()]
    except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
        raise CheckpointError(f"{path}: {name} makes no betas ({in_short(error)})") from None
    if not all(beta > 0 for beta in betas):
        raise CheckpointError(f"{path}: {name} has betas that are not positive")
    if max(betas) >= 1:
        raise CheckpointError(
            f"{path}: {name} has a beta of 1 (zero terminal SNR, rescale_betas_zero_snr); its last step cannot be "
            f"undone by the sampler"
        )
    return betas


def _read_variance(path: str, config: Flags, learned: bool) -> Flags:
    kind = config.get("variance_type") or ("learned_range" if learned else "fixed_small")
    if kind not in (*_SMALL, *_LARGE, "learned_range"):
        raise CheckpointError(f"{path}: variance_type {kind} is not supported, only fixed ones and learned_range")
    if (kind == "learned_range") != learned:
        channels = 6 if learned else 3
        raise CheckpointError(f"{path}: variance_type {kind} contradicts the {channels} out_channels of its network")
    return {} if learned else {"sigma_small": kind in _SMALL}


def in_short(error: Exception) -> str:
    """The message of an error of the library, cut to one line."""
    return " ".join(str(error).split())[:160]
