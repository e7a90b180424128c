"""What the pages are made from: the catalogue, the stored results, and what follows from them once for all pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from repro.lab.files import cache_folder
from sightglass import ledger
from sightglass.catalogue import Catalogue, folder_of
from sightglass.catalogue.models import Entry, Family, Method, Paper, Person, Topic, Venue
from sightglass.citations import styles
from sightglass.citations.styles import Numbered
from sightglass.errors import StyleError
from sightglass.ledger import Result
from sightglass.pages import phrases
from sightglass.settings import Settings

_Group = TypeVar("_Group", str, int)


@dataclass(frozen=True)
class Site:
    """Everything that a page may need."""

    catalogue: Catalogue
    results: Mapping[str, list[Result]] = field(default_factory=dict)  # by method slug, one for each device
    settings: Settings = field(default_factory=Settings)
    guides: Mapping[str, str] = field(default_factory=dict)  # titles of pages written by hand, by URL
    added: Mapping[str, datetime] = field(default_factory=dict)  # when files of the catalogue came, as far as git knows
    language: str = "en"  # of the interface; the catalogue's words stay in theirs
    headings: Mapping[str, list[str]] = field(default_factory=dict)  # their other headings, by URL
    now: datetime | None = None  # when the site is built: decides which session is the next, until the browser does

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.catalogue.root

    def in_language(self, language: str) -> Site:
        """The same site with its interface in another language; what was worked out already is kept."""
        if language == self.language:
            return self
        other = replace(self, language=language)
        vars(other).update({name: value for name, value in vars(self).items() if name not in vars(other)})
        return other

    def say(self, key: str, **values: object) -> str:
        """A phrase of the interface in the site's language."""
        return phrases.phrase(self.language, key, **values)

    def name_of(self, thing: Family | Topic | Method | Venue) -> str:
        """The name in the site's language, or the English one where there is none."""
        return (self.language == "zh" and thing.name_zh) or thing.name

    def tongue_of(self, thing: Family | Topic | Method | Venue) -> str:
        """Which language ``name_of`` answers in."""
        return "zh" if self.language == "zh" and thing.name_zh else "en"

    def shared(self, path: str) -> str:
        """A page or file that exists once for all languages, as a page of this language links to it."""
        return "../" * phrases.FOLDERS[self.language].count("/") + path

    def written(self, path: str) -> str:
        """A page written by hand: this language's version if there is one, else the English one."""
        folder = phrases.FOLDERS[self.language]
        return path if not folder or (self.root / "docs" / folder / path).is_file() else self.shared(path)

    def page_of(self, key: str) -> str:
        """The page of an entry: ``papers/zhou2016learning.md``."""
        return f"{folder_of(self.catalogue.entries[key])}/{key}.md"

    @cached_property
    def people(self) -> dict[str, tuple[Person, list[str]]]:
        """Authors of papers by slug, in the order of family names: the fullest form of the name; keys, newest first."""
        keys: dict[str, list[str]] = defaultdict(list)
        forms: dict[str, Person] = {}
        for key, entry in self.catalogue.of_folder("papers").items():
            for person in entry.authors:
                if person.organisation:
                    continue
                keys[person.slug].append(key)
                if person.slug not in forms or (person.zh and not forms[person.slug].zh):
                    forms[person.slug] = person
        ordered = sorted(keys, key=lambda slug: (forms[slug].filed, slug))
        return {slug: (forms[slug], self.newest_first(keys[slug])) for slug in ordered}

    def newest_first(self, keys: list[str]) -> list[str]:
        """Keys without repetition, by year downwards (no year last), then by title."""
        entries = self.catalogue.entries
        return sorted(set(keys), key=lambda key: (-(entries[key].year or 0), entries[key].title.casefold(), key))

    @cached_property
    def by_method(self) -> dict[str, list[str]]:
        """Keys of entries that propose or are about a method, newest first."""
        return self._by(self.catalogue.methods_of)

    @cached_property
    def by_family(self) -> dict[str, list[str]]:
        """Keys of entries by family: through their methods or their topics."""
        return self._by(self.families_of)

    @cached_property
    def styled(self) -> dict[str, Numbered]:
        """All references in the further styles; none where their two packages are not installed."""
        try:
            return styles.one_by_one(self.catalogue, cache_folder() / "styles")
        except StyleError:
            return {}

    def families_of(self, entry: Entry) -> list[str]:
        """Families of an entry's methods and topics, in the taxonomy's order."""
        methods = self.catalogue.methods
        through = {methods[slug].family for slug in self.catalogue.methods_of(entry) if slug in methods}
        return [family for family in self.catalogue.families if family in through or family in entry.topics]

    @cached_property
    def by_venue(self) -> dict[str, list[str]]:
        """Keys of entries by venue."""
        return self._by(lambda entry: [entry.venue] if entry.venue else [])

    @cached_property
    def by_year(self) -> dict[int, list[str]]:
        """Keys of entries by year, newest year first."""
        found = self._by(lambda entry: [entry.year] if entry.year else [])
        return {year: found[year] for year in sorted(found, reverse=True)}

    @cached_property
    def points_here(self) -> dict[str, list[str]]:
        """For each entry the keys of those that build on it or accompany it."""
        return self._by(lambda entry: [*(entry.builds_on if isinstance(entry, Paper) else []), *entry.accompanies])

    def _by(self, of: Callable[[Entry], Iterable[_Group]]) -> dict[_Group, list[str]]:
        """Keys of entries, newest first, by each of what ``of`` says of an entry."""
        found: dict[_Group, list[str]] = defaultdict(list)
        for key, entry in self.catalogue.entries.items():
            for group in of(entry):
                found[group].append(key)
        return {group: self.newest_first(keys) for group, keys in found.items()}

    @cached_property
    def lists_with(self) -> dict[str, list[str]]:
        """For each entry or method the slugs of the reading lists that hold it."""
        found: dict[str, list[str]] = defaultdict(list)
        for slug, reading_list in self.catalogue.lists.items():
            for item in {item.key for session in reading_list.sessions for item in session.items}:
                found[item].append(slug)
        return dict(found)

    def module_of(self, slug: str) -> str | None:
        """The module that reproduces a method, found by its name alone: ``repro/attribution/grad_cam.py``."""
        return self._modules.get(slug)

    @cached_property
    def _modules(self) -> dict[str, str]:
        methods = self.catalogue.methods.items()
        paths = {slug: f"repro/{method.family}/{slug.replace('-', '_')}.py" for slug, method in methods}
        return {slug: path for slug, path in paths.items() if (self.root / path).is_file()}

    def is_stale(self, result: Result) -> bool:
        """Whether the code of a method has changed since ``result`` was measured."""
        return (result.method, result.device) in self._stale

    @cached_property
    def _stale(self) -> set[tuple[str, str]]:  # asked for each claim, and slow to find out
        found = (result for results in self.results.values() for result in results)
        return {(result.method, result.device) for result in found if ledger.is_stale(result, self.root)}

    def tutorial_of(self, slug: str) -> str | None:
        """The method's tutorial page, if there is one, in this language where it is translated."""
        path, folder = f"tutorials/{slug}/", phrases.FOLDERS[self.language]
        if (self.root / f"docs/{folder}tutorials/{slug}.py").is_file():
            return path
        return self.shared(path) if (self.root / f"docs/tutorials/{slug}.py").is_file() else None

    def picture_of(self, slug: str) -> str | None:
        """The picture that the last run drew, by the path it has in the site."""
        for result in self.results.get(slug, []):
            for name in [f"{slug}.zh.webp"] * (self.language == "zh") + [f"{slug}.webp"]:
                if (self.root / "results" / result.device / name).is_file():
                    return f"pictures/{result.device}/{name}"
        return None

    def photograph_of(self, slug: str) -> str | None:
        """The method's picture on a photograph, by the path it has in the site."""
        there = (self.root / "results" / "photographs" / f"{slug}.webp").is_file()
        return f"pictures/photographs/{slug}.webp" if there else None

    def icon_of(self, slug: str) -> str | None:
        """The picture that stands for the method: on a photograph if there is one, else the laboratory's."""
        return self.photograph_of(slug) or self.picture_of(slug)
