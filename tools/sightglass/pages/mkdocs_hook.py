"""The one adapter between the pages and MkDocs: it hands generated files over and knows nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import event_priority, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

import sightglass
from sightglass import settings
from sightglass.errors import CatalogueError
from sightglass.pages import (
    additions,
    contents,
    languages,
    markup,
    navigation,
    notebooks,
    phrases,
    rebuilding,
    rendering,
    tutorials,
)

_navigations: dict[str, Navigation] = {}  # of the build that runs, by language
_addresses: frozenset[str] = frozenset()  # of all pages of the build that runs
_destinations: frozenset[str] = frozenset()  # of all its files
_build: dict[str, Any] = {}  # what a quick rebuild needs of the build that runs
_log = get_plugin_logger("sightglass")


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the public addresses from the one place where they stand."""
    _build["fixed"] = rebuilding.fixed(_root(config))
    addresses = settings.load(_root(config))
    config.site_url = config.site_url or addresses.site or None
    config.repo_url = addresses.repository or None
    config.repo_name = "/".join(
        addresses.repository.rstrip("/").split("/")[-2:]
    )  # owner/name, beside the header's icon
    if not any(isinstance(extension, rendering.Ready) for extension in config.markdown_extensions):
        config.markdown_extensions.append(rendering.Ready())
    notebooks.prepare()
    return config


@event_priority(100)  # before mkdocs-jupyter, which makes pages of notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made from the catalogue and the results, and the tutorials."""
    for hand in files.documentation_pages():
        if languages.language_of(hand.src_uri) == "zh":
            hand.content_string = markup.unbroken(hand.content_string)
    written = {file.src_uri: file.content_string for file in files.documentation_pages()}
    generated = _generated(_root(config), written)
    for path, content in generated.items():
        if tutorials.is_page(path):
            files.append(notebooks.file(config, path, str(content)))
        elif (file := files.get_file_from_path(path)) is None:
            files.append(File.generated(config, path, content=content))
        else:
            file.content_string = str(content)
    listed = set(_listed(config.nav or []))
    for file in files.documentation_pages():
        if file.src_uri not in listed:
            rendering.ReadyPage(None, file, config)
    _build.update(config=config, written=written, generated=generated)
    return files


def _generated(root: Path, written: Mapping[str, str]) -> contents.Files:
    try:
        return contents.generate(root, written)
    except CatalogueError as error:  # 'serve' shows this and builds again once it is mended
        raise PluginError(f"the catalogue has problems:\n{error}") from error
    except ValueError as error:
        raise PluginError(str(error)) from error


def _listed(nav: Any) -> Iterator[str]:
    """The paths that stand in the navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from _listed(item)


def on_page_read_source(page: Page, **_: Any) -> str | None:
    """A notebook is read by mkdocs-jupyter; MkDocs needs its front matter."""
    return notebooks.front(page.file.content_string) if tutorials.is_page(page.file.src_uri) else None


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Finish notebooks, and warn of links that lead to nothing, which fails a strict build."""
    made = rendering.blocks(page.markdown or "")
    if tutorials.is_page(page.file.src_uri):
        content, tokens = notebooks.finished(content)
        page.toc, made = get_toc(tokens), content  # type: ignore[arg-type]  # dictionaries of the same form
    for target in rendering.broken_links(made, page.file.url, _destinations):
        _log.warning(f"'{page.file.src_uri}' contains a link '{target}' that leads to nothing in the site.")
    return content


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """The navigation once more in each other language; what has no page in it leads to the English one."""
    global _addresses, _destinations
    _destinations = frozenset(file.dest_uri for file in files)
    _addresses = frozenset(file.page.url for file in files.documentation_pages() if file.page is not None)
    _build.update(nav=nav, files=files)
    _navigations.clear()
    for language in phrases.LANGUAGES:
        _navigations[language] = nav if language == "en" else navigation.translated(nav, language, files)
        navigation.place(_navigations[language], language, files)
    return nav


def on_env(env: jinja2.Environment, config: MkDocsConfig, files: Files) -> jinja2.Environment:
    """Give the templates ``say(key)``, a phrase in the language of the page, and what else they ask for."""

    @jinja2.pass_context
    def say(context: jinja2.runtime.Context, key: str, **values: object) -> str:
        return phrases.phrase(_language(context), key, **values)

    changed = additions.changed(_root(config))

    @jinja2.pass_context
    def catalogue_changed(context: jinja2.runtime.Context) -> str:
        return phrases.day(_language(context), changed.isoformat()) if changed else ""

    _build["env"] = env
    theme = jinja2.FileSystemLoader([folder for folder in config.theme.dirs if folder != config.theme.custom_dir])
    env.loader = jinja2.ChoiceLoader([jinja2.PrefixLoader({"theme": theme}), *([env.loader] if env.loader else [])])
    env.auto_reload = False  # each build has an environment of its own
    env.globals |= {"say": say, "phrase": phrases.phrase, "kept": rendering.kept_templates()}
    env.globals |= {"version": sightglass.__version__, "catalogue_changed": catalogue_changed}
    env.globals["feeds"] = files.get_file_from_path("feed.xml") is not None
    env.globals["alternates_of"] = lambda url: languages.alternates(url, _addresses)
    return env


def _language(context: jinja2.runtime.Context) -> str:
    """The interface's language on the page that is rendered."""
    page = context.get("page")
    return languages.language_of(page.url if page else "")


def on_post_page(output: str, **_: Any) -> str:
    """Leave out the indentation, a sixth of a page."""
    return rendering.squeezed(output)


def on_serve(server: LiveReloadServer, builder: Callable[[], None], **_: Any) -> LiveReloadServer:
    """While the site is served, make only what a change touches."""
    server.builder = rebuilding.Rebuilder(builder, lambda: rebuilding.Build(**_build), _generated)
    return server


def on_page_context(context: dict[str, Any], page: Any, **_: Any) -> dict[str, Any]:
    """What the template needs: navigation and description in the page's language, its place, its other languages."""
    language = languages.language_of(page.url)
    context["nav"] = _navigations[language]
    context["trail"] = navigation.trail(page, _navigations[language])
    context["neighbours"] = navigation.neighbours(page)
    if "card" not in page.meta:
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
