"""The one adapter between the pages and MkDocs: it hands generated files over and knows nothing else."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure import StructureItem
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

from sightglass import ledger, pages, settings
from sightglass.catalogue import check
from sightglass.links import LinksError
from sightglass.pages import additions, languages, markup, phrases, rendering, tutorials

_navigations: dict[str, Navigation] = {}  # of the build that runs, by language
_addresses: frozenset[str] = frozenset()  # of all pages of the build that runs
_destinations: frozenset[str] = frozenset()  # of all its files
_log = get_plugin_logger("sightglass")


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent


def _now() -> datetime:
    """The moment of the build; SOURCE_DATE_EPOCH, the usual variable for builds that can be repeated, overrides it."""
    return datetime.fromtimestamp(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()), UTC)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the public addresses from the one place where they stand."""
    addresses = settings.load(_root(config))
    config.site_url = config.site_url or addresses.site or None
    config.repo_url = addresses.repository or None
    if not any(isinstance(extension, rendering.Ready) for extension in config.markdown_extensions):
        config.markdown_extensions.append(rendering.Ready())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made from the catalogue and the results, and the tutorials."""
    root = _root(config)
    for file in files.documentation_pages():
        if languages.language_of(file.src_uri) == "zh":
            file.content_string = markup.unbroken(file.content_string)
    catalogue, problems = check.check(root)
    if problems:  # a page could only be wrong; 'serve' shows this and builds again once it is mended
        raise PluginError("the catalogue has problems:\n" + "\n".join(map(str, problems)))
    addresses = settings.load(root)
    generated: dict[str, str | bytes] = {}
    generated["contributing.md"] = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    try:
        generated |= tutorials.build(root, addresses=addresses)
    except ValueError as error:
        raise PluginError(str(error)) from error
    written = {file.src_uri: file.content_string for file in files.documentation_pages()} | generated
    guides = {_url(path): title for path, text in written.items() if (title := _title(path, text))}
    headings = {_url(path): _headings(text) for path, text in written.items() if _url(path) in guides}
    results, dates = ledger.load_all(root), additions.added(root)
    site = pages.Site(catalogue, results, addresses, guides, headings=headings, added=dates, now=_now())
    try:
        generated |= pages.build(site)
    except LinksError as error:
        raise PluginError(str(error)) from None
    for path, content in generated.items():
        files.append(File.generated(config, path, content=content))
    for language, folder in phrases.FOLDERS.items():
        home = files.get_file_from_path(f"{folder}index.md")
        if home is not None:
            home.content_string = pages.home(site.in_language(language), home.content_string)
    listed = set(_listed(config.nav or []))
    for file in files.documentation_pages():
        if file.src_uri not in listed:
            rendering.ReadyPage(None, file, config)
    return files


def _listed(nav: Any) -> Iterator[str]:
    """The paths that stand in the navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from _listed(item)


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Warn of links that lead to nothing, which fails a strict build."""
    for target in rendering.broken_links(page, _destinations):
        _log.warning(f"'{page.file.src_uri}' contains a link '{target}' that leads to nothing in the site.")
    return content


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """The navigation once more in each other language; what has no page in it leads to the English one."""
    global _addresses, _destinations
    _destinations = frozenset(file.dest_uri for file in files)
    _addresses = frozenset(file.page.url for file in files.documentation_pages() if file.page is not None)
    _navigations.clear()
    for language in phrases.LANGUAGES:
        _navigations[language] = nav if language == "en" else _translated(nav, language, files)
    return nav


def _translated(nav: Navigation, language: str, files: Files) -> Navigation:
    listed: list[Page] = []

    def translate(item: StructureItem) -> StructureItem:
        title = phrases.phrase(language, f"nav.{item.title}")
        if isinstance(item, Section):
            section = Section(title, [translate(child) for child in item.children])
            for child in section.children:
                child.parent = section
            return section
        file = isinstance(item, Page) and files.get_file_from_path(languages.counterpart(item.file.src_uri, language))
        if not file or file.page is None:
            return Link(title, getattr(item, "url", ""))
        file.page.title = title  # what the navigation calls it; the page's own heading is its own affair
        listed.append(file.page)
        return file.page

    translated = Navigation([translate(item) for item in nav.items], listed)
    translated.homepage = listed[0] if listed else nav.homepage
    return translated


def on_env(env: jinja2.Environment, files: Files, **_: Any) -> jinja2.Environment:
    """Give the templates ``say(key)``, a phrase in the language of the page, and what else they ask for."""

    @jinja2.pass_context
    def say(context: jinja2.runtime.Context, key: str) -> str:
        page = context.get("page")
        return phrases.phrase(languages.language_of(page.url if page else ""), key)

    env.globals |= {"say": say, "phrase": phrases.phrase}
    env.globals["feeds"] = files.get_file_from_path("feed.xml") is not None
    env.globals["alternates_of"] = lambda url: languages.alternates(url, _addresses)
    return env


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


def on_page_context(context: dict[str, Any], page: Any, **_: Any) -> dict[str, Any]:
    """What the template needs: navigation and description in the page's language, its other languages, its source."""
    language = languages.language_of(page.url)
    context["nav"] = _navigations[language]
    page.meta.setdefault("description", phrases.phrase(language, "site description"))
    context["alternates"] = languages.alternates(page.url, _addresses)
    context["others"] = [
        (phrases.LANGUAGES[other], phrases.NAMES[other], languages.other(page.url, other, _addresses))
        for other in phrases.LANGUAGES
        if other != language
    ]
    repository = context["config"].repo_url
    source = page.meta.get("source")
    if repository and source:
        page.edit_url = f"{repository.rstrip('/')}/edit/main/{source}"
    return context
