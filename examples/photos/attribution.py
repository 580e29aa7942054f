"""Write ATTRIBUTION.md from sources.csv: whose the photographs are, and under which licence."""

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from sources import WHEELS, Source, read_list

HEAD = """# Whose the photographs are

Made by `attribution.py` from `sources.csv`; do not edit. {count} photographs, by licence: {licences}.

Crops of them, made smaller, are the training set of the photograph model; nothing else was changed. Authors and
licences are as the packages give them (see README.md). Titles of unnamed pictures are those of their files.
"""
ADDRESSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}


def cell(text: str) -> str:
    """A text that can stand in a cell of a table."""
    return text.replace("|", "\\|")


def link(text: str, address: str | None) -> str:
    """A text that leads to an address, if there is one."""
    escaped = address.replace("(", "%28").replace(")", "%29") if address else ""
    return f"[{cell(text)}]({escaped})" if escaped else cell(text)


def section(package: str, sources: Sequence[Source]) -> list[str]:
    """The lines about the photographs of one package."""
    kind = "Python" if package in WHEELS else "Debian"
    lines = ["", f"## {package} ({kind})", "", "| title | author | licence | file |", "|---|---|---|---|"]
    for source in sources:
        licence = link(source.licence, ADDRESSES.get(source.licence))
        lines.append(f"| {link(source.title, source.source)} | {cell(source.author)} | {licence} | {source.file} |")
    return lines


def compose(sources: Sequence[Source]) -> str:
    """The whole page."""
    counts = Counter(source.licence for source in sources)
    licences = ", ".join(f"{licence} {count}" for licence, count in counts.most_common())
    lines = [HEAD.format(count=len(sources), licences=licences).rstrip()]
    by_package = sorted(sources, key=lambda source: (source.package, source.file))
    for package, group in groupby(by_package, key=lambda source: source.package):
        lines += section(package, list(group))
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "ATTRIBUTION.md",
                        help="file to write (default: %(default)s)")  # fmt: skip
    parser.parse_args(arguments).out.write_text(compose(read_list()), encoding="utf-8")


if __name__ == "__main__":
    main()
