"""YAML files read with care: plain data, the place of every key, and problems instead of exceptions.

The catalogue is written by many hands and arrives in pull requests, so a file may be anything: too large, in another
encoding, with tabs, doubled keys, or aliases that unfold into gigabytes.  Anchors, aliases and tags are refused
altogether: no entry needs them, and without them a file can't be larger in memory than on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

Place = tuple[str | int, ...]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}


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
    """A parsed file: its data, and for each path such as ``("links", 0, "role")`` the place of key and value."""

    file: str
    data: Any = None
    keys: dict[Place, tuple[int, int]] = field(default_factory=dict)
    values: dict[Place, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Place, rule: str, message: str, *, at_key: bool = False) -> Problem:
        """A problem at ``path``, or at the nearest part of it that the file has."""
        for end in range(len(path), -1, -1):
            places = (self.keys, self.values) if at_key else (self.values, self.keys)
            for place in places:
                if path[:end] in place:
                    return Problem(self.file, *place[path[:end]], rule, message)
        return Problem(self.file, 1, 1, rule, message)


def read(path: Path, file: str) -> Source:
    """Read ``path``, called ``file`` in messages.  Never raises for what stands in the file."""
    source = Source(file)
    try:
        raw = path.read_bytes()
    except OSError as error:
        source.problems.append(Problem(file, 1, 1, "file-readable", f"cannot be read: {error.strerror}"))
        return source
    if len(raw) > MAX_BYTES:
        message = f"{len(raw):,} bytes; a catalogue file holds at most {MAX_BYTES:,}"
        source.problems.append(Problem(file, 1, 1, "file-size", message))
        return source
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"not UTF-8: byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        source.problems.append(Problem(file, line, column, "file-encoding", message))
        return source
    parse(text, source)
    return source


def parse(text: str, source: Source) -> None:
    """Parse ``text`` into ``source.data``; problems are appended to ``source.problems``."""
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            message = "a tab in the indentation; YAML takes spaces only"
            source.problems.append(Problem(source.file, number, line.index("\t") + 1, "yaml-tab", message))

    def fail(mark: Any, rule: str, message: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        source.problems.append(Problem(source.file, line, column, rule, message))

    if source.problems:
        return
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:  # before compose(), whose recursion a hostile file could exhaust
                fail(event.start_mark, "yaml-depth", f"nested deeper than {MAX_DEPTH} levels")
                return
            anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
            if anchor or tag:
                what = f"anchor or alias '{anchor}'" if anchor else f"tag '{tag}'"
                fail(event.start_mark, "yaml-alias", f"{what} is not allowed")
                return
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        message = ", ".join(part for part in (error.context, error.problem) if part)
        fail(error.problem_mark or error.context_mark, "yaml-syntax", message)
        return
    except yaml.YAMLError as error:
        fail(None, "yaml-syntax", str(error).split("\n")[0])
        return
    if node is None:
        fail(None, "file-empty", "the file is empty")
        return
    source.data = _construct(node, (), source)


def _construct(node: yaml.Node, path: Place, source: Source) -> Any:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    source.values[path] = (line, column)
    if node.tag not in _TAGS:
        source.problems.append(Problem(source.file, line, column, "yaml-syntax", f"unexpected {node.value!r}"))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*path, i), source) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, source))
    return _scalar(node, source)


def _pairs(node: yaml.MappingNode, path: Place, source: Source) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            source.problems.append(Problem(source.file, *place, "yaml-syntax", "a key must be a word"))
            continue
        key = key_node.value
        if key in seen:
            message = f"the key '{key}' stands twice; the first is on line {seen[key]}"
            source.problems.append(Problem(source.file, *place, "yaml-duplicate-key", message))
            continue
        seen[key] = place[0]
        source.keys[(*path, key)] = place
        yield key, _construct(value_node, (*path, key), source)


def _scalar(node: yaml.Node, source: Source) -> Any:
    if node.tag.endswith((":str", ":timestamp")):
        return node.value
    try:
        return yaml.safe_load(node.value)
    except (yaml.YAMLError, ValueError):
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        source.problems.append(Problem(source.file, *place, "yaml-syntax", f"unreadable value {node.value!r}"))
        return None
