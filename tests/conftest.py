import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the suite runs in two processes; more threads would only jostle

import torch
from hypothesis import settings

torch.set_num_threads(1)

# Network code is slow on a busy machine: no deadlines. The same examples in every run, so that a failure comes back.
settings.register_profile("repaint", deadline=None, derandomize=True)
settings.load_profile("repaint")
