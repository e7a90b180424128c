"""Which line of code computes which equation: the comment ``# Eq. (2)`` beside it names the equation's number."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"Eq\. \(([A-Za-z0-9.-]+)\)")


@dataclass(frozen=True)
class Mark:
    """A comment that names an equation's number, and the statement that it stands in, without the comment."""

    number: str
    path: Path
    line: int
    column: int
    code: str


def marks(path: Path) -> list[Mark]:
    """All marks in one module, in the order of its lines; none if it is not Python.  Nothing is executed."""
    return _marks(path, path.read_text(encoding="utf-8", errors="replace"))


@functools.lru_cache(maxsize=1024)
def _marks(path: Path, source: str) -> list[Mark]:
    if not _NUMBER.search(source):
        return []
    lines = source.split("\n")
    comments: list[tokenize.TokenInfo] = []
    with suppress(tokenize.TokenError, SyntaxError):  # ruff tells of these
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments += [token for token in tokens if token.type == tokenize.COMMENT and _NUMBER.search(token.string)]
    for token in comments:
        row, column = token.start
        lines[row - 1] = lines[row - 1][:column].rstrip()
    found = []
    for token in comments:
        row, column = token.start
        first, last = _statement(source, row)
        code = "\n".join(lines[first - 1 : last])
        found += [Mark(each[1], path, row, column + 1 + each.start(), code) for each in _NUMBER.finditer(token.string)]
    return found


def _statement(source: str, row: int) -> tuple[int, int]:
    """First and last line of the smallest statement that holds a line; of a block only its head, up to that line."""
    holding = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and node.lineno <= row <= (node.end_lineno or node.lineno)
    ]
    if not holding:
        return row, row
    smallest = max(holding, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    end = smallest.end_lineno or row
    return (smallest.lineno, end) if not hasattr(smallest, "body") else (smallest.lineno, row)


def modules(root: Path, module: Path) -> list[Path]:
    """A method's module, and the modules of ``repro/engine`` that it imports itself: where its equations may stand."""
    engine = [root / "repro" / "engine" / f"{name}.py" for name in _engines(module.read_bytes())]
    return [module, *(path for path in engine if path.is_file())]


@functools.lru_cache(maxsize=1024)
def _engines(source: bytes) -> list[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "repro.engine":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("repro.engine."):
            names.add(str(node.module).rpartition(".")[2])
    return sorted(names)
