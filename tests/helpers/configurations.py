"""A file in the published format, and what the tests of configurations share."""

from collections.abc import Iterator

from repaint.config.fields import StrictModel, models_in
from repaint.config.run import Config

# All keys of the published code's files, with and without effect.
PUBLISHED_FORMAT = """
attention_resolutions: 32,16,8
class_cond: false
diffusion_steps: 1000
learn_sigma: true
noise_schedule: linear
num_channels: 256
num_head_channels: 64
num_heads: 4
num_res_blocks: 2
resblock_updown: true
use_fp16: false
use_scale_shift_norm: true
classifier_scale: 4.0
lr_kernel_n_std: 2
num_samples: 100
show_progress: true
timestep_respacing: '250'
use_kl: false
predict_xstart: false
rescale_timesteps: false
rescale_learned_sigmas: false
classifier_use_fp16: false
classifier_width: 128
classifier_depth: 2
classifier_attention_resolutions: 32,16,8
classifier_use_scale_shift_norm: true
classifier_resblock_updown: true
classifier_pool: attention
num_heads_upsample: -1
channel_mult: ''
dropout: 0.0
use_checkpoint: false
use_new_attention_order: false
clip_denoised: true
use_ddim: false
latex_name: RePaint
method_name: Repaint
image_size: 256
model_path: ./data/pretrained/celeba256_250000.pt
name: face_example
inpa_inj_sched_prev: true
n_jobs: 1
print_estimated_vars: true
inpa_inj_sched_prev_cumnoise: false
schedule_jump_params: {t_T: 250, n_sample: 1, jump_length: 10, jump_n_sample: 10}
data:
  eval:
    paper_face_mask:
      mask_loader: true
      gt_path: ./data/datasets/gts/face
      mask_path: ./data/datasets/gt_keep_masks/face
      image_size: 256
      class_cond: false
      deterministic: true
      random_crop: false
      random_flip: false
      return_dict: true
      drop_last: false
      batch_size: 1
      return_dataloader: true
      ds_conf: {name: face}
      offset: 0
      max_len: 8
      paths:
        srs: ./log/face_example/inpainted
        lrs: ./log/face_example/gt_masked
        gts: ./log/face_example/gt
        gt_keep_masks: ./log/face_example/gt_keep_mask
"""


def steps_of(config: Config) -> tuple[str, int, int]:
    """Respacing, jump length and passes of a schedule."""
    params = config.schedule_jump_params
    return config.timestep_respacing, params.jump_length, params.jump_n_sample


def nested_models(model: type[StrictModel]) -> Iterator[type[StrictModel]]:
    """A model and all models that its fields contain, at any depth."""
    yield model
    for field in model.model_fields.values():
        for part in models_in(field.annotation):
            yield from nested_models(part)
