"""A prepared run with its model on the device: everything that each worker derives by itself."""

from dataclasses import dataclass

import torch

from repaint import __version__
from repaint.checkpoints.weights import Weights
from repaint.config.refining import REFINE_KEYS
from repaint.config.run import Config
from repaint.inference.inputs import config_digest
from repaint.inference.manifest import Expected
from repaint.inference.plan import Plan
from repaint.inference.targets import Target, describe_targets
from repaint.pipeline.pipeline import Pipeline, build_pipeline
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import pick_respacing
from repaint.workers.process_settings import release_freed_memory


@dataclass(frozen=True)
class Job:
    """A run that is ready to start.

    Attributes:
        config: of the run.
        pipeline: its model, process and schedule.
        targets: fills to make.
        expected: what manifest lines of this run hold.
        record: entries that all its manifest lines share.
    """

    config: Config
    pipeline: Pipeline
    targets: list[Target]
    expected: Expected
    record: dict[str, object]


def load_job(plan: Plan, classifier: Weights | None, device: torch.device) -> Job:
    """Build the model of a plan on a device; the plan's weights, and the classifier's, are moved into it.

    Args:
        plan: with its precision settled.
        classifier: None without guidance.
        device: where to run.

    Raises:
        RepaintError: weights have another architecture, or the device lacks the precision.
    """
    config, weights, size = plan.config, plan.weights, plan.config.eval_data.batch_size
    assert weights is not None, "only a dry run does without weights"
    if classifier is not None and classifier.note is not None:
        plan.notes.append(classifier.note)
    batches = 1 if size == "auto" else -(-len(plan.targets) // size)
    pipeline = build_pipeline(config, weights, classifier, device, batches)
    release_freed_memory()  # that of the files
    digest = config_digest(config, weights, classifier, device)
    expected = Expected(digest, describe_targets(config, plan.targets))
    return Job(config, pipeline, plan.targets, expected, _build_record(config, pipeline) | plan.record)


def _build_record(config: Config, pipeline: Pipeline) -> dict[str, object]:
    parameters = {} if config.parameters is None else config.parameters.model_dump()
    passes = config.model_dump(include={"resample", "times"}, exclude_none=True)
    schedule = passes or (config.schedule_jump_params.model_dump() if config.jumps else {})
    steps = {"t_T": pipeline.diffusion.num_timesteps, "timestep_respacing": pick_respacing(config)}
    adapted = {} if config.adapt is None else {"adapt": config.adapt.model_dump()}
    refined = config.model_dump(include=set(REFINE_KEYS) - config.idle_refine_keys)
    return {
        "method": {"name": config.method, **parameters},
        "schedule": schedule | steps,
        "checkpoint": config.model_path,
        "checkpoint_sha256": pipeline.weights.digest,
        "device": str(pipeline.device),
        "precision": pick_precision(config, pipeline.device) or "default",
        **adapted,
        **refined,
        "versions": {"repaint": __version__, "torch": torch.__version__},
    }
