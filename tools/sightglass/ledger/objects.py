"""Which objects under ``repro/`` some code reaches, each with a digest of what it says: the ground of every key.

An object is a function, a class or a constant at the top level of a module.  From the objects asked for, every name is
followed to the object that it stands for: through imports (local ones and re-exports too), through attributes of
modules, into decorators, base classes and default values.  A module that is used as a value counts whole.  Statements
that bind no name count with every module that is imported on the way.

Comments, docstrings, annotations and the texts of errors change no number and no digest.  The digests are the same
under every version of Python that we support.  Nothing is imported: no torch is needed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "repro"
STATEMENTS = "<module>"  # stands for the statements of a module that bind no name
MISSING = "missing"  # instead of a digest: the code names something that is not there

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class UnreadableError(ValueError):
    """A module cannot be followed: it has a syntax error or a star import, or lacks what was asked for."""


@dataclass(frozen=True)
class Reached:
    """Objects (``module:name``) to digests of 12 hexadecimal digits, and the packages outside that they use."""

    objects: dict[str, str]
    packages: frozenset[str]


def reached(root: Path, module: str, names: Iterable[str]) -> dict[str, str]:
    """All objects that ``names`` of a module reach, themselves included, with their digests.

    Raises UnreadableError if a module on the way cannot be followed, or if the module has none of a name.
    """
    return follow(root, module, names).objects


def follow(root: Path, module: str, names: Iterable[str]) -> Reached:
    """As ``reached``, with the packages outside ``repro/`` that the objects use."""
    walk = _Walk(root)
    for name in names:
        if name not in walk.module(module).bindings:
            raise UnreadableError(f"{module} has no '{name}'")
        walk.reach(walk.attribute(module, (name,)))
    return Reached(dict(sorted(walk.objects.items())), frozenset(walk.packages))


# What a module says


@dataclass(frozen=True)
class _Import:
    """What an import binds: a module, or what a module holds under a name."""

    module: str
    name: str | None = None


@dataclass(frozen=True)
class _Reference:
    """A name with the attributes read from it: ``scenes.load`` is ``scenes`` and ``("load",)``."""

    name: str
    attributes: tuple[str, ...]
    local: _Import | None = None  # what a function's own import binds the name to


@dataclass
class _Code:
    """The statements behind one name: their normal form and what they refer to."""

    text: str = ""
    references: set[_Reference] = field(default_factory=set)
    imports: set[_Import] = field(default_factory=set)  # what is imported inside


@dataclass
class _Module:
    bindings: dict[str, list[_Code | _Import]] = field(default_factory=dict)
    statements: _Code = field(default_factory=_Code)
    imports: set[_Import] = field(default_factory=set)


@functools.lru_cache(maxsize=1024)
def _parsed(source: bytes, module: str, is_package: bool) -> _Module:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UnreadableError(f"{module}, line {error.lineno}: {error.msg}") from error
    package = module if is_package else module.rpartition(".")[0]
    parsed = _Module()
    codes: dict[str, _Code] = {}
    for statement in _Normal().visit(tree).body:
        bound = _bound([statement], package)
        if isinstance(statement, ast.If) and _never_runs(statement.test):
            continue
        parsed.imports |= {target for targets in bound.values() for target in targets}
        if isinstance(statement, ast.Import):  # "import a.b" runs a.b, though it binds a
            parsed.imports |= {_Import(alias.name) for alias in statement.names}
        for name, targets in bound.items():
            parsed.bindings.setdefault(name, []).extend(targets)
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                if name not in codes:
                    codes[name] = _Code()
                    parsed.bindings[name].append(codes[name])
                _add(codes[name], statement, package)
        if not bound and not isinstance(statement, ast.Pass):
            _add(parsed.statements, statement, package)
    return parsed


def _never_runs(test: ast.expr) -> bool:
    """Whether this is the condition of what only type checkers or ``python -m`` run."""
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _add(code: _Code, statement: ast.stmt, package: str) -> None:
    found = _References(package)
    found.visit(statement)
    code.text += "".join(_serialised(statement)) + "\n"
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


def _serialised(value: object) -> Iterator[str]:
    """A tree as text without its empty fields: which of these there are differs between versions of Python."""
    if isinstance(value, ast.AST):
        yield f"{type(value).__name__}("
        for name, part in ast.iter_fields(value):
            constant = isinstance(value, ast.Constant) and name == "value"
            if name not in ("ctx", "kind", "type_comment") and (constant or (part is not None and part != [])):
                yield f"{name}="
                yield from _serialised(part)
                yield ","
        yield ")"
    elif isinstance(value, list):
        yield "["
        for part in value:
            yield from _serialised(part)
            yield ","
        yield "]"
    else:
        yield repr(value)


def _bound(statements: Iterable[ast.AST], package: str) -> dict[str, list[_Import]]:
    """The names that statements bind in their own scope, with what imports bind them to."""
    found: dict[str, list[_Import]] = {}
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


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, _Import]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                alias.asname or alias.name.split(".")[0],
                _Import(alias.name if alias.asname else alias.name.split(".")[0]),
            )
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        if alias.name == "*":
            raise UnreadableError(f"{package}, line {node.lineno}: a star import from {module} cannot be followed")
        yield alias.asname or alias.name, _Import(module, alias.name)


class _References(ast.NodeVisitor):
    """Names that some code reads from outside itself, each with the attributes that it reads of it."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.references: set[_Reference] = set()
        self.imports: set[_Import] = set()
        self.scopes: list[dict[str, list[_Import]]] = []

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
                self.references |= {_Reference(name, attributes, target) for target in scope[name]}
                return
        self.references.add(_Reference(name, attributes))

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

    def _visit_inside(self, scope: dict[str, list[_Import]], nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for each in nodes:
            self.visit(each)
        self.scopes.pop()

    def visit_Import(self, node: ast.Import) -> None:
        self.imports |= {_Import(alias.name) for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports |= {target for _, target in _imported(node, self.package)}


# Following names from module to module


@dataclass(frozen=True)
class _Found:
    """What a name stands for: an object, a whole module (no name), or something outside (no object of ours)."""

    module: str
    name: str | None = None
    outside: bool = False

    def __str__(self) -> str:
        return self.module if self.name is None else f"{self.module}:{self.name}"


class _Walk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects: dict[str, str] = {}
        self.packages: set[str] = set()
        self.modules: dict[str, _Module] = {}
        self.there: dict[str, bool] = {}
        self.run: set[str] = set()  # modules that are imported on the way
        self.pending: list[tuple[str, str, list[_Code]]] = []

    def module(self, name: str) -> _Module:
        """What a module says; a folder without __init__.py says nothing."""
        if name not in self.modules:
            place = self.root.joinpath(*name.split("."))
            files = place.with_suffix(".py"), place / "__init__.py"
            file = next((file for file in files if file.is_file()), None)
            if file is None and not place.is_dir():
                raise UnreadableError(f"there is no module {name}")
            source = file.read_bytes().replace(b"\r\n", b"\n") if file else b""
            self.modules[name] = _parsed(source, name, file != files[0])
        return self.modules[name]

    def exists(self, name: str) -> bool:
        """Whether there is a module of this name."""
        if name not in self.there:
            place = self.root.joinpath(*name.split("."))
            self.there[name] = place.is_dir() or place.with_suffix(".py").is_file()
        return self.there[name]

    def reach(self, found: Iterable[_Found]) -> None:
        """Take in what was found and all that it reaches in turn."""
        for each in found:
            self._take(each)
        while self.pending:
            key, module, codes = self.pending.pop()
            targets: list[str] = []
            for code in codes:
                for target in code.imports:
                    self._import(target)
                for reference in code.references:
                    for each in self._resolved(module, reference):
                        targets.append(".".join([reference.name, *reference.attributes]) + f" is {each}")
                        self._take(each)
            text = "".join(code.text for code in codes) + "\n".join(sorted(set(targets)))
            self.objects[key] = hashlib.sha256(text.encode()).hexdigest()[:12]

    def _take(self, found: _Found) -> None:
        if found.outside:
            self.packages.add(found.module.split(".")[0])
        elif not self.exists(found.module) or (found.name and found.name not in self.module(found.module).bindings):
            self.objects[str(found)] = MISSING
        elif found.name is None:
            self._run(found.module)
            for name, bound in self.module(found.module).bindings.items():
                if any(isinstance(each, _Code) or each.name for each in bound):  # modules that it imports are not in it
                    for each in self.attribute(found.module, (name,)):
                        if each.name or each.outside:
                            self._take(each)
        elif str(found) not in self.objects:
            self._run(found.module)
            self.objects[str(found)] = ""
            codes = [each for each in self.module(found.module).bindings[found.name] if isinstance(each, _Code)]
            self.pending.append((str(found), found.module, codes))

    def _run(self, name: str) -> None:
        """Importing a module runs it, its packages, and what it imports: their statements that bind no name count."""
        if name in self.run or name.split(".")[0] != PACKAGE or not self.exists(name):
            return
        self.run.add(name)
        if "." in name:
            self._run(name.rpartition(".")[0])
        module = self.module(name)
        if module.statements.text:
            key = f"{name}:{STATEMENTS}"
            self.objects[key] = ""
            self.pending.append((key, name, [module.statements]))
        for target in module.imports:
            self._import(target)

    def _import(self, target: _Import) -> None:
        self._run(target.module)
        if target.name:
            self._run(f"{target.module}.{target.name}")

    def _resolved(self, module: str, reference: _Reference) -> Iterator[_Found]:
        if reference.local:
            yield from self._behind(reference.local, reference.attributes)
        elif reference.name in self.module(module).bindings:
            yield from self.attribute(module, (reference.name, *reference.attributes))

    def _behind(
        self, target: _Import, attributes: tuple[str, ...], seen: frozenset[_Found] = frozenset()
    ) -> Iterator[_Found]:
        chain = (*([target.name] if target.name else []), *attributes)
        if target.module.split(".")[0] != PACKAGE:
            yield _Found(".".join([target.module, *([target.name] if target.name else [])]), outside=True)
        elif chain and self.exists(target.module):
            yield from self.attribute(target.module, chain, seen)
        else:
            yield _Found(target.module)

    def attribute(self, module: str, chain: tuple[str, ...], seen: frozenset[_Found] = frozenset()) -> Iterator[_Found]:
        """What the first name of a chain stands for in a module, the rest being read from that."""
        name, *rest = chain
        here, inner = _Found(module, name), f"{module}.{name}"
        bound = self.module(module).bindings.get(name)
        if bound and here not in seen:  # a package that imports its own module of this name would ask for ever
            if any(isinstance(each, _Code) for each in bound):
                yield here
            for each in bound:
                if isinstance(each, _Import):
                    yield from self._behind(each, tuple(rest), seen | {here})
        elif self.exists(inner):
            if rest:
                yield from self.attribute(inner, tuple(rest), seen)
            else:
                yield _Found(inner)
        elif not (name.startswith("__") and name.endswith("__")):
            yield here
