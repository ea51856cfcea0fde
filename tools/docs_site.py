"""
A hook of MkDocs: links from the documentation to files of the repository.

GitHub follows ``../Procfile``; the site does not have that file. Such a link is checked, and
becomes one to the repository where `repo_url` says where that is, else plain text.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_REPOSITORY = Path(__file__).parent.parent
_LINK = re.compile(
    r"\[(?P<text>[^][]*)\]\((?P<path>(?:\.\./)+[^)#]*)(?P<anchor>#[^)]*)?\)"
)
#: MkDocs counts what is logged below this name; with --strict a warning fails the build.
_log = logging.getLogger("mkdocs.hooks.docs_site")


def on_page_markdown(
    markdown: str, *, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Let links that leave the documentation lead to the repository."""
    del files
    folder = Path(page.file.abs_src_path or "").parent
    docs = Path(config.docs_dir)

    def link(found: re.Match[str]) -> str:
        target = (folder / found["path"]).resolve()
        if target.is_relative_to(docs):
            return found[0]
        if not target.exists():
            _log.warning(
                "%s links to %s, which does not exist", page.file.src_uri, found["path"]
            )
        if not config.repo_url:
            return found["text"]
        path = target.relative_to(_REPOSITORY).as_posix()
        base = config.repo_url.rstrip("/")
        return f"[{found['text']}]({base}/blob/main/{path}{found['anchor'] or ''})"

    return _LINK.sub(link, markdown)
