"""Threads in the place of the benchmark's processes, each of which would load PyTorch."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import pytest


class _Thread(threading.Thread):
    """As a process has, it has connections of its own, so that the other side may close its copies."""

    exitcode = 0

    def __init__(self, target: Callable[..., object], args: Sequence[Any], daemon: bool) -> None:
        own = [Connection(os.dup(each.fileno())) if isinstance(each, Connection) else each for each in args]
        super().__init__(target=target, args=own, daemon=daemon)


def processes_as_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `multiprocessing` start threads, for the rest of the test."""
    context = SimpleNamespace(Pipe=multiprocessing.Pipe, Process=_Thread)
    monkeypatch.setattr(multiprocessing, "get_context", lambda _method: context)
