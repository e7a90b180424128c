"""Which page comes before and after another: those of a folder follow each other in the order in which they are made.

It stands in the page's front matter with the other's title, so that a page whose neighbour is renamed is another page
for ``rebuilding``.  Pages of the navigation have their neighbours from it (``mkdocs_hook``).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

_TITLE = re.compile(r"---\ntitle: (.*)\n")
_SPOKEN = re.compile(r"^# .* \{.* lang=([\w-]+).*\}$", re.MULTILINE)


def linked(pages: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """The same pages and files; a page of a folder names ``previous`` and ``next``: address, title, its language."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in pages:
        folder, name = posixpath.split(path)
        if path.endswith(".md") and name != "index.md" and folder.rpartition("/")[2] not in ("", "zh"):
            folders[folder].append(path)
    made = dict(pages)
    for paths in folders.values():
        for before, after in pairwise(paths):
            made[after] = _with(str(made[after]), "previous", _named(before, str(pages[before])))
            made[before] = _with(str(made[before]), "next", _named(after, str(pages[after])))
    return made


def spoken(page: str) -> str:
    """The language of a page's heading, as HTML names it; empty where it is that of the interface."""
    found = _SPOKEN.search(page)
    return found[1] if found else ""


def _named(path: str, page: str) -> list[str]:
    """A page's address, title and the title's language."""
    title = _TITLE.match(page)
    return [f"{path.removesuffix('.md')}/", json.loads(title[1]) if title else path, spoken(page)]


def _with(page: str, field: str, value: list[str]) -> str:
    """The page with one more field in its front matter."""
    return page.replace("\n---\n", f"\n{field}: {json.dumps(value, ensure_ascii=False)}\n---\n", 1)
