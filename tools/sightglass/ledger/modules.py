"""What a module says: for each name that it binds, the code behind it in a normal form, and what that refers to.

The normal form leaves out what changes no number: comments, docstrings, annotations, the texts of errors.  It is the
same under every version of Python that we support.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sightglass.errors import UnreadableError

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Import:
    """What an import binds: a module, or what a module holds under a name."""

    module: str
    name: str | None = None


@dataclass(frozen=True)
class Reference:
    """A name with the attributes read from it: ``scenes.load`` is ``scenes`` and ``("load",)``."""

    name: str
    attributes: tuple[str, ...]
    local: Import | None = None  # what a function's own import binds the name to


@dataclass
class Code:
    """The statements behind one name: their normal form and what they refer to."""

    text: str = ""
    references: set[Reference] = field(default_factory=set)
    imports: set[Import] = field(default_factory=set)  # what is imported inside


@dataclass
class Module:
    """What a module binds, with imports; its statements that bind nothing; and all that it imports."""

    bindings: dict[str, list[Code | Import]] = field(default_factory=dict)
    statements: Code = field(default_factory=Code)
    imports: set[Import] = field(default_factory=set)


@functools.lru_cache(maxsize=1024)
def parse(source: bytes, module: str, is_package: bool) -> Module:
    """What the source of a module says; UnreadableError for a syntax error or a star import."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UnreadableError(f"{module}, line {error.lineno}: {error.msg}") from error
    package = module if is_package else module.rpartition(".")[0]
    parsed = Module()
    codes: dict[str, Code] = {}
    for statement in _Normal().visit(tree).body:
        bound = _bound([statement], package)
        if isinstance(statement, ast.If) and not statement.orelse and _never_runs(statement.test):
            continue
        parsed.imports |= {target for targets in bound.values() for target in targets}
        if isinstance(statement, ast.Import):  # "import a.b" runs a.b, though it binds a
            parsed.imports |= {Import(alias.name) for alias in statement.names}
        for name, targets in bound.items():
            parsed.bindings.setdefault(name, []).extend(targets)
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                if name not in codes:
                    codes[name] = Code()
                    parsed.bindings[name].append(codes[name])
                _add(codes[name], statement, package)
        if not bound and not isinstance(statement, ast.Pass):
            _add(parsed.statements, statement, package)
    return parsed


def _never_runs(test: ast.expr) -> bool:
    """Whether this is the condition of what only type checkers or ``python -m`` run."""
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _add(code: Code, statement: ast.stmt, package: str) -> None:
    found = _References(package)
    found.visit(statement)
    parts: list[str] = []
    _serialise(statement, parts)
    code.text += "".join(parts) + "\n"
    code.references |= found.references
    code.imports |= found.imports


class _Normal(ast.NodeTransformer):
    """Leaves out what changes no number: texts that stand alone, annotations but for a class's, texts of errors."""

    in_class = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._visited(node, in_class=True)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._visited(node, in_class=False)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._visited(node, in_class=False)

    def _visited(self, node: ast.AST, in_class: bool) -> ast.AST:
        outside, self.in_class = self.in_class, in_class
        self.generic_visit(node)
        self.in_class = outside
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if self.in_class:
            return node  # a field of a dataclass
        return node.value and ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args = [each for each in node.exc.args if not _is_text(each)]
        return self.generic_visit(node)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _serialise(value: object, parts: list[str]) -> None:
    """A tree as text without its empty fields: which of these there are differs between versions of Python."""
    if isinstance(value, ast.AST):
        parts.append(f"{type(value).__name__}(")
        for name, part in ast.iter_fields(value):
            constant = isinstance(value, ast.Constant) and name == "value"
            if name not in ("ctx", "kind", "type_comment") and (constant or (part is not None and part != [])):
                parts.append(f"{name}=")
                _serialise(part, parts)
                parts.append(",")
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for part in value:
            _serialise(part, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(repr(value))


def _bound(statements: Iterable[ast.AST], package: str) -> dict[str, list[Import]]:
    """The names that statements bind in their own scope, with what imports bind them to."""
    found: dict[str, list[Import]] = {}
    elsewhere: set[str] = set()
    pending = list(statements)[::-1]
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.setdefault(node.name, [])
                continue
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                for inner in ast.walk(node):
                    if isinstance(inner, ast.NamedExpr):
                        found.setdefault(inner.target.id, [])
                continue
            case ast.Import() | ast.ImportFrom():
                for name, target in _imported(node, package):
                    found.setdefault(name, []).append(target)
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                found.setdefault(name, [])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.setdefault(name, [])
            case ast.MatchMapping(rest=str(name)):
                found.setdefault(name, [])
            case ast.Global() | ast.Nonlocal():
                elsewhere.update(node.names)
        pending += list(ast.iter_child_nodes(node))[::-1]
    return {name: targets for name, targets in found.items() if name not in elsewhere}


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Import]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                alias.asname or alias.name.split(".")[0],
                Import(alias.name if alias.asname else alias.name.split(".")[0]),
            )
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        if alias.name == "*":
            raise UnreadableError(f"{package}, line {node.lineno}: a star import from {module} cannot be followed")
        yield alias.asname or alias.name, Import(module, alias.name)


class _References(ast.NodeVisitor):
    """Names that some code reads from outside itself, each with the attributes that it reads of it."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.references: set[Reference] = set()
        self.imports: set[Import] = set()
        self.scopes: list[dict[str, list[Import]]] = []

    def visit_Name(self, node: ast.Name) -> None:
        self._refer(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            attributes.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            self._refer(value.id, tuple(reversed(attributes)))
        else:
            self.visit(value)

    def _refer(self, name: str, attributes: tuple[str, ...]) -> None:
        for scope in reversed(self.scopes):
            if name in scope:
                self.references |= {Reference(name, attributes, target) for target in scope[name]}
                return
        self.references.add(Reference(name, attributes))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node, [node.body])

    def _visit_function(self, node: _Function | ast.Lambda, body: Iterable[ast.AST]) -> None:
        given = node.args
        outside = [*given.defaults, *given.kw_defaults, *getattr(node, "decorator_list", [])]
        for each in outside:
            if each is not None:
                self.visit(each)
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        scope = _bound(body, self.package) | {each.arg: [] for each in arguments if each}
        self._visit_inside(scope, body)

    def _visit_comprehension(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)  # this one is read outside
        targets = [generator.target for generator in node.generators]
        self._visit_inside(_bound(targets, self.package), ast.iter_child_nodes(node))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815  # as ast calls them

    def _visit_inside(self, scope: dict[str, list[Import]], nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for each in nodes:
            self.visit(each)
        self.scopes.pop()

    def visit_Import(self, node: ast.Import) -> None:
        self.imports |= {Import(alias.name) for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports |= {target for _, target in _imported(node, self.package)}
