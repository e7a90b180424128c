"""The catalogue as a typed library: ``load()`` reads every file under ``catalog/`` into one immutable object.

>>> from sightglass import catalogue
>>> books = catalogue.load()
>>> books.entries["zhou2016learning"].title          # doctest: +SKIP
'Learning Deep Features for Discriminative Localization'
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from sightglass.catalogue import yaml_source
from sightglass.catalogue.models import (
    FORMS,
    Entry,
    Family,
    Method,
    Paper,
    Post,
    ReadingList,
    Resource,
    Taxonomy,
    Tool,
    Topic,
    Venue,
)
from sightglass.catalogue.yaml_source import Place, Problem, Source, shown
from sightglass.errors import CatalogueError

FOLDERS: dict[str, type[Paper | Tool | Post | Resource | Method | ReadingList]] = {
    "papers": Paper,
    "tools": Tool,
    "posts": Post,
    "resources": Resource,
    "methods": Method,
    "lists": ReadingList,
}
ENTRY_FOLDERS = ("papers", "tools", "posts", "resources")
_FOLDER_OF: dict[type[Any], str] = {FOLDERS[folder]: folder for folder in ENTRY_FOLDERS}
MODELS: dict[str, Any] = {**FOLDERS, "taxonomy": Taxonomy, "venues": list[Venue]}  # by folder or file without suffix

_Record = TypeVar("_Record", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """Everything under ``catalog/``, by id.  ``sources`` holds each file's data and places, by relative file name."""

    root: Path
    entries: Mapping[str, Entry]
    methods: Mapping[str, Method]
    lists: Mapping[str, ReadingList]
    taxonomy: Taxonomy
    venues: Mapping[str, Venue]
    files: Mapping[str, str] = field(repr=False, default_factory=dict)
    sources: Mapping[str, Source] = field(repr=False, default_factory=dict)

    @cached_property
    def families(self) -> dict[str, Family]:
        """The families of the taxonomy by id, in its order."""
        return {family.id: family for family in self.taxonomy.families}

    @cached_property
    def topics(self) -> dict[str, Family | Topic]:
        """Everything an entry's ``topics`` may name: families first, then topics."""
        subjects: list[Family | Topic] = [*self.taxonomy.families, *self.taxonomy.topics]
        return {subject.id: subject for subject in subjects}

    def of_folder(self, folder: str) -> dict[str, Entry]:
        """Entries of one folder (``papers``, ``tools``, ``posts``, ``resources``), by key."""
        return {key: entry for key, entry in self.entries.items() if isinstance(entry, FOLDERS[folder])}

    def methods_of(self, entry: Entry) -> list[str]:
        """Slugs of the methods that ``entry`` proposes or is about, without repetition, in the entry's order."""
        proposes = entry.proposes if isinstance(entry, Paper) else []
        return list(dict.fromkeys([*proposes, *entry.about]))


def repeated(values: Iterable[str | None]) -> list[int]:
    """Positions of the values that stood before; ``None`` is no value."""
    first: dict[str, int] = {}
    return [i for i, value in enumerate(values) if value is not None and first.setdefault(value, i) != i]


def model_of(file: str) -> Any:
    """The model of the catalogue's file called ``file``: ``catalog/papers/x.yaml``, ``catalog/venues.yaml``."""
    return MODELS[Path(file).parts[1].removesuffix(".yaml")]


def folder_of(entry: Entry) -> str:
    """The folder that ``entry`` lives in: ``papers``, ``tools``, ``posts`` or ``resources``."""
    return _FOLDER_OF[type(entry)]


def find_root(start: Path | None = None) -> Path:
    """The project's root: ``$SIGHTGLASS_ROOT``, or the first folder from ``start`` upwards that holds ``catalog/``.

    Falls back to the checkout that this package was installed from.  Raises ``CatalogueError`` if there is none.
    """
    named = os.environ.get("SIGHTGLASS_ROOT")
    start = (start or Path.cwd()).resolve()
    candidates = [Path(named).resolve()] if named else [start, *start.parents, Path(__file__).resolve().parents[3]]
    for folder in candidates:
        if (folder / "catalog" / "taxonomy.yaml").is_file():
            return folder
    where = named or start
    message = "no catalog/taxonomy.yaml here or above; run this in a checkout or set SIGHTGLASS_ROOT"
    raise CatalogueError([Problem(str(where), 1, 1, "catalogue", message)])


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The most similar allowed word as ``, did you mean 'CVPR'?``, or nothing."""
    by_lower = {choice.lower(): choice for choice in allowed}
    if len(word) > 2 * max(map(len, by_lower), default=0):
        return ""  # not even close, and a hostile word may be very long
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f", did you mean '{by_lower[found[0]]}'?" if found else ""


def read(root: Path | None = None) -> tuple[Catalogue, list[Problem]]:
    """Read everything that can be read; files that can't are left out and stand among the problems."""
    root = find_root() if root is None else Path(root)
    catalog = root / "catalog"
    sources: dict[str, Source] = {}
    problems: list[Problem] = []

    def source_of(path: Path) -> Source:
        name = path.relative_to(root).as_posix()
        source = sources[name] = yaml_source.read(path, name)
        problems.extend(source.problems)
        return source

    source = source_of(catalog / "taxonomy.yaml")
    taxonomy = _validate(Taxonomy, source, problems, source.data) or Taxonomy(families=[], topics=[])
    venues = _venues(source_of(catalog / "venues.yaml"), problems)
    records: dict[str, dict[str, Any]] = {folder: {} for folder in FOLDERS}
    files: dict[str, str] = {}
    for folder, model in FOLDERS.items():
        for path in sorted((catalog / folder).glob("*.yaml")):
            source = source_of(path)
            record = _validate(model, source, problems, source.data)
            if record is None:
                continue
            taken = files.get(path.stem)
            if taken and folder != "lists":  # an entry and a method have one name space: both are cited and read
                message = f"the key '{path.stem}' is taken by {taken}; rename one of them"
                problems.append(Problem(source.file, 1, 1, "duplicate-key", message))
                continue
            records[folder][path.stem] = record
            files[path.stem if folder in ENTRY_FOLDERS else f"{folder}/{path.stem}"] = source.file
    entries = {key: entry for folder in ENTRY_FOLDERS for key, entry in records[folder].items()}
    catalogue = Catalogue(
        root=root,
        entries=dict(sorted(entries.items())),
        methods=records["methods"],
        lists=records["lists"],
        taxonomy=taxonomy,
        venues=venues,
        files=files,
        sources=sources,
    )
    return catalogue, problems


def load(root: Path | None = None) -> Catalogue:
    """The whole catalogue; raises ``CatalogueError`` with every problem if a file cannot be read or is malformed."""
    catalogue, problems = read(root)
    if problems:
        raise CatalogueError(problems)
    return catalogue


def _venues(source: Source, problems: list[Problem]) -> dict[str, Venue]:
    if source.problems:
        return {}
    if not isinstance(source.data, list):
        problems.append(source.problem((), "form", "venues.yaml must be a list of venues"))
        return {}
    venues: dict[str, Venue] = {}
    folded: dict[str, str] = {}
    for index, data in enumerate(source.data):
        venue = _validate(Venue, source, problems, data, (index,))
        if venue is None:
            continue
        first = folded.setdefault(venue.id.lower(), venue.id)
        if venue.id in venues:
            problems.append(source.problem((index, "id"), "duplicate-venue", f"venue '{venue.id}' stands twice"))
        elif first != venue.id:
            message = f"venue '{venue.id}' differs from '{first}' in capitals only"
            problems.append(source.problem((index, "id"), "duplicate-venue", message))
        else:
            venues[venue.id] = venue
    return venues


def _validate(
    model: type[_Record], source: Source, problems: list[Problem], data: Any, path: Place = ()
) -> _Record | None:
    if source.problems:
        return None
    if path in source.records:
        return cast(_Record, source.records[path])
    if not isinstance(data, dict):
        problems.append(source.problem(path, "form", f"expected keys and values, found '{shown(data)}'"))
        return None
    try:
        record = source.records[path] = model.model_validate(data)
        return record
    except ValidationError as error:
        problems.extend(_problem_of(detail, model, source, path) for detail in error.errors(include_url=False))
        return None


def _problem_of(detail: Any, model: type[BaseModel], source: Source, path: Place) -> Problem:
    """A pydantic error as a problem with its place, what was found, what is allowed and the nearest valid word."""
    loc: Place = tuple(detail["loc"])
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    last = loc[-1] if loc else ""
    name = next((part for part in reversed(loc) if isinstance(part, str)), "value")
    if kind == "extra_forbidden":
        allowed = _keys_at(model, loc[:-1])
        message = f"unknown key '{shown(last)}'{nearest(str(last), allowed)}; allowed here: {', '.join(allowed)}"
        return source.problem((*path, *loc), "unknown-key", message, at_key=True)
    if kind == "missing":
        return source.problem((*path, *loc[:-1]), "missing-key", f"the key '{last}' is missing")
    if kind == "literal_error":
        allowed = _literals_at(model, loc)
        message = f"unknown {name} '{shown(found)}'{nearest(str(found), allowed)}; allowed: {', '.join(allowed)}"
        return source.problem((*path, *loc), "vocabulary", message)
    if kind == "string_pattern_mismatch":
        form = FORMS[context["pattern"]]
        return source.problem((*path, *loc), "form", f"'{shown(found)}' is not of the form of {name}: {form}")
    if kind == "value_error":  # a model's own rule, whose message is clear
        return source.problem((*path, *loc), "form", detail["msg"].removeprefix("Value error, "))
    said = detail["msg"].replace("Input should", "should").replace("dictionary or instance of", "mapping:")
    return source.problem((*path, *loc), "form", f"'{name}' {said}, found '{shown(found)}'")


def _model_at(model: type[BaseModel], loc: Place) -> type[BaseModel] | None:
    """The model class that holds the field at ``loc`` (list positions are skipped)."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int) or current is None or part not in current.model_fields:
            continue
        current = _first_model(current.model_fields[part].annotation)
    return current


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_first_model, get_args(annotation)) if m is not None), None)


def _keys_at(model: type[BaseModel], loc: Place) -> list[str]:
    holder = _model_at(model, loc)
    return list(holder.model_fields) if holder else []


def _literals_at(model: type[BaseModel], loc: Place) -> list[str]:
    holder = _model_at(model, loc[:-1])
    name = loc[-1] if loc else ""
    if holder is None or not isinstance(name, str) or name not in holder.model_fields:
        return []

    def literals(annotation: Any) -> list[str]:
        found = [a for a in get_args(annotation) if isinstance(a, str)]
        return found or [word for inner in get_args(annotation) for word in literals(inner)]

    return literals(holder.model_fields[name].annotation)
