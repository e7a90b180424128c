"""All that is generated of the site, from a checkout and the pages that are written by hand."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sightglass import ledger, pages, settings
from sightglass.catalogue import check
from sightglass.errors import CatalogueError
from sightglass.pages import additions, neighbours, phrases, tutorials

_ISSUE = re.compile(r"\[([^\]]+)\]\(\.\./\.\./issues/\S+\)")
Files = dict[str, str | bytes]  # by path in the site, pages as Markdown


def generate(root: Path, written: Mapping[str, str]) -> Files:
    """All that is not written by hand; ``written`` are the Markdown pages that are, by path.  The home pages are both.

    Raises CatalogueError, with every problem, or StoredError for a ledger that cannot be read.
    """
    catalogue, problems = check.check(root)
    if problems:
        raise CatalogueError(problems)
    addresses = settings.load(root)
    contributing = {"contributing.md": (root / "CONTRIBUTING.md").read_text(encoding="utf-8"), **written}
    generated: Files = {
        path: _issues(contributing[path], addresses.repository)
        for path in (f"{folder}contributing.md" for folder in phrases.FOLDERS.values())
        if path in contributing
    }
    site = pages.Site(catalogue, ledger.load_all(root), addresses, added=additions.added(root), now=_now())
    generated |= tutorials.build(site)
    prose = {**written, **generated} | tutorials.prose(generated)
    guides = {_url(path): title for path, text in prose.items() if (title := _title(path, text))}
    headings = {_url(path): _headings(text) for path, text in prose.items() if _url(path) in guides}
    site = replace(site, guides=guides, headings=headings)
    generated |= pages.build(site)
    for language, folder in phrases.FOLDERS.items():
        home = f"{folder}index.md"
        if home in written:
            generated[home] = pages.home(site.in_language(language), written[home])
    return neighbours.linked(generated)


def _issues(text: str, repository: str) -> str:
    """A guide with its links to new issues, which are relative on GitHub, made whole, or plain words."""
    if repository:
        return text.replace("](../../issues/", f"]({repository}issues/")
    return _ISSUE.sub(r"\1", text)


def _now() -> datetime:
    """The moment of the build; SOURCE_DATE_EPOCH, the usual variable for builds that can be repeated, overrides it."""
    return datetime.fromtimestamp(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()), UTC)


def _url(path: str) -> str:
    return path.removesuffix(".md").removesuffix("index") + ("" if path.endswith("index.md") else "/")


def _title(path: str, text: str | bytes) -> str | None:
    """The first heading of a page written by hand, for the search box."""
    heading = re.search(r"^# (.+?)(?: \{.*\})?$", text, re.MULTILINE) if isinstance(text, str) else None
    return heading[1] if heading and path.endswith(".md") and path not in ("index.md", "zh/index.md") else None


def _headings(text: str | bytes) -> list[str]:
    """The headings below the first, which say what a guide is good for; code blocks may hold '#' too."""
    prose = re.sub(r"^(`{3,}|~{3,}).*?^\1", "", str(text), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#{2,3} (.+?)(?: \{.*\})?$", prose, re.MULTILINE)
