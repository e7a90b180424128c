"""An Atom feed of what was added.  Dates are those of git's history, for no file holds one and none is invented.

In a shallow clone the oldest commit at hand looks as if it had added everything, so what it adds has no date; an
export without git has no dates at all.  What has no date is left out, and without any date there is no feed.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

from sightglass.catalogue import folder_of
from sightglass.pages.phrases import FOLDERS, LANGUAGES
from sightglass.pages.site import Site

NEWEST = 50
ATOM = "http://www.w3.org/2005/Atom"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "sightglass")  # ids last, wherever the site is published


def added(root: Path) -> dict[str, datetime]:
    """When each file of the catalogue was committed first, by path (``catalog/papers/x.yaml``), renames followed."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():  # an export inside somebody else's checkout has no history either
        return {}
    command = [git, "-C", str(root), "log", "--reverse", "--diff-filter=AR", "-M", "--name-status", "-z"]
    command += ["--format=%x01%H %cI", "--", "catalog"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # fixed arguments
    if done.returncode:
        return {}
    shallow = _shallow(git, root)
    found: dict[str, datetime] = {}
    for commit in done.stdout.decode("utf-8", "replace").split("\x01")[1:]:
        head, _, rest = commit.partition("\0")
        name, _, when = head.strip().partition(" ")
        words = iter(word.strip("\n") for word in rest.split("\0"))
        for status in words:
            if status == "A":
                path = next(words, "")
                if name not in shallow:
                    found.setdefault(path, datetime.fromisoformat(when))
            elif status.startswith("R"):
                old, new = next(words, ""), next(words, "")
                if old in found:
                    found[new] = found[old]
    return found


def changed(root: Path) -> datetime | None:
    """When the catalogue was changed last, as far as git knows."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    command = [git, "-C", str(root), "log", "-1", "--format=%H %cI", "--", "catalog"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603  # fixed arguments
    name, _, when = done.stdout.strip().partition(" ")
    return datetime.fromisoformat(when) if when and name not in _shallow(git, root) else None


def _shallow(git: str, root: Path) -> set[str]:
    """Commits whose parents a shallow clone does not have."""
    command = [git, "-C", str(root), "rev-parse", "--git-path", "shallow"]
    # our own command, fixed arguments
    path = subprocess.run(command, capture_output=True, check=False, text=True).stdout.strip()  # noqa: S603  # fixed arguments
    file = root / path
    return set(file.read_text(encoding="utf-8").split()) if path and file.is_file() else set()


def feed(site: Site) -> str | None:
    """The newest additions as Atom in the site's language; nothing if nothing has a date."""
    catalogue = site.catalogue
    pages = {f"{folder_of(entry)}/{key}": key for key, entry in catalogue.entries.items()}
    pages |= {f"methods/{slug}": slug for slug in catalogue.methods}
    dated = [(site.added[file], page) for page in pages if (file := f"catalog/{page}.yaml") in site.added]
    if not dated:
        return None
    dated.sort(key=lambda item: item[1])
    dated.sort(key=lambda item: item[0], reverse=True)
    prefix = f"{site.settings.site}{FOLDERS[site.language]}" if site.settings.site else ""  # else relative to the feed
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": LANGUAGES[site.language]})
    _add(root, "title", f"Sightglass: {site.say('additions')}")
    _add(root, "id", uuid.uuid5(NAMESPACE, f"feed {site.language}").urn)
    _add(root, "updated", dated[0][0].isoformat())
    ET.SubElement(root, "link", {"rel": "self", "href": f"{prefix}feed.xml"})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": prefix or "./"})
    for when, page in dated[:NEWEST]:
        _entry(ET.SubElement(root, "entry"), site, page, pages[page], when, f"{prefix}{page}/")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _entry(item: ET.Element, site: Site, page: str, key: str, when: datetime, link: str) -> None:
    authors: list[str] = []
    if page.startswith("methods/"):
        method = site.catalogue.methods[key]
        title, language = site.name_of(method), site.tongue_of(method)
        english, chinese = method.summary, method.summary_zh or ""
    else:
        entry = site.catalogue.entries[key]
        title, language, authors = entry.title, str(entry.language), [person.display for person in entry.authors]
        english, chinese = entry.summary, entry.summary_zh or ""
    _add(item, "title", title, LANGUAGES.get(language, language))
    _add(item, "id", uuid.uuid5(NAMESPACE, f"{page} {site.language}").urn)
    ET.SubElement(item, "link", {"rel": "alternate", "type": "text/html", "href": link})
    _add(item, "published", when.isoformat())
    _add(item, "updated", when.isoformat())
    for name in authors or ["Sightglass"]:
        _add(ET.SubElement(item, "author"), "name", name)
    ET.SubElement(item, "category", {"term": page.partition("/")[0], "label": site.say(page.partition("/")[0])})
    shown, spoken = (chinese, "zh") if site.language == "zh" and chinese else (english, "en")
    _add(item, "summary", " ".join(shown.split()), LANGUAGES[spoken])


def _add(parent: ET.Element, name: str, words: str, language: str = "") -> None:
    attributes = {"xml:lang": language} if language else {}
    # XML cannot hold control characters, not even escaped.
    ET.SubElement(parent, name, attributes).text = "".join(c for c in words if c >= " ")
