"""Names of results: the picture's own without its ending, told apart where pictures share one, within the disk's limit.

All names are relative, with / as separator, and normalized to composed Unicode (NFC), as some file systems decompose.
"""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

_SHORTENED_BY = 32  # bytes below the limit: for any suffix, number and ending of a result


def stem_of(name: str) -> str:
    """Relative name without its last extension: 'a/photo.v2.jpg' -> 'a/photo.v2'."""
    return _normalize(str(PurePosixPath(name).with_suffix("")))


def same_name(name: str, other: str) -> bool:
    """Whether two names are the same, however their accents are composed."""
    return _normalize(name) == _normalize(other)


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def result_stems(names: Iterable[str]) -> dict[str, str]:
    """The name of each picture's result, without ending, by the picture's name.

    Those of one name up to the ending keep it: `a.jpg` and `a.png` give `a.jpg` and `a.png`, all others their stem.
    """
    stems = {name: stem_of(name) for name in names}
    shared = _repeated(stems)
    return distinct_stems({name: _normalize(name) if stem in shared else stem for name, stem in stems.items()})


def distinct_stems(stems: Mapping[str, str]) -> dict[str, str]:
    """Stems by name or path; those that are there more than once get a digest of their key."""
    shared = _repeated(stems)
    return {key: f"{stem}~{_digest(key)}" if stem in shared else stem for key, stem in stems.items()}


def _repeated(stems: Mapping[str, str]) -> set[str]:
    return {stem for stem, count in Counter(stems.values()).items() if count > 1}


def fit_stem(stem: str, ending: str, limit: int) -> str:
    """A stem whose file names, with the longest `ending` that will follow it, have at most `limit` bytes.

    Too long parts are cut, and get a digest of what they were; the others stay.
    """
    *folders, last = stem.split("/")
    return "/".join([*(_fit(part, "", limit) for part in folders), _fit(last, ending, limit)])


def shorten_stem(stem: str, limit: int) -> str:
    """What `fit_stem` makes of a stem that is too long with one of the endings of results."""
    folder, slash, last = stem.rpartition("/")
    return f"{folder}{slash}{_cut(last, limit)}"


def _fit(part: str, ending: str, limit: int) -> str:
    return part if len(os.fsencode(part + ending)) <= limit else _cut(part, limit)


def _cut(part: str, limit: int) -> str:
    digest = f"~{_digest(part)}"
    kept = os.fsencode(part)[: max(1, limit - _SHORTENED_BY - len(digest))]
    return kept.decode(errors="ignore") + digest


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
