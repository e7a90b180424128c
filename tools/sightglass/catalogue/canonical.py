"""The one form in which a catalogue file is written, so that a diff shows what changed and nothing else.

Keys in the order of the model's fields, two spaces, block style, quotes only where YAML needs them, texts that do not
fit on a line folded, lines that end as on Unix.  A file with a comment has no canonical form: keys change their places,
and no rule says where a comment goes.  ``canonical(canonical(x)) == canonical(x)``, and both parse to the same data.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from sightglass.catalogue import yaml_source
from sightglass.catalogue.yaml_source import Source
from sightglass.errors import FormError

WIDTH = 118
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9 _,;()/.'+&=?%~-]*(?:://[A-Za-z0-9_,;()/.'+&=?%~@:-]+)?")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_HASH = re.compile(r"(?:^|(?<=\s))#", re.MULTILINE)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def canonical(text: str, form: Any) -> str:
    """``text``, a file that parses, in canonical form; ``form`` is its model (``Paper``, ``list[Venue]``).

    Raises ``FormError`` if ``text`` does not parse, has a comment, or could not be rewritten without changing its data.
    """
    source = Source("text")
    yaml_source.parse(text, source)
    if source.problems:
        raise FormError(str(source.problems[0]))
    return rewrite(source, form)


def write(data: dict[str, Any] | list[Any], form: Any) -> str:
    """``data`` as the text of a new file."""
    return "".join(f"{line}\n" for line in _emit(_ordered(data, form), 0))


def rewrite(source: Source, form: Any) -> str:
    """The canonical form of a file that was parsed; see ``canonical``."""
    if not isinstance(source.data, dict | list):
        raise FormError("the file holds neither keys nor a list")
    written = write(source.data, form)
    if written == source.text:
        return written
    if place := _comment(source.text):
        raise FormError("a comment would get lost; put it into a field (notes, unconfirmed) or the commit", *place)
    again = Source("text")
    yaml_source.parse(written, again)
    if again.data != source.data:
        raise FormError("the file can't be brought into canonical form without changing what it says")
    return written


def _comment(text: str) -> tuple[int, int] | None:
    """Line and column of the first comment; a '#' inside a scalar is none."""
    if not _HASH.search(text):
        return None
    outside, done = "", 0
    for token in yaml.scan(text, Loader=_Loader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            if token.style in ("|", ">"):  # a comment may stand in its first line
                start = (text + "\n").index("\n", start)
            outside += text[done:start] + "x" * (end - start)
            done = end
    found = _HASH.search(outside + text[done:])
    return yaml_source.place_after(text[: found.start()]) if found else None


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


def _emit(data: Any, indent: int) -> Iterator[str]:
    """The lines of a collection."""
    pad = " " * indent
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        lead = f"{pad}{_scalar(key, 0)}:" if isinstance(data, dict) else f"{pad}-"
        if isinstance(value, dict | list) and not value:
            yield f"{lead} {'{}' if isinstance(value, dict) else '[]'}"
        elif isinstance(value, dict | list) and isinstance(data, dict):
            yield lead
            yield from _emit(value, indent + 2)
        elif isinstance(value, dict | list):
            first, *rest = _emit(value, indent + 2)
            yield f"{lead} {first.lstrip()}"
            yield from rest
        else:
            yield from f"{lead} {_scalar(value, len(lead) + 1, indent + 2)}".split("\n")


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
