"""Write docs/api.md, the reference of the library's public names, from their docstrings: pip install -e '.[docs]'"""

import argparse
import re
from pathlib import Path

import griffe
from griffe2md import ConfigDict, render_object_docs

import repaint

ROOT = Path(__file__).parents[1]
HEAD = """# Library reference

`import repaint`; all names below are `repaint.NAME`. Written by `python scripts/make_api_reference.py` from the
docstrings.

`Picture` is a Pillow picture, an array or a path; `Callback` a function of a `Step`; `Model` a function
(x, timesteps, y) -> prediction, `CondFn` one (x, timesteps, y) -> gradient; `Time` an int, or a tensor of a time for
each picture. `ReverseStep` has the fields `mean`, `log_variance` and `pred_xstart`.
"""
STYLE = ConfigDict(
    heading_level=2,
    show_root_full_path=False,
    show_object_full_path=False,
    show_signature_annotations=True,
    signature_crossrefs=False,
    separate_signature=True,
    docstring_section_style="list",
    show_bases=False,
    summary=False,
    filters=["!^_[^_]", "!^__init__$"],
    members_order="source",
    line_length=100,
)


def render() -> str:
    """The reference: first what most want, then the pieces behind it."""
    package = griffe.load(
        "repaint",
        search_paths=[str(ROOT)],
        docstring_parser="google",
        docstring_options={"returns_multiple_items": False},
    )
    names = sorted(repaint.__all__, key=lambda name: not name.lower().startswith("inpaint"))
    return "\n".join([HEAD, *(_render_name(package[name].final_target) for name in names)])


def _render_name(found: griffe.Object) -> str:
    for name in [name for name, member in found.members.items() if member.is_attribute]:
        found.del_member(name)  # the docstring of the class tells of those that matter
    text = render_object_docs(found, STYLE)
    text = re.sub(r"(?m)^(#+ `)repaint\.[a-z_.]+\.", r"\1", text)
    text = re.sub(r"<code>(.*?)</code>", lambda types: f"`{_plain(types[1])}`", text)
    return re.sub(r"\n{3,}", "\n\n", _plain(text)).rstrip() + "\n"


def _plain(text: str) -> str:
    """Without links into this page, of which most would lead to other libraries."""
    return re.sub(r"\[(\**[^\[\]]*\**)\]\(#[^)]*\)", r"\1", text)


def main() -> None:
    """Parse the arguments and write the page."""
    parser = argparse.ArgumentParser(description="Write the reference of the library's public names.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/api.md", help="default: docs/api.md")
    args = parser.parse_args()
    args.out.write_text(render())
    print(args.out)


if __name__ == "__main__":
    main()
