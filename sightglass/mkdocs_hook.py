"""The one adapter between the pages and MkDocs: it hands generated files over and knows nothing else.

``SIGHTGLASS_EXECUTE=1`` (what ``make site`` sets) executes the tutorials, and an error in a cell fails the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from sightglass import check, ledger, pages, settings, tutorials


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the public addresses from the one place where they stand."""
    addresses = settings.load(_root(config))
    config.site_url = config.site_url or addresses.site or None
    config.repo_url = addresses.repository or None
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made from the catalogue and the results, and the tutorials."""
    root = _root(config)
    catalogue, problems = check.check(root)
    if problems:  # a page could only be wrong; 'serve' shows this and builds again once it is mended
        raise PluginError("the catalogue has problems:\n" + "\n".join(map(str, problems)))
    addresses = settings.load(root)
    generated: dict[str, str | bytes] = {}
    generated["contributing.md"] = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    execute = os.environ.get("SIGHTGLASS_EXECUTE") == "1"
    try:
        generated |= tutorials.build(root, addresses=addresses, execute=execute)
    except tutorials.TutorialError as error:
        raise PluginError(str(error)) from error
    written = {file.src_uri: file.content_string for file in files.documentation_pages()} | generated
    guides = {_url(path): title for path, text in written.items() if (title := _title(path, text))}
    site = pages.Site(catalogue, ledger.load_all(root), addresses, guides)
    generated |= pages.build(site)
    for path, content in generated.items():
        files.append(File.generated(config, path, content=content))
    home = files.get_file_from_path("index.md")
    if home is not None:
        home.content_string = pages.home(site, home.content_string)
    return files


def _url(path: str) -> str:
    return path.removesuffix(".md").removesuffix("index") + ("" if path.endswith("index.md") else "/")


def _title(path: str, text: str | bytes) -> str | None:
    """The first heading of a page written by hand, for the search box."""
    heading = re.search(r"^# (.+?)(?: \{.*\})?$", text, re.MULTILINE) if isinstance(text, str) else None
    return heading[1] if heading and path.endswith(".md") and path != "index.md" else None


def on_page_context(context: dict[str, Any], page: Any, **_: Any) -> dict[str, Any]:
    """'Edit this page' of a generated page leads to the file that it is made from."""
    repository = context["config"].repo_url
    source = page.meta.get("source")
    if repository and source:
        page.edit_url = f"{repository.rstrip('/')}/edit/main/{source}"
    return context
