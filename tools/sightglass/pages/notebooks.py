"""Pages that mkdocs-jupyter renders: what it is given, and what is made of its HTML.

The plugin gets each notebook as a file, with the outputs that are kept of it, and executes nothing.  Its own template
inlines 600 KB of styles and scripts and asks a third-party host for more; ours (``notebook/``) writes cells and outputs
alone.  What is left to do is what the site's Markdown does elsewhere: highlighting, headings with links to themselves.
"""

from __future__ import annotations

import functools
import html
import json
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

from markdown.extensions.toc import nest_toc_tokens
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from mkdocs_jupyter.config import settings

from sightglass.pages.markup import code, page
from sightglass.pages.rendering import heading

STYLES = ["assets/notebook.css"]
_CODE = re.compile(r'<pre><code class="language-(\w+)">(.*?)</code></pre>', re.DOTALL)
_FENCED = re.compile(r'(<div class="highlight"><pre><span></span>)(.*?)(</pre></div>)', re.DOTALL)
_HEADING = re.compile(r'<h([1-6])[^>]*>(.*?)<a class="anchor-link"[^>]*>¶</a></h\1>')


def prepare() -> None:
    """Have the plugin use our template, and not tell of each notebook."""
    settings.templates_dir = str(Path(__file__).with_name("notebook"))
    logging.getLogger("mkdocs.mkdocs-jupyter").setLevel(logging.WARNING)


def file(config: MkDocsConfig, path: str, content: str) -> File:
    """The notebook as a file on the disk: the plugin leaves all others alone."""
    place = Path(_folder().name, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, encoding="utf-8")
    return File(path, _folder().name, config.site_dir, config.use_directory_urls)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where this process keeps its notebooks until it ends."""
    return tempfile.TemporaryDirectory(prefix="sightglass-")


def front(content: str) -> str:
    """The front matter of a notebook's page."""
    metadata = json.loads(content)["metadata"]
    ways = {way: metadata.get(way) for way in ("previous", "next")}
    return page(metadata["title"], "", source=metadata["source"], styles=STYLES, **ways)


def as_markdown(content: str) -> str:
    """A notebook's page as Markdown, for a project without the plugin."""
    import nbformat
    from nbconvert import MarkdownExporter

    cells, _ = MarkdownExporter().from_notebook_node(nbformat.reads(content, as_version=4))
    return front(content) + str(cells)


def finished(made: str) -> tuple[str, list[dict[str, Any]]]:
    """A page's HTML from what the plugin made, and the tokens of its table of contents."""
    made = made.rpartition("<style>")[0]  # the plugin's last word is what it would colour code with
    made = _FENCED.sub(r"\1<code>\2</code>\3", made)
    made = _CODE.sub(lambda cell: code(html.unescape(cell[2]), cell[1]), made)
    tokens: list[dict[str, Any]] = []
    used: set[str] = set()
    made = _HEADING.sub(lambda found: heading(int(found[1]), found[2], used, tokens), made)
    return made, nest_toc_tokens(tokens)
