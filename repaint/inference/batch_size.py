"""Batch size: the largest that fits into memory, and a smaller one after running out of memory."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

from repaint.errors import ConfigError, is_out_of_memory
from repaint.pipeline.network import estimate_memory
from repaint.pipeline.pipeline import Pipeline

CONTAINER = Path("/sys/fs/cgroup")
HOST_SHARE = 0.6  # of the host's free memory; the rest is for pictures, the allocator's slack and other programs


def largest_batch(pipeline: Pipeline, most: int) -> int:
    """Largest batch size, a power of two up to `most`, that fits into the memory of the pipeline's device.

    On a GPU it is found by trying one step; on the host, where trying too much could end other programs, by estimating.
    """
    fits = _fits_device if pipeline.device.type == "cuda" else _fits_host
    return _last_doubling(lambda batch: fits(pipeline, batch), most)


class BatchSizes:
    """Batch sizes of a caller without a key for it, by the number of windows that could be filled together."""

    def __init__(self) -> None:
        self._found: dict[int, int] = {}
        self._most: int | None = None

    def pick(self, pipeline: Pipeline, windows: int) -> int:
        """How many windows to fill at a time; finding out may cost network calls, so it is done once for a number."""
        if windows not in self._found:
            most = 1 << (windows - 1).bit_length()  # the next power of two
            self._found[windows] = min(windows, largest_batch(pipeline, most))
        return min(self._found[windows], self._most or windows)

    def limit(self, most: int) -> None:
        """Pick no more from now on, as more did not fit into memory."""
        self._most = most


def halve_batch_size(batch_size: int, reason: str, device: torch.device, has_key: bool = True) -> int:
    """Half of a batch size that did not fit into memory, after freeing the device's cached memory and a message.

    Args:
        batch_size: that of the failed batch.
        reason: of the failure, for the message.
        device: of the batch.
        has_key: whether the user can set the batch size.

    Raises:
        ConfigError: the batch was a single picture.
    """
    if batch_size == 1:
        raise ConfigError(
            f"out of memory with one picture at a time ({reason}); it takes a smaller network, precision: bf16, or "
            f"a device with more memory"
        )
    smaller = -(-batch_size // 2)
    hint = f"; batch_size: {smaller} starts so" if has_key else ""
    tqdm.write(
        f"out of memory with batches of {batch_size}: going on with {smaller} (pictures may differ by a grey "
        f"level from those of other sizes{hint})",
        file=sys.stderr,
    )
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return smaller


def _last_doubling(fits: Callable[[int], bool], most: int) -> int:
    batch = 1
    while 2 * batch <= most and fits(2 * batch):
        batch *= 2
    return batch


def _fits_device(pipeline: Pipeline, batch: int) -> bool:
    size = pipeline.config.image_size
    try:
        x = torch.zeros(batch, 3, size, size, device=pipeline.device)
        y = torch.zeros(batch, dtype=torch.int64, device=pipeline.device) if pipeline.config.needs_class else None
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):  # or each try would compile blocks of its size
            pipeline.conditional_step(x, torch.zeros_like(x), lambda: x, y)(x, 0, x)
        torch.cuda.synchronize(pipeline.device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        torch.cuda.empty_cache()
    return True


def _fits_host(pipeline: Pipeline, batch: int) -> bool:
    _, activations = estimate_memory(pipeline.config, batch, pipeline.device, pipeline.weights)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of this run on this machine
    return activations <= HOST_SHARE * _free_host_memory() / processes


def _free_host_memory() -> int:
    """Bytes that programs can still take without swapping, and without passing the limit of their container."""
    free = _free_of_machine()
    with contextlib.suppress(OSError, ValueError):  # no limit: no file, or the word "max" in it
        limit, used = (int((CONTAINER / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    return free


def _free_of_machine() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
