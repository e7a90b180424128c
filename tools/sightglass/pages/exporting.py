"""The pages as a plain MkDocs project, without the hook: the way to another generator that reads ``mkdocs.yml``.

What is lost is what the hook adds to each page: the header with our search box, basket and language switch (the
theme's own search and a choice of language take their place), and the check of links in generated pages.  A tutorial is
Markdown here, for another generator has no mkdocs-jupyter.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from sightglass import settings
from sightglass.pages import contents, languages, notebooks, phrases, tutorials
from sightglass.pages.markup import READY

MARK = "# Written by 'sightglass site --markdown': the next export replaces this folder as a whole.\n"
TEMPLATES = ("main.html", "partials/card.html", "partials/language.html")  # those that need no hook
STYLE = "assets/exported.css"
HIDDEN = "/* What the header's scripts would serve. */\n.sg-add, .sg-add-all, .sg-copy { display: none; }\n"
NOT_IN_EXPORT = ("hooks", "watch", "extra_javascript")


def project(root: Path) -> contents.Files:
    """All files of the project, by path.  Raises SightglassError for a checkout that can't be built."""
    docs = {path.relative_to(root / "docs").as_posix(): path for path in (root / "docs").rglob("*") if path.is_file()}
    hand = {path: file.read_bytes() for path, file in docs.items() if file.suffix != ".py"}
    written = {path: text.decode("utf-8") for path, text in hand.items() if path.endswith(".md")}
    generated = dict(_plain(path, content) for path, content in contents.generate(root, written).items())
    made: contents.Files = {**hand, **generated, STYLE: HIDDEN}
    files: contents.Files = {f"docs/{path}": content for path, content in made.items()}
    files |= {f"overrides/{name}": (root / "overrides" / name).read_bytes() for name in TEMPLATES}
    return files | {"mkdocs.yml": MARK + _configuration(root, made)}


def _plain(path: str, content: str | bytes) -> tuple[str, str | bytes]:
    """A page without the marks of ready-made HTML, which the hook alone reads, or a notebook as a page."""
    if isinstance(content, bytes):
        return path, content
    if tutorials.is_page(path):
        return tutorials.page_path(path), notebooks.as_markdown(content)
    return path, content.replace(READY[0], "").replace(READY[1], "")


def _configuration(root: Path, made: contents.Files) -> str:
    config: dict[str, Any] = yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))
    addresses = settings.load(root)
    config = {name: value for name, value in config.items() if name not in NOT_IN_EXPORT}
    config |= {name: url for name, url in (("site_url", addresses.site), ("repo_url", addresses.repository)) if url}
    config["plugins"] = ["search"]
    config["extra_css"] = [*config.get("extra_css", []), STYLE]
    names = phrases.NAMES.items()
    config.setdefault("extra", {})["alternate"] = [
        {"name": name, "link": phrases.FOLDERS[language] or ".", "lang": phrases.LANGUAGES[language]}
        for language, name in names
    ]
    nav = config["nav"]
    for language, name in names:
        if phrases.FOLDERS[language]:
            config["nav"] = [*config["nav"], {name: _translated(nav, language, made)}]
    return yaml.safe_dump(config, allow_unicode=True, sort_keys=False)


def _translated(nav: list[Any], language: str, made: contents.Files) -> list[Any]:
    """The navigation in another language, without the pages that it has not."""
    found: list[Any] = []
    for item in nav:
        for title, target in item.items():
            name, path = phrases.phrase(language, f"nav.{title}"), languages.counterpart(str(target), language)
            if isinstance(target, list) and (inside := _translated(target, language, made)):
                found.append({name: inside})
            elif path in made:
                found.append({name: path})
    return found


def is_ours(folder: Path) -> bool:
    """Whether a folder may be replaced: it is not there, empty, or an export."""
    if not folder.exists():
        return True
    config = folder / "mkdocs.yml"
    return folder.is_dir() and (
        not any(folder.iterdir()) or (config.is_file() and config.read_text(encoding="utf-8").startswith(MARK))
    )


def write(folder: Path, files: contents.Files) -> None:
    """Write a whole project beside ``folder`` and put it in its place: what is there is an old export or a new one.

    Raises FileExistsError for a folder that holds something else.
    """
    if not is_ours(folder):
        raise FileExistsError(f"{folder} holds something that is no export; name an empty or a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        new = Path(beside, "new")
        for path, content in files.items():
            place = new / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        old = Path(beside, "old")
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
