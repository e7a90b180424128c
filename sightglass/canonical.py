"""The one form in which a catalogue file is written, so that a diff shows what changed and nothing else.

Keys in the order of the model's fields, two spaces, block style, quotes only where YAML needs them, texts that do not
fit on a line folded.  Comments are kept: one on a line of its own stays above the line that followed it, one at the
end of a line stays there.  ``canonical(canonical(x)) == canonical(x)``, and both parse to the same data.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from sightglass import yaml_source
from sightglass.yaml_source import Place, Source

WIDTH = 118
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9 _,;()/.'+&=?%~-]*(?:://[A-Za-z0-9_,;()/.'+&=?%~@:-]+)?")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def canonical(text: str, model: type[BaseModel]) -> str:
    """``text``, a file that parses, in canonical form; ``model`` gives the order of keys.

    Raises ``ValueError`` if ``text`` does not parse, or could not be rewritten without changing what it says.
    """
    source = Source("text")
    yaml_source.parse(text, source)
    if source.problems:
        raise ValueError(str(source.problems[0]))
    lines: list[tuple[str, Place]] = list(_emit(_ordered(source.data, model), (), 0))
    written = "\n".join(line for line, _ in _with_comments(lines, text, source)) + "\n"
    again = Source("text")
    yaml_source.parse(written, again)
    if again.data != source.data:
        raise ValueError("the file can't be brought into canonical form without changing what it says")
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
            first, *rest = _emit(value, here, indent + 2)
            yield f"{lead} {first[0].lstrip()}", here
            yield from rest
        else:
            first_line, *more = _scalar(value, len(lead) + 1, indent + 2).split("\n")
            yield f"{lead} {first_line}", here
            yield from ((line, here) for line in more)


def _scalar(value: Any, column: int, indent: int = 2) -> str:
    """A scalar as YAML; a text that would pass the margin is folded into lines of its own."""
    if not isinstance(value, str):
        return "null" if value is None else json.dumps(value)
    plain = value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    if column + len(plain) <= WIDTH or " " not in value or not _folds(value):
        return plain
    wrapped = textwrap.wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join([">-", *(" " * indent + line for line in wrapped)])


def _is_plain(value: str) -> bool:
    if not value or value.lower() in _WORDS or "\n" in value or value[0].isdigit():
        return False  # what begins with a digit is always quoted: the reader need not know which forms are numbers
    if _SAFE.fullmatch(value) and not value.endswith(" "):
        return True
    try:
        return bool(yaml.load(f"- {value}\n- k: {value}\n", _Loader) == [value, {"k": value}])  # noqa: S506  # safe loader
    except yaml.YAMLError:
        return False


def _folds(value: str) -> bool:
    """Whether folding and unfolding gives the same text: single spaces only, printable."""
    return value == " ".join(value.split()) and value.isprintable()


def _with_comments(lines: list[tuple[str, Place]], text: str, source: Source) -> Iterator[tuple[str, Place]]:
    above, beside, below = _comments(text, source)
    done: set[Place] = set()
    for line, path in lines:
        paths = [path[:end] for end in range(1, len(path) + 1) if path[:end] not in done]
        done.update(paths)
        indent = " " * (len(line) - len(line.lstrip()))
        for comment in (comment for p in paths for comment in above.get(p, [])):
            yield indent + comment, path
        remarks = [beside[p] for p in paths if p in beside]
        yield "  ".join([line, *remarks]), path
    yield from ((comment, ()) for comment in below)


def _comments(text: str, source: Source) -> tuple[dict[Place, list[str]], dict[Place, str], list[str]]:
    """Comments above a path, beside a path, and below everything."""
    starts: dict[int, Place] = {}
    items = [(path, place) for path, place in source.values.items() if path and isinstance(path[-1], int)]
    for path, (line, _) in sorted([*source.keys.items(), *items], key=lambda pair: (pair[1], len(pair[0]))):
        starts.setdefault(line, path)
    inside: set[int] = set()  # lines of a multi-line scalar: a '#' there is text
    ends: dict[int, int] = {}  # column after the last token of a line
    for token in yaml.scan(text, Loader=_Loader):
        first, last = token.start_mark, token.end_mark
        if isinstance(token, yaml.ScalarToken):
            final = last.line if last.column else last.line - 1
            inside.update(range(first.line + 2, final + 2))
            if token.style in (">", "|"):
                ends[first.line + 1] = max(ends.get(first.line + 1, 0), first.column + 2)
                continue
        if not isinstance(token, yaml.BlockEndToken | yaml.StreamEndToken):
            ends[last.line + 1] = max(ends.get(last.line + 1, 0), last.column)
    above: dict[Place, list[str]] = {}
    beside: dict[Place, str] = {}
    waiting: list[str] = []
    for number, written in enumerate(text.split("\n"), 1):
        if number in inside:
            continue
        if written.lstrip().startswith("#"):
            waiting.append(written.strip())
            continue
        if number in starts:
            if waiting:
                above[starts[number]] = waiting
                waiting = []
            rest = written[ends.get(number, len(written)) :].strip()
            if rest.startswith("#"):
                beside[starts[number]] = rest
    return above, beside, waiting
