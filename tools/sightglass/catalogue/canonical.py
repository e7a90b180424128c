"""The one form in which a catalogue file is written, so that a diff shows what changed and nothing else.

Keys in the order of the model's fields, two spaces, block style, quotes only where YAML needs them, texts that do not
fit on a line folded, lines that end as on Unix.  Comments are kept: one on a line of its own stays above the line that
followed it, or below what it is indented with; one at the end of a line stays there.
``canonical(canonical(x)) == canonical(x)``, and both parse to the same data.
"""

from __future__ import annotations

import json
import re
import textwrap
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from sightglass.catalogue import yaml_source
from sightglass.catalogue.yaml_source import Place, Source
from sightglass.errors import FormError

WIDTH = 118
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9 _,;()/.'+&=?%~-]*(?:://[A-Za-z0-9_,;()/.'+&=?%~@:-]+)?")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_HASH = re.compile(r"(?:^|(?<=\s))#", re.MULTILINE)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def canonical(text: str, form: Any) -> str:
    """``text``, a file that parses, in canonical form; ``form`` is its model (``Paper``, ``list[Venue]``).

    Raises ``FormError`` if ``text`` does not parse, or could not be rewritten without changing what it says.
    """
    source = Source("text")
    yaml_source.parse(text, source)
    if source.problems:
        raise FormError(str(source.problems[0]))
    return rewrite(source, form)


def write(data: dict[str, Any], form: Any) -> str:
    """``data`` as the text of a new file."""
    return "".join(f"{line}\n" for line, _ in _emit(_ordered(data, form), (), 0))


def rewrite(source: Source, form: Any) -> str:
    """The canonical form of a file that was parsed; see ``canonical``."""
    if not isinstance(source.data, dict | list):
        raise FormError("the file holds neither keys nor a list")
    lines = list(_emit(_ordered(source.data, form), (), 0))
    text = source.text.removeprefix("\ufeff").replace("\r\n", "\n")
    written = "".join(f"{line}\n" for line in _with_comments(lines, text, source))
    if written == source.text:
        return written
    again = Source("text")
    yaml_source.parse(written, again)
    if again.data != source.data or _said(written) != _said(text):
        raise FormError("the file can't be brought into canonical form without changing what it says")
    return written


def _ordered(data: Any, annotation: Any) -> Any:
    """``data`` with the keys of every mapping in the order of the model that it belongs to."""
    model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    if isinstance(data, dict) and model is not None:
        fields = model.model_fields
        known = [name for name in fields if name in data]
        rest = [name for name in data if name not in fields]
        return {n: _ordered(data[n], fields[n].annotation if n in fields else None) for n in [*known, *rest]}
    if isinstance(data, dict):
        return _ordered(data, _model_in(annotation)) if _model_in(annotation) else data
    if isinstance(data, list):
        return [_ordered(value, _model_in(annotation)) for value in data]
    return data


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for model in map(_model_in, get_args(annotation)) if model is not None), None)


def _emit(data: Any, path: Place, indent: int) -> Iterator[tuple[str, Place]]:
    """Lines of a collection, each with the path of what starts on it."""
    pad = " " * indent
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        here = (*path, key)
        lead = f"{pad}{_scalar(key, 0)}:" if isinstance(data, dict) else f"{pad}-"
        if isinstance(value, dict | list) and not value:
            yield f"{lead} {'{}' if isinstance(value, dict) else '[]'}", here
        elif isinstance(value, dict | list) and isinstance(data, dict):
            yield lead, here
            yield from _emit(value, here, indent + 2)
        elif isinstance(value, dict | list):
            (first, inner), *rest = _emit(value, here, indent + 2)
            yield f"{lead} {first.lstrip()}", inner
            yield from rest
        else:
            first_line, *more = _scalar(value, len(lead) + 1, indent + 2).split("\n")
            yield f"{lead} {first_line}", here
            yield from ((line, here) for line in more)


def _scalar(value: Any, column: int, indent: int = 2) -> str:
    """A scalar as YAML; a text that would pass the margin is folded into lines of its own."""
    if not isinstance(value, str):
        return "null" if value is None else json.dumps(value)
    plain = value if _is_plain(value) else _quoted(value)
    if column + len(plain) <= WIDTH or " " not in value or not _folds(value):
        return plain
    wrapped = textwrap.wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join([">-", *(" " * indent + line for line in wrapped)])


def _is_plain(value: str) -> bool:
    if not value or value.lower() in _WORDS or not _visible(value) or value[0].isdigit():
        return False  # what begins with a digit is always quoted: the reader need not know which forms are numbers
    if _SAFE.fullmatch(value) and not value.endswith(" "):
        return True
    try:
        return bool(yaml.load(f"- {value}\n- k: {value}\n", _Loader) == [value, {"k": value}])  # noqa: S506  # safe loader
    except yaml.YAMLError:
        return False


def _quoted(value: str) -> str:
    return "".join(c if _visible(c) else rf"\U{ord(c):08x}" for c in json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> bool:
    return text.replace("\u3000", "").isprintable()  # the wide space of Chinese is as good as a letter


def _folds(value: str) -> bool:
    """Whether folding and unfolding gives the same text: single spaces only, printable."""
    return value == " ".join(value.split()) and value.isprintable()


@dataclass
class _Comments:
    """Comments by the path that they belong to; those at the end of the file by the empty path in ``below``."""

    above: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    beside: dict[Place, str] = field(default_factory=dict)
    below: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))


def _with_comments(lines: list[tuple[str, Place]], text: str, source: Source) -> Iterator[str]:
    if not _HASH.search(text):
        yield from (line for line, _ in lines)
        return
    comments = _comments(text, source)
    first: dict[Place, int] = {}  # the line on which a path starts
    last: dict[Place, int] = {}  # and the one on which it ends
    for number, (_, path) in enumerate(lines):
        for end in range(1, len(path) + 1):
            first.setdefault(path[:end], number)
            last[path[:end]] = number

    above: dict[int, list[str]] = defaultdict(list)
    for path in sorted(comments.above, key=len):
        indent = " " * _indent(lines[first[path]][0])
        above[first[path]] += [indent + comment for comment in comments.above[path]]
    below: dict[int, list[str]] = defaultdict(list)
    for path in sorted(filter(None, comments.below), key=len, reverse=True):
        indent = "  " * (len(path) - 1)
        below[last[path]] += [indent + comment for comment in comments.below[path]]
    for number, (line, path) in enumerate(lines):
        starting = [path[:end] for end in range(1, len(path) + 1) if first[path[:end]] == number]
        yield from above[number]
        yield "  ".join([line, *(comments.beside[p] for p in starting if p in comments.beside)])
        yield from below[number]
    yield from comments.below[()]


def _comments(text: str, source: Source) -> _Comments:
    starts: dict[int, list[Place]] = defaultdict(list)  # paths that start on a line, from outside to inside
    items = [(path, place) for path, place in source.values.items() if path and isinstance(path[-1], int)]
    for path, place in sorted([*source.keys.items(), *items], key=lambda pair: (pair[1], len(pair[0]))):
        starts[place[0]].append(path)
    found = {line: (column, comment) for line, column, comment in _found(text)}
    result = _Comments()
    waiting: list[tuple[int, str]] = []
    previous: Place = ()
    for number, written in enumerate([*text.split("\n"), ""], 1):
        column, comment = found.get(number, (0, ""))
        here = starts.get(number, [])
        at_end = number > text.count("\n") + 1
        if here or at_end:
            indent = _indent(written)
            for at, waited in waiting:
                if previous and at > indent:
                    result.below[_holder(previous, at, source)].append(waited)
                elif at_end:
                    result.below[()].append(waited)
                else:
                    result.above[here[0]].append(waited)
            waiting = []
        if here:
            previous = here[-1]
        if comment and here and here[-1] not in result.beside:
            result.beside[here[-1]] = comment
        elif comment:
            waiting.append((column, comment))
    return result


def _holder(path: Place, column: int, source: Source) -> Place:
    """The part of ``path`` that a comment below it, indented by ``column``, belongs to."""
    for end in range(len(path), 1, -1):
        part = path[:end]
        start = source.keys[part][1] - 1 if part in source.keys else source.values[part][1] - 3
        if start <= column:
            return part
    return path[:1]


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    """Line from 1, column from 0, and text of every comment; a '#' inside a scalar is none."""
    spans: list[tuple[int, int]] = []
    for token in yaml.scan(text, Loader=_Loader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            if token.style in ("|", ">"):  # a comment may stand in its first line
                start = (text + "\n").index("\n", start)
            spans.append((start, end))
    done = 0
    for match in _HASH.finditer(text):
        at = match.start()
        span = bisect(spans, (at, len(text))) - 1
        if at < done or (span >= 0 and at < spans[span][1]):
            continue
        done = (text + "\n").index("\n", at)
        yield text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at) - 1, text[at:done].rstrip()


def _said(text: str) -> Counter[str]:
    return Counter(comment for _, _, comment in _found(text)) if _HASH.search(text) else Counter()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
