"""User errors: each message names what is wrong, where, and how to fix it."""

import difflib
from collections.abc import Iterable


class RepaintError(Exception):
    """Base of all errors that the command line prints as one line (exit code 2)."""


class ConfigError(RepaintError):
    """A configuration file or command-line value that cannot be run."""


class DataError(RepaintError):
    """A picture, mask or folder that is missing, unreadable or does not fit."""


class WriteError(DataError):
    """A result that cannot be written, which no other picture would mend."""


class DataWarning(UserWarning):
    """What a user should know about a picture, mask or folder that is read all the same."""


class CheckpointError(RepaintError):
    """A weights file that is missing, damaged, unsafe or of another architecture."""


def missing_extra(what: str, library: str, extra: str) -> ConfigError:
    """The error to raise where an optional library is missing."""
    return ConfigError(f"{what} needs {library}: pip install '.[{extra}]'")


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: "; did you mean 'x'?", or nothing if no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


# Of allocators and libraries that have no error class of their own.
_MEMORY_SIGNS = ("DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's or the host's memory is used up."""
    import torch  # only here, as all that `--help` needs imports this module

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _MEMORY_SIGNS)
