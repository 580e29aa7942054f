"""Process-wide settings for inference on a CPU: reproducible sums, number of threads, allocator.

They belong to whoever owns the process. The command line applies them when it starts; `import repaint` and `Inpainter`
change nothing, and a program that uses the library may call `optimize_process` itself.
"""

import ctypes
import math
import os
from pathlib import Path

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a Linux container: microseconds in a period of so many


def optimize_process() -> None:
    """Make this process compute reproducibly and faster on the CPU, with settings that apply to all of it.

    Call it once, before anything is computed:

    - MKL's matrix products give the same bits with one and with two threads (environment variable `MKL_CBWR`, unless
      it is set already; MKL reads it at its first use);
    - PyTorch takes no more threads than the container may use processors (unless `OMP_NUM_THREADS` is set);
    - glibc keeps freed memory for the next network call instead of returning it to the system.

    On a GPU it makes no difference to speed. TF32 is not among the settings: `precision: fp32` and `tf32` switch it
    around each call of the network only.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    limit_threads()
    keep_freed_memory()


def limit_threads() -> None:
    """Take no more threads than the container may use processors; `OMP_NUM_THREADS` overrules.

    PyTorch takes one for each core that it sees. Threads that wait for one that gets no time slow everything down.
    """
    try:
        quota, period = _CPU_QUOTA.read_text().split()
        processors = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or the word "max": no limit
        return
    if "OMP_NUM_THREADS" not in os.environ and processors < torch.get_num_threads():
        torch.set_num_threads(processors)


def keep_freed_memory() -> bool:
    """Keep freed memory for the next call instead of returning it to the system, which clears it page by page.

    Returns:
        Whether the C library has this option (glibc has).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; TypeError: Windows
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def release_freed_memory() -> bool:
    """Return the memory that was freed so far to the system, once, as after reading gigabytes of weights.

    Returns:
        Whether the C library can do so (glibc can) and there was any.
    """
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # as in `keep_freed_memory`
        return False
    return bool(malloc_trim(0))
