"""YAML files read with care: plain data, the place of every key, and problems instead of exceptions.

The catalogue is written by many hands and arrives in pull requests, so a file may be anything: too large, in another
encoding, with tabs, doubled keys, or aliases that unfold into gigabytes.  Anchors, aliases and tags are refused
altogether: no entry needs them, and without them a file can't be larger in memory than on disk.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_ALIKE = 100  # tabs and unfit characters reported of one file

Place = tuple[str | int, ...]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_TEXT = ("str", "timestamp")  # a date stays as it is written
_SCALARS = ("null", "bool", "int", "float")
# Control characters, and line breaks that YAML counts and editors do not.
_UNFIT = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r(?!\n)|[\u2028\u2029]")
_TAB = re.compile(r"^ *\t", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where (relative file, 1-based line and column), which rule, what, and the remedy."""

    file: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message} [{self.rule}]"


@dataclass
class Source:
    """A parsed file: text, data, and for each path such as ``("links", 0, "role")`` the place of key and value.

    A file that is read again unchanged is the same object, with what was found out about it.
    """

    file: str
    text: str = ""
    data: Any = None
    keys: dict[Place, tuple[int, int]] = field(default_factory=dict)
    values: dict[Place, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    records: dict[Place, Any] = field(default_factory=dict, compare=False)  # models of its data, by place
    canonical: bool = field(default=False, compare=False)  # whether it is known to be in canonical form

    def problem(self, path: Place, rule: str, message: str, *, at_key: bool = False) -> Problem:
        """A problem at ``path``, or at the nearest part of it that the file has."""
        places = (self.keys, self.values) if at_key else (self.values, self.keys)
        parts = [path[:end] for end in range(len(path), -1, -1)]
        line, column = next(place[part] for part in parts for place in places if part in place)
        return Problem(self.file, line, column, rule, message)


def read(path: Path, file: str) -> Source:
    """Read ``path``, called ``file`` in messages.  Never raises for what stands in the file."""
    source = Source(file)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            source.problems.append(Problem(file, 1, 1, "file-readable", "is no file"))
            return source
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        source.problems.append(Problem(file, 1, 1, "file-readable", f"cannot be read: {error.strerror}"))
        return source
    if len(raw) > MAX_BYTES:
        message = f"{status.st_size:,} bytes; a catalogue file holds at most {MAX_BYTES:,}"
        source.problems.append(Problem(file, 1, 1, "file-size", message))
        return source
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = place_after(raw[: error.start].decode("utf-8"))
        message = f"not UTF-8: byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        source.problems.append(Problem(file, line, column, "file-encoding", message))
        return source
    kept = _READ.get(path)
    if kept and kept.text == text and kept.file == file:
        return kept
    parse(text, source)
    if not source.problems:
        _READ[path] = source
    return source


_READ: dict[Path, Source] = {}  # by path, what was read last and had no problems: 'serve' reads a catalogue many times


def place_after(text: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows ``text``."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


class _RefusedError(Exception):
    """The rest of the file is not looked at."""


def parse(text: str, source: Source) -> None:
    """Parse ``text`` into ``source.data``; problems are appended to ``source.problems``.

    A byte-order mark and Windows' line ends are read over here; the canonical form has neither.
    """
    source.text = text
    text = text.removeprefix("\ufeff")
    for match in islice(_UNFIT.finditer(text), MAX_ALIKE):
        message = f"the character U+{ord(match[0]):04X} can't stand in a YAML file"
        source.problems.append(Problem(source.file, *place_after(text[: match.start()]), "file-character", message))
    for match in islice(_TAB.finditer(text), MAX_ALIKE):
        message = "a tab in the indentation; YAML takes spaces only"
        source.problems.append(Problem(source.file, *place_after(text[: match.end() - 1]), "yaml-tab", message))
    if source.problems:
        return
    try:
        events = yaml.parse(text, Loader=_Loader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if source.values:
                    raise _refused(source, event, "yaml-syntax", "a second document; a file holds one")
                source.data = _construct(next(events), events, (), source)
    except yaml.YAMLError as error:
        said = [getattr(error, name, None) for name in ("context", "problem")]
        mark: Any = getattr(error, "problem_mark", None)
        message = ", ".join(part for part in said if part) or "unreadable"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        source.problems.append(Problem(source.file, line, column, "yaml-syntax", message))
    except _RefusedError:
        pass
    if source.data is None and not source.problems:
        source.problems.append(Problem(source.file, 1, 1, "file-empty", "the file is empty"))


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _refused(source: Source, event: Any, rule: str, message: str) -> _RefusedError:
    source.problems.append(Problem(source.file, *_place(event), rule, message))
    return _RefusedError()


def _refuse_what_no_entry_needs(event: Any, path: Place, source: Source) -> None:
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if anchor or tag:
        what = f"anchor or alias '{anchor}'" if anchor else f"tag '{tag}'"
        raise _refused(source, event, "yaml-alias", f"{what} is not allowed")
    if len(path) > MAX_DEPTH:
        raise _refused(source, event, "yaml-depth", f"nested deeper than {MAX_DEPTH} levels")


def _construct(event: Any, events: Iterator[Any], path: Place, source: Source) -> Any:
    """The data that begins with ``event``.  Depth is bounded, so a hostile file can't exhaust the stack."""
    _refuse_what_no_entry_needs(event, path, source)
    source.values[path] = _place(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(child := next(events), yaml.SequenceEndEvent):
            items.append(_construct(child, events, (*path, len(items)), source))
        return items
    if isinstance(event, yaml.MappingStartEvent):
        return dict(_pairs(events, path, source))
    return _scalar(event, source)


def _pairs(events: Iterator[Any], path: Place, source: Source) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        place = _place(event)
        aside = Source(source.file, problems=source.problems)  # for what is read over: it has no place in the data
        _refuse_what_no_entry_needs(event, path, source)
        if not isinstance(event, yaml.ScalarEvent):
            source.problems.append(Problem(source.file, *place, "yaml-syntax", "a key must be a word"))
            _construct(event, events, (*path, "?"), aside)
            _construct(next(events), events, (*path, "?"), aside)
        elif event.value in seen:
            message = f"the key '{shown(event.value)}' stands twice; the first is on line {seen[event.value]}"
            source.problems.append(Problem(source.file, *place, "yaml-duplicate-key", message))
            _construct(next(events), events, (*path, "?"), aside)
        else:
            key = event.value
            seen[key] = place[0]
            source.keys[(*path, key)] = place
            yield key, _construct(next(events), events, (*path, key), source)


def _scalar(event: Any, source: Source) -> Any:
    tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
    kind = tag.rpartition(":")[2]
    if kind in _TEXT:
        return event.value
    try:
        if kind in _SCALARS:
            value = yaml.SafeLoader.yaml_constructors[tag](_CONSTRUCTOR, yaml.ScalarNode(tag, event.value))
            if isinstance(value, bool) or value is None or math.isfinite(value):
                return value
    except (ValueError, OverflowError):
        pass
    message = f"unreadable value '{shown(event.value)}'; put a text in quotes"
    source.problems.append(Problem(source.file, *_place(event), "yaml-syntax", message))
    return None


def shown(value: object, width: int = 80) -> str:
    """``value`` for a message: on one line, printable and short."""
    said = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in said[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"
