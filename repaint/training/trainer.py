"""Training and fine-tuning on a folder of pictures: IDDPM's objective, AdamW, EMA, DDP, exact resume.

All randomness of a step (pictures, flips, windows, times, noise, dropout) is a function of (seed, step, rank), so that
a resumed run equals the uninterrupted one to the bit on the same machine without storing any generator's state.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from repaint.checkpoints.architecture import build_unet
from repaint.config.training import TrainConfig
from repaint.data import images, storage
from repaint.data.encoding import encode_png
from repaint.data.training_images import TrainingPictures
from repaint.diffusion.losses import TrainingLoss, training_losses
from repaint.diffusion.reverse_steps import DDPMStep
from repaint.errors import ConfigError, DataError
from repaint.noise import PictureNoise, picture_seed
from repaint.pipeline.process import build_diffusion
from repaint.sampler import p_sample_loop
from repaint.schedule import get_schedule_jump
from repaint.training.checks import check_paths
from repaint.training.ctrl_c import ctrl_c_flag
from repaint.training.data_order import StepBatches, step_generator, step_seed
from repaint.training.networks import build_network, build_teacher, memory_format, place_network, start_from
from repaint.training.optimisation import draw_times_and_noise, flip_half, update_average, with_autocast
from repaint.training.state import (
    LOG_FILE,
    SAMPLES_FOLDER,
    STATE_FILE,
    Surroundings,
    TrainingState,
    export_model,
    is_finite,
    load_state,
    save_state,
    truncate_log,
)
from repaint.training.teacher import WINDOWS, region_size
from repaint.visual.contact_sheets import tile
from repaint.workers.worker import Worker

_LOCKED = "results locked"  # message of the main worker


def learning_rate(config: TrainConfig, step: int) -> float:
    """Learning rate schedule: linear warm-up, then constant or cosine decay to 0 at `config.steps`."""
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    decay = 0.5 * (1 + math.cos(math.pi * step / config.steps)) if config.lr_decay == "cosine" else 1.0
    return config.lr * warmup * decay


class Trainer:
    """Training loop with the network, its moving average, the optimiser and the number of finished steps.

    What an earlier run left in the results folder is read by `run`, which keeps other runs out of the folder meanwhile.

    Args:
        config: of the training run.
        worker: this worker; with several of them inside a process group, see `repaint.workers.rendezvous`.

    Raises:
        RepaintError: contradictory configuration, unreadable folder or checkpoint.
    """

    def __init__(self, config: TrainConfig, worker: Worker) -> None:
        self.pictures_per_step = _pictures_per_step(config, worker.world_size)
        if config.class_cond:
            raise ConfigError("class_cond: training without labels is all that is offered; set it to false")
        check_paths(config)
        self.config = config
        self.worker = worker
        taught = config.teacher_path is not None
        size = region_size(config.image_size) if taught else config.image_size
        self.dataset = TrainingPictures(config.data_path, size, enlarge=not taught)
        self.diffusion = build_diffusion(config).to(worker.device)
        self.sample_diffusion = build_diffusion(config, str(config.sample_steps)).to(worker.device)
        self.network = build_network(config)
        if config.init_path is not None and not storage.exists(storage.join(config.out, STATE_FILE)):
            note = start_from(self.network, config, config.init_path)
            if note is not None and worker.is_main:
                print(note)
        place_network(self.network, config, worker.device)
        self.teacher = build_teacher(config, config.teacher_path, worker.device) if config.teacher_path else None
        digest = None if self.teacher is None else self.teacher.digest
        self.surroundings = Surroundings(len(self.dataset), worker.world_size, digest)
        self.ema = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), config.lr, weight_decay=config.weight_decay)
        self.step = 0
        self.parallel: nn.Module = self.network
        if worker.world_size > 1:
            self.parallel = DistributedDataParallel(self.network)

    def last_step(self, stop: int | None) -> int:
        """Last step of a run with the option --stop.

        Args:
            stop: the option; None trains to the end.

        Raises:
            ConfigError: a negative number.
        """
        if stop is not None and stop < 0:
            raise ConfigError(f"--stop {stop}: a step is at least 0")
        return self.config.steps if stop is None else min(stop, self.config.steps)

    def run(self, stop: int | None = None, on_start: Callable[[int, int], object] = lambda first, last: None) -> None:
        """Resume, and train up to a step, saving as configured and at the end.

        Args:
            stop: the step; None trains to the end.
            on_start: called with the first and the last step before any is done.

        Raises:
            RepaintError: the saved state is damaged or another training's.
            KeyboardInterrupt: Ctrl-C before the last step; raised after the current step is finished and saved, at a
                second one at once.
            DataError: an unreadable or small picture, all steps before it are saved; or another training is at work.
            ConfigError: the loss or what would be saved is not finite, or `stop` is negative.
        """
        stop = self.last_step(stop)
        if self.worker.is_main:
            storage.check_writable(self.config.out)
        with self._locked_folder():
            if self.worker.is_main:
                storage.remove_leftovers(self.config.out)
            if self.step == 0:  # otherwise this trainer has got further than that
                self._resume()
            on_start(self.step, stop)
            self._run(stop)

    @contextmanager
    def _locked_folder(self) -> Iterator[None]:
        """Keep other runs out; all processes wait for the main one's lock, as until then the state may change."""
        with storage.lock(self.config.out) if self.worker.is_main else nullcontext():
            if self.worker.is_main:
                self.worker.publish(_LOCKED, "")
            else:
                self.worker.wait_for(_LOCKED)
            yield

    def _run(self, stop: int) -> None:
        rank, world_size = self.worker.rank, self.worker.world_size
        order = StepBatches(
            len(self.dataset), self.pictures_per_step, self.config.seed, self.step, stop, rank, world_size
        )
        first = self.step
        bar = tqdm(total=stop, initial=self.step, unit="step", disable=not self.worker.is_main)
        with ctrl_c_flag() as interrupted:
            try:
                for batch in self.dataset.batches(order):
                    self._train_step(batch, bar)
                    bar.update()
                    if interrupted.is_set():
                        break
            except DataError:
                if self.step > first:  # a state without steps would tie the training to the pictures as they are now
                    self.save()
                raise
            finally:
                bar.close()
            self.save()
        if interrupted.is_set() and self.step < stop:  # otherwise it came when only saving was left
            raise KeyboardInterrupt

    def _train_step(self, batch: Tensor, bar: "tqdm[Any]") -> None:
        config = self.config
        started = time.perf_counter()
        self.parallel.train()
        torch.manual_seed(step_seed(config.seed, self.step, 2 + self.worker.rank))  # of dropout
        for group in self.optimiser.param_groups:
            group["lr"], group["weight_decay"] = learning_rate(config, self.step), config.weight_decay
        loss = self._loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.total.mean().backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), config.grad_clip or math.inf)
        self.optimiser.step()
        update_average(self.ema, self.network, config.ema_rate, self.step)
        self.step += 1
        at_end = self.step == config.steps
        saving = self.step % config.save_interval == 0
        if saving or at_end or self.step % config.log_interval == 0:
            line = _loss_line(loss, self.step) | {"grad_norm": norm.item()}
            line |= {"seconds_per_step": time.perf_counter() - started}
            bar.set_postfix(loss=f"{line['loss']:.4f}")
            self._log(line)
        if saving:
            self.save()
        if self.worker.is_main and (at_end or self.step % config.sample_interval == 0):
            self.save_samples()

    def _loss(self, batch: Tensor) -> TrainingLoss:
        device = self.worker.device
        generator = step_generator(self.config.seed, self.step, 2 + self.worker.rank, device)
        x0 = images.to_unit(batch.to(device))
        if self.config.random_flip:
            (x0,) = flip_half(generator, x0)
        t, noise = draw_times_and_noise(x0, self.diffusion.num_timesteps, generator)
        model = with_autocast(self.parallel, device, self.config.precision == "bf16")
        if self.teacher is not None:
            return self.teacher.losses(self.diffusion, model, x0, t, noise, generator)
        x0, noise = (x.contiguous(memory_format=memory_format(self.config)) for x in (x0, noise))
        return training_losses(self.diffusion, model, x0, t, noise)

    def save(self) -> None:
        """Save the resume state and export the model (main process only).

        Raises:
            ConfigError: in all processes, as they have the same weights: these are not finite; the files stay.
        """
        state = self._finite_state()
        if not self.worker.is_main:
            return
        save_state(self.config, state, self.surroundings)
        export_model(self.config, self.ema, self.step, len(self.dataset))

    def _finite_state(self) -> TrainingState:
        """What a resumed run goes on from; ConfigError if that is lost, which the loss shows only a step later."""
        state = TrainingState(self.step, self.network.state_dict(), self.ema, self.optimiser.state_dict())
        if not is_finite(state):
            raise _diverged(self.step, "the weights or the optimiser's state are not finite")
        return state

    def _resume(self) -> None:
        state = load_state(self.config, self.surroundings, self.worker.device)
        if state is None:
            return
        self.network.load_state_dict(state.network)
        self.ema = state.ema
        self.optimiser.load_state_dict(state.optimiser)
        self.step = state.step
        if self.worker.is_main:
            if self.config.init_path is not None:
                print(f"init_path {self.config.init_path}: not used, as the run goes on from its own step {self.step}")
            truncate_log(self.config, self.step)

    def save_samples(self) -> None:
        """Write a contact sheet of unconditional samples of the averaged weights to `samples/STEP.png`.

        Raises:
            ConfigError: the weights are not finite.
        """
        config = self.config
        network = build_unet(self.network.config).to(self.worker.device)
        network.load_state_dict(self._finite_state().ema)
        shape = (3, config.image_size, config.image_size)
        seeds = [picture_seed(config.seed, i) for i in range(config.sample_count)]
        empty = torch.zeros(config.sample_count, *shape, device=self.worker.device)
        samples = p_sample_loop(
            DDPMStep(self.sample_diffusion, network.eval()),
            self.sample_diffusion,
            empty,
            empty[:, :1],
            get_schedule_jump(config.sample_steps),
            PictureNoise(seeds, shape, self.worker.device),
            inject=False,
        )
        sheet = tile([images.to_uint8(x) for x in samples], columns=math.ceil(config.sample_count**0.5))
        path = storage.join(config.out, f"{SAMPLES_FOLDER}/{self.step:07d}.png")
        storage.write_bytes(path, encode_png(sheet))

    def _log(self, line: dict[str, float]) -> None:
        if self.worker.is_main:
            storage.append_line(storage.join(self.config.out, LOG_FILE), json.dumps(line))


def _pictures_per_step(config: TrainConfig, processes: int) -> int:
    """Pictures of a step over all processes; ConfigError if they cannot be shared evenly."""
    windows = 1 if config.teacher_path is None else WINDOWS
    if config.batch_size % (windows * processes):
        share = f"{processes} processes" if windows == 1 else f"{windows} windows of a picture x {processes} processes"
        raise ConfigError(f"batch_size {config.batch_size} is not divisible by {share}")
    return config.batch_size // windows


def _loss_line(loss: TrainingLoss, step: int) -> dict[str, float]:
    """Mean loss terms of a finished step for the log; ConfigError if the loss is not finite."""
    total = loss.total.mean().item()
    if not math.isfinite(total):
        raise _diverged(step, f"the loss is {total}")
    return {"step": step, "loss": total, "mse": loss.mse.mean().item(), "vb": loss.vb.mean().item()}


def _diverged(step: int, what: str) -> ConfigError:
    """The error of a training that has no finite numbers left."""
    advice = "lower lr, or set grad_clip or precision: fp32; the last saved state is kept"
    return ConfigError(f"step {step}: {what}; {advice}")
