"""Which objects under ``repro/`` some code reaches, each with a digest of what it says: the ground of every key.

An object is a function, a class or a constant at the top level of a module.  From the objects asked for, every name is
followed to the object that it stands for: through imports (local ones and re-exports too), through attributes of
modules, into decorators, base classes and default values.  A module that is used as a value counts whole.  Statements
that bind no name count with every module that is imported on the way.

Comments, docstrings, annotations and the texts of errors change no number and no digest (``modules``).  Nothing is
imported: no torch is needed.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightglass.errors import UnreadableError
from sightglass.ledger.modules import Code, Import, Module, Reference, parse

PACKAGE = "repro"
STATEMENTS = "<module>"  # stands for the statements of a module that bind no name
MISSING = "missing"  # instead of a digest: the code names something that is not there


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
    return _follow(root, _state(root), module, tuple(names))


@functools.lru_cache(maxsize=1024)  # a site that is served asks again after each change
def _follow(root: Path, _: str, module: str, names: Sequence[str]) -> Reached:
    walk = _Walk(root)
    for name in names:
        if name not in walk.module(module).bindings:
            raise UnreadableError(f"{module} has no '{name}'")
        walk.reach(walk.attribute(module, (name,)))
    return Reached(dict(sorted(walk.objects.items())), frozenset(walk.packages))


def _state(root: Path) -> str:
    """A digest of all that following can depend on: which folders and modules there are, and what these say."""
    state = hashlib.sha256()
    for folder, folders, files in os.walk(root / PACKAGE):
        folders.sort()
        for name in ("", *sorted(file for file in files if file.endswith(".py"))):
            state.update(f"\0{folder}/{name}\0".encode())
            if name:
                with open(f"{folder}/{name}", "rb") as file:
                    state.update(file.read())
    return state.hexdigest()


def follow_script(root: Path, path: Path) -> Reached:
    """All objects that a file outside ``repro/`` reaches, its own code included: a tutorial's."""
    return _follow_script(root, _state(root), path.stem, path.read_bytes().replace(b"\r\n", b"\n"))


@functools.lru_cache(maxsize=1024)
def _follow_script(root: Path, _: str, name: str, source: bytes) -> Reached:
    walk = _Walk(root)
    module = walk.modules[name] = parse(source, name, False)
    walk.there[name] = True
    walk.objects[f"{name}:{STATEMENTS}"] = ""
    walk.pending.append((f"{name}:{STATEMENTS}", name, [module.statements]))
    for target in module.imports:
        walk._import(target)
    own = [bound for bound, found in module.bindings.items() if any(isinstance(each, Code) for each in found)]
    walk.reach(_Found(name, bound) for bound in own)
    return Reached(dict(sorted(walk.objects.items())), frozenset(walk.packages))


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
        self.modules: dict[str, Module] = {}
        self.there: dict[str, bool] = {}
        self.run: set[str] = set()  # modules that are imported on the way
        self.pending: list[tuple[str, str, list[Code]]] = []

    def module(self, name: str) -> Module:
        """What a module says; a folder without __init__.py says nothing."""
        if name not in self.modules:
            place = self.root.joinpath(*name.split("."))
            files = place.with_suffix(".py"), place / "__init__.py"
            file = next((file for file in files if file.is_file()), None)
            if file is None and not place.is_dir():
                raise UnreadableError(f"there is no module {name}")
            source = file.read_bytes().replace(b"\r\n", b"\n") if file else b""
            self.modules[name] = parse(source, name, file != files[0])
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
                if any(isinstance(each, Code) or each.name for each in bound):  # modules that it imports are not in it
                    for each in self.attribute(found.module, (name,)):
                        if each.name or each.outside:
                            self._take(each)
        elif str(found) not in self.objects:
            self._run(found.module)
            self.objects[str(found)] = ""
            codes = [each for each in self.module(found.module).bindings[found.name] if isinstance(each, Code)]
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

    def _import(self, target: Import) -> None:
        self._run(target.module)
        if target.name:
            self._run(f"{target.module}.{target.name}")

    def _resolved(self, module: str, reference: Reference) -> Iterator[_Found]:
        if reference.local:
            yield from self._behind(reference.local, reference.attributes)
        elif reference.name in self.module(module).bindings:
            yield from self.attribute(module, (reference.name, *reference.attributes))

    def _behind(
        self, target: Import, attributes: tuple[str, ...], seen: frozenset[_Found] = frozenset()
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
            if any(isinstance(each, Code) for each in bound):
                yield here
            for each in bound:
                if isinstance(each, Import):
                    yield from self._behind(each, tuple(rest), seen | {here})
        elif self.exists(inner):
            if rest:
                yield from self.attribute(inner, tuple(rest), seen)
            else:
                yield _Found(inner)
        elif not (name.startswith("__") and name.endswith("__")):
            yield here
