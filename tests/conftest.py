import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the suite runs in two processes; more threads would only jostle

import pytest
import torch
from hypothesis import HealthCheck, settings

from repaint.workers.process_settings import keep_freed_memory

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell is started with Ctrl-C ignored
torch.set_num_threads(1)
keep_freed_memory()  # as the command line does: a third less time for networks

# Network code is slow on a busy machine: no deadlines, and no complaint about slow examples, which is a deadline too.
# The same examples in every run, so that a failure comes back.
settings.register_profile("repaint", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repaint")

FIRST = ("test_page.py", "test_golden.py")  # long tests: begun late, one would keep the suite waiting at the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)
