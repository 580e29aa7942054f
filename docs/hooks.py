"""Hooks of mkdocs: the site also shows files that lie outside `docs/`, so that links work on GitHub and on the site."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")
PICTURES = ("examples/*.png", "examples/*.jpg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures, under their paths relative to the repository's root."""
    for path in (path for pattern in (*PAGES, *PICTURES) for path in sorted(ROOT.glob(pattern))):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite relative links: on the site, `docs/` is the root itself."""
    if page.file.src_uri in PAGES:
        return markdown.replace("](docs/", "](").replace("](../docs/", "](../")
    return markdown.replace("](../", "](")
