"""While the site is served: after a change, render and write only the pages whose text is another.

MkDocs renders and writes every page after every change.  Here all generated texts are made again, which is quick, and
compared with those of the last build.  What is not generated (the guides, templates, styles, the configuration) decides
how every page looks, and so does which pages there are: where that has changed, MkDocs builds everything.  Where the
code of the site has changed, the server starts again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import jinja2
from mkdocs.commands import build as mkdocs_build
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, PluginError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.utils import CountHandler

from sightglass.pages import contents, notebooks, tutorials

FIXED = ("docs", "overrides", "mkdocs.yml", "pyproject.toml")  # what decides how every page looks
_log = get_plugin_logger("sightglass")


def fixed(root: Path) -> dict[Path, bytes]:
    """What the files that decide how every page looks hold now."""
    return held(*(root / name for name in FIXED))


def held(*places: Path) -> dict[Path, bytes]:
    """What all files at and below these places hold."""
    found = {}
    for file in (file for place in places for file in ([place] if place.is_file() else place.rglob("*"))):
        if file.suffix != ".pyc" and file.is_file():
            with suppress(FileNotFoundError):  # an editor's own file, gone already
                found[file] = file.read_bytes()
    return found


_CODE = Path(__file__).parents[1]
_code = held(_CODE)  # that this process runs


@dataclass
class Build:
    """A build, with all that it takes to render one of its pages again."""

    config: MkDocsConfig
    files: Files
    nav: Navigation
    env: jinja2.Environment
    written: Mapping[str, str]  # pages written by hand
    generated: contents.Files  # all other pages and files, by path
    fixed: dict[Path, bytes]  # what the files that decide how every page looks held when it began

    def update(self, generated: contents.Files) -> int:
        """Render and write what differs from the build; the number of files.  Raises Abort as a strict build does."""
        changed = [path for path, content in generated.items() if content != self.generated[path]]
        files = [file for path in changed if (file := self.files.get_file_from_path(path))]
        for file in files:
            if tutorials.is_page(file.src_uri):
                notebooks.file(self.config, file.src_uri, str(generated[file.src_uri]))
            else:
                file._content = generated[file.src_uri]
        pages = [file.page for file in files if file.page]
        documents = self.files.documentation_pages()
        with _strictly(self.config):
            for page in pages:
                mkdocs_build._populate_page(page, self.config, self.files)
            for page in pages:
                mkdocs_build._build_page(page, self.config, documents, self.nav, self.env)
                page.validate_anchor_links(files=self.files, log_level=self.config.validation.links.anchors)
            for file in files:
                if file.page is None:
                    file.copy_file()
        self.generated = generated
        return len(files)


@contextmanager
def _strictly(config: MkDocsConfig) -> Iterator[None]:
    """Turn warnings into the end of the build where the configuration says so."""
    counter, logger = CountHandler(), logging.getLogger("mkdocs")
    counter.setLevel(logging.WARNING)
    logger.addHandler(counter)
    try:
        yield
    finally:
        logger.removeHandler(counter)
    if config.strict and counter.get_counts():
        raise Abort("Aborted with warnings in strict mode!")


class Rebuilder:
    """What the server calls after each change; ``builder`` is MkDocs' own, ``current`` what that built last."""

    def __init__(
        self,
        builder: Callable[[], None],
        current: Callable[[], Build],
        generate: Callable[[Path, Mapping[str, str]], contents.Files],
    ) -> None:
        self._builder, self._current, self._generate = builder, current, generate
        self._last: Build | None = current()  # what the folder of the site holds

    def __call__(self) -> None:
        """Bring the served site up to date; Abort, as from MkDocs, for what is wrong."""
        if held(_CODE) != _code:
            _log.info("the site's own code has changed: starting again")
            raise SystemExit(int(os.environ.get("SIGHTGLASS_AGAIN", "1")))
        last, self._last = self._last, None  # after a failure nobody knows what the folder holds
        root = Path(last.config.config_file_path).resolve().parent if last else Path()
        if last and fixed(root) == last.fixed:
            try:
                generated = self._generate(root, last.written)
            except PluginError as error:  # nothing was written yet
                self._last = last
                _log.error(str(error))
                raise Abort("Aborted with a BuildError!") from error
            if generated.keys() == last.generated.keys():
                _log.info(f"{last.update(generated)} pages and files written")
                self._last = last
                return
        self._builder()
        self._last = self._current()
