"""The sentences of the errors that some code raises, and what a reader would stumble over in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CAPITAL = re.compile(r"(?!Crossref)[A-Z][a-z]")


class Raised(NamedTuple):
    place: str
    error: str
    words: str  # a value that is filled in stands as X


def raised(paths: Iterable[Path]) -> Iterator[Raised]:
    """Every error that the modules raise with a sentence."""
    for path in sorted(paths):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                yield Raised(f"{path.name}:{node.lineno}", ast.unparse(node.exc.func), _words(node.exc.args[0]))


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)


def faults(words: str) -> list[str]:
    """What a reader would stumble over in an error's sentence."""
    rules = {
        "more than one line": "\n" in words,
        "too long": len(words) > 160,
        "too short to say what to do": len(words) < 20 and "X" not in words,  # what is filled in may say it
        "a capital or a full stop, as if it were a text": bool(CAPITAL.match(words)) or words.endswith("."),
        "shouts, or begs": bool(re.search(r"!|\b(please|invalid|illegal|error)\b", words, re.IGNORECASE)),
    }
    return [rule for rule, broken in rules.items() if broken]


def classes_of(base: type[Exception]) -> dict[str, type[Exception]]:
    """All classes below an error, by name."""
    found = {cls.__name__: cls for cls in base.__subclasses__()}
    return found | {name: cls for each in list(found.values()) for name, cls in classes_of(each).items()}


def untold(base: type[Exception]) -> list[str]:
    """The classes below an error whose docstring is no sentence on one line."""
    told = {name: cls.__doc__ or "" for name, cls in classes_of(base).items()}
    return [name for name, words in told.items() if not words.endswith(".") or "\n" in words]
