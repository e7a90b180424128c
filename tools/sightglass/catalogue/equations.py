"""Which line of code computes which equation: the comment ``# Eq. (2)`` beside it names the equation's number."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(r"#.*?\bEqs?\. ?\(.*")
_NUMBER = re.compile(r"\(([A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*)\)")


@dataclass(frozen=True)
class Mark:
    """A line that bears an equation's number; ``code`` is the whole statement without its comments' mark."""

    number: str
    path: Path
    line: int
    code: str


def marks(path: Path) -> list[Mark]:
    """All marks in one module, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    lines = source.split("\n")
    found = []
    for row, line in enumerate(lines, 1):
        comment = _COMMENT.search(line)
        if comment:
            first, last = _statement(source, row)
            code = "\n".join(_COMMENT.sub("", each).rstrip() for each in lines[first - 1 : last])
            found += [Mark(number, path, row, code) for number in _NUMBER.findall(comment[0])]
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
    names = set[str]()
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module == "repro.engine":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("repro.engine."):
            names.add(str(node.module).rpartition(".")[2])
    engine = [root / "repro" / "engine" / f"{name}.py" for name in sorted(names)]
    return [module, *(path for path in engine if path.is_file())]
